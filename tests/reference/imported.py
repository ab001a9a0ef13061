"""Made-up files to import: water molecules whose labels are known functions of a seed."""

import numpy as np
from ase import Atoms
from ase.build import molecule

from bench.reference.import_options import Import, read_options

KEYS = {"energy": "DFT_energy", "forces": "DFT_forces", "total_charge": "q", "field": "E"}


def water(seed, field=0.0, charge=0.0):
    """A molecule in a periodic box, with labels in the file's own units and keys."""
    rng = np.random.default_rng(seed)
    atoms = Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], cell=[12, 12, 20], pbc=True)
    atoms.positions += 5 + 0.05 * rng.normal(size=(3, 3))
    charges = np.array([-0.6, 0.3, 0.3]) + charge / 3
    atoms.arrays["DFT_forces"] = rng.normal(size=(3, 3))
    atoms.arrays["AIMS_atom_multipoles"] = np.column_stack([charges, 0.1 * rng.normal(size=(3, 3))])
    atoms.info.update(DFT_energy=-17.0 - 0.01 * seed, E=np.array([0, 0, field]), q=charge)
    return atoms


def stated(boundary="slab", **options):
    """What a user says of such a file; ``map`` is added to its keys."""
    keys = KEYS | options.pop("map", {})
    return read_options(
        Import(file="mine.xyz", name="mine", boundary=boundary, map=keys, **options)
    )


def crystal(seed=0):
    """Two atoms of rattled caesium chloride with made-up labels."""
    rng = np.random.default_rng(seed)
    atoms = Atoms("CsCl", [[0, 0, 0], [2.06, 2.06, 2.06]], cell=[4.12] * 3, pbc=True)
    atoms.positions += 0.05 * rng.normal(size=(2, 3))
    atoms.arrays["DFT_forces"] = rng.normal(size=(2, 3))
    atoms.info.update(DFT_energy=-3.0 - seed, q=0.0, E=np.zeros(3))
    return atoms


def ethanol_cut_by_a_face():
    """A molecule in a box of 12 Å, wrapped into it, and its distances before."""
    atoms = molecule("CH3CH2OH", cell=[12.0] * 3, pbc=True)
    distances = atoms.get_all_distances()
    atoms.positions += [11.8, 11.9, 0.1]
    atoms.wrap()
    return atoms, distances
