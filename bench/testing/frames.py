"""Small structures with made-up labels for tests: one per boundary condition."""

from __future__ import annotations

import ase
import numpy as np
from ase.build import fcc111, molecule

from bench.labels.keys import (
    DIPOLE_MASK_KEY,
    ELECTRIC_FIELD_KEY,
    MULTIPLICITY_KEY,
    TOTAL_CHARGE_KEY,
)
from bench.labels.quantities import (
    DIPOLE,
    ENERGY,
    FERMI_LEVEL,
    FORCES,
    MULTIPOLES,
    POLARIZABILITY,
    STRESS,
)
from bench.structures import alpha_quartz


def slab(*, field: float = 0.2, height: float = 22.0) -> ase.Atoms:
    """Two layers of Al(111) with one water, 7 atoms, in a field along z."""
    atoms = fcc111("Al", (2, 1, 2), a=4.05, orthogonal=False, vacuum=0.0)
    water = molecule("H2O")
    water.rotate(40, (1, 0.3, 0.2))
    top = atoms.positions[:, 2].max()
    water.translate(-water.positions[0] + [1.0, 0.7, top + 2.4])
    atoms += water
    cell = atoms.cell.array.copy()
    cell[2] = [0, 0, height]
    atoms.set_cell(cell)
    atoms.pbc = [True, True, False]
    atoms.positions[:, 2] += 6.0
    return labelled(atoms, seed=1, field=[0, 0, field])


def bulk(*, charge: float = 1.0) -> ase.Atoms:
    """The primitive cell of quartz, 9 atoms, charged."""
    return labelled(alpha_quartz(), seed=2, charge=charge)


def cluster(*, field: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> ase.Atoms:
    """Two water molecules in open boundaries."""
    atoms = molecule("H2O")
    other = molecule("H2O")
    other.rotate(70, (0.2, 1.0, 0.4))
    other.translate([2.6, 0.8, 0.5])
    atoms += other
    atoms.pbc = False
    return labelled(atoms, seed=3, field=field)


def labelled(
    atoms: ase.Atoms, *, seed: int, charge: float = 0.0, field: object = (0.0, 0.0, 0.0)
) -> ase.Atoms:
    """A copy, shaken a little, with deterministic labels of plausible size; Σq = charge."""
    random = np.random.default_rng(seed)
    labels = ase.Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    labels.positions += 0.05 * random.normal(size=labels.positions.shape)
    multipoles = 0.1 * random.normal(size=(len(labels), 4))
    multipoles[:, 0] += charge / len(labels) - multipoles[:, 0].mean()
    open_axes = ~labels.pbc & (labels.pbc.sum() < 3)
    cartesian = multipoles[:, 0] @ labels.positions + multipoles[:, [3, 1, 2]].sum(0)
    labels.arrays[MULTIPOLES.reference_key] = multipoles
    labels.arrays[FORCES.reference_key] = random.normal(size=(len(labels), 3))
    labels.info |= {
        ENERGY.reference_key: -100.0 * len(labels) + random.normal(),
        DIPOLE.reference_key: np.where(open_axes, cartesian, 0.0),
        DIPOLE_MASK_KEY: open_axes.astype(int),
        FERMI_LEVEL.reference_key: random.normal(),
        ELECTRIC_FIELD_KEY: np.array(field, dtype=float),
        TOTAL_CHARGE_KEY: charge,
        MULTIPLICITY_KEY: 1,
        "uid": f"t{seed}",
        "group": f"g{seed}",
        "subset": "made_up",
        "split": "train",
        "trajectory": f"trajectory{seed}",
    }
    tensor = random.normal(size=(3, 3))
    kind = POLARIZABILITY if open_axes.any() else STRESS
    labels.info[kind.reference_key] = tensor + tensor.T
    return labels
