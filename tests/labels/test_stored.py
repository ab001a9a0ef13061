"""What a structure has of a quantity, and which components of it mean something."""

import numpy as np
import pytest

from bench.labels.quantities import (
    DIPOLE,
    ENERGY,
    FORCES,
    MULTIPOLES,
    POLARIZABILITY,
    STRESS,
    TOTAL_CHARGE,
)
from bench.labels.stored import can_have, defined, is_stated, known, labelled_values, stored
from bench.testing.frames import bulk, cluster, slab


def test_per_atom_values_are_arrays_with_a_row_each_and_the_others_info():
    atoms = cluster()
    assert stored(atoms, FORCES, "REF_forces").shape == (6, 3)
    assert stored(atoms, ENERGY, "REF_energy").tolist() == [atoms.info["REF_energy"]]
    assert stored(atoms, POLARIZABILITY, "REF_polarizability").shape == (9,)
    assert stored(atoms, TOTAL_CHARGE, TOTAL_CHARGE.reference_key).tolist() == [0.0]
    assert stored(atoms, ENERGY, "PRED_energy") is None
    assert is_stated(atoms, DIPOLE) and not is_stated(atoms, STRESS)


@pytest.mark.parametrize(("columns", "expected"), [(0, 0), (1, 1), (4, 4)])
def test_columns_that_are_missing_are_not_known(columns, expected):
    atoms = cluster()
    whole = atoms.arrays.pop("REF_multipoles")
    if columns:
        atoms.arrays["REF_multipoles"] = whole[:, :columns]
    assert known(atoms, MULTIPOLES).tolist() == [k < expected for k in range(4)]
    values = labelled_values(atoms, MULTIPOLES)
    assert np.array_equal(values[:, :columns], whole[:, :columns])
    assert not values[:, columns:].any()


@pytest.mark.parametrize(
    ("make", "dipole", "stress"),
    [(slab, [0, 0, 1], False), (cluster, [1, 1, 1], False), (bulk, [0, 0, 0], True)],
)
def test_dipoles_are_of_open_axes_and_stresses_of_crystals(make, dipole, stress):
    atoms = make()
    assert defined(atoms, DIPOLE).tolist() == dipole
    assert defined(atoms, POLARIZABILITY).tolist() == np.outer(dipole, dipole).ravel().tolist()
    assert defined(atoms, STRESS).tolist() == [stress] * 9
    assert defined(atoms, MULTIPOLES).all()
    for quantity in (DIPOLE, STRESS, POLARIZABILITY):
        assert can_have(atoms, quantity) == defined(atoms, quantity).any()


def test_without_a_mask_no_component_is_defined_but_a_molecule_could_have_one():
    molecule, crystal = cluster(), bulk()
    for atoms in (molecule, crystal):
        del atoms.info["dipole_mask"]
        assert not defined(atoms, DIPOLE).any()
    assert can_have(molecule, DIPOLE) and not can_have(crystal, DIPOLE)
