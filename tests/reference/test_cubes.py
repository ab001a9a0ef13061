"""The partition on full densities of CP2K, one per system, against the committed labels.

Each file in ``cubes`` holds round(32767 |n/max|^(1/4)) with the density's sign, which moves charges
by 2e-5 e, atomic dipoles by 1e-5 e Å and a slab's dipole by 1e-4 e Å.
"""

from pathlib import Path

import numpy as np
import pytest
from ase.units import Bohr

from bench.paths import shipped
from bench.reference.cp2k_input import valence
from bench.reference.partition import (
    Grid,
    dipole_from_profile,
    load_proatoms,
    proatom_checksums,
    restore_sum_rules,
    stockholder,
)
from bench.reference.store import Store

CUBES = Path(__file__).parent / "cubes"
CONTRACTED = Path(__file__).parent / "recorded" / "contracted_proatoms.npz"
SYSTEM = {"al0000": "al_water", "pt0166": "pt_water", "si0037": "sio2_vacancy"}


def store_of(uid):
    return Store(shipped("datasets") / SYSTEM[uid])


def structure_and_density(uid):
    """The structure, and the density on the grid of the exact cell."""
    atoms = next(a for a in store_of(uid).plan() if a.info["uid"] == uid)
    with np.load(CUBES / f"{uid}.npz") as kept:
        root = kept["fourth_root"] / 32767.0
        density = np.sign(root) * root**4 * float(kept["largest"])
    return atoms, Grid(density / Bohr**3, atoms.cell.array)


@pytest.fixture(params=SYSTEM)
def labelled_cube(request):
    """Structure, its label, and its density."""
    atoms, grid = structure_and_density(request.param)
    return atoms, store_of(request.param).read_label(request.param), grid


def with_the_headers_rounding(grid):
    """The grid that a reader of the cube file assumes: steps with six decimals in Bohr."""
    points = np.array(grid.density.shape)[:, None]
    return Grid(grid.density, np.round(grid.cell / Bohr / points, 6) * points * Bohr)


def of_the_label(atoms, label):
    """The free atoms that the label says it was made with: today's or the contracted ones."""
    recorded = label["provenance"]["proatoms"]
    for proatoms in (load_proatoms(), load_proatoms(CONTRACTED)):
        if proatom_checksums(atoms.numbers, proatoms) == recorded:
            return proatoms
    raise AssertionError(f"unknown free atoms {recorded}")


def test_the_partition_gives_the_label(labelled_cube):
    atoms, label, grid = labelled_cube
    ions = valence(atoms)
    whole = grid.normalised(ions.sum() - atoms.info["total_charge"])
    proatoms = of_the_label(atoms, label)
    charges, dipoles = stockholder(whole, atoms.positions, atoms.numbers, ions, proatoms)
    slab = label["dipole_z"] is not None
    dipole = dipole_from_profile(*whole.profile(), atoms.positions, ions) if slab else 0.0
    if slab:
        assert dipole == pytest.approx(label["dipole_z"], abs=2e-4)
    corrected = restore_sum_rules(
        charges,
        dipoles,
        atoms.positions,
        total_charge=float(atoms.info["total_charge"]),
        dipole=np.array([0.0, 0.0, dipole]),
        mask=np.array([0, 0, slab]),
    )
    np.testing.assert_allclose(corrected.charges, label["charges"], atol=5e-5)
    np.testing.assert_allclose(corrected.dipoles, label["dipoles"], atol=2e-5)
    assert corrected.largest_correction < 5e-6


def test_electrons_in_excess_come_from_the_header_and_scaling_does_not_mend_them(labelled_cube):
    atoms, label, grid = labelled_cube
    electrons = valence(atoms).sum() - atoms.info["total_charge"]
    assert abs(grid.electrons - electrons) < 1e-4
    rounded = with_the_headers_rounding(grid)
    assert rounded.electrons - electrons > 2e-4
    if label["dipole_z"] is not None:
        scaled = rounded.normalised(electrons).profile()
        error = dipole_from_profile(*scaled, atoms.positions, valence(atoms)) - label["dipole_z"]
        assert abs(error) > 1e-3


@pytest.mark.parametrize(
    ("uid", "cp2k", "contracted"), [("pt0166", -0.186, 0.147), ("al0000", -0.027, 0.125)]
)
def test_water_gains_electrons_from_the_metal(uid, cp2k, contracted):
    """CP2K's Hirshfeld charges of the same density say so; a contracted hydrogen reverses it."""
    atoms, grid = structure_and_density(uid)
    ions = valence(atoms)
    whole = grid.normalised(ions.sum())
    water = (atoms.numbers == 1) | (atoms.numbers == 8)

    def charge(proatoms):
        found = stockholder(whole, atoms.positions, atoms.numbers, ions, proatoms)[0]
        return found[water].sum()

    hirshfeld = np.array(store_of(uid).read_label(uid)["hirshfeld"])[water].sum()
    assert hirshfeld == pytest.approx(cp2k, abs=1e-9)
    assert charge(load_proatoms()) == pytest.approx(hirshfeld, abs=0.1)
    assert charge(load_proatoms()) < -0.01
    assert charge(load_proatoms(CONTRACTED)) == pytest.approx(contracted, abs=1e-3)
