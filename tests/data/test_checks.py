"""A structure that could not be trained on or scored honestly is refused with what was found."""

import numpy as np
import pytest

from bench.data.checks import check_field, check_frame, check_vacuum, numbers
from bench.density.geometry import Boundary
from bench.errors import BenchError
from bench.testing.frames import bulk, cluster, slab


def set_info(key, value):
    return lambda atoms: atoms.info.__setitem__(key, value)


def set_array(key, value):
    return lambda atoms: atoms.arrays[key].__setitem__((4, 1), value)


def set_cell(atoms):
    cell = atoms.cell.array.copy()
    cell[1, 2] = np.nan
    atoms.set_cell(cell)


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (set_info("REF_energy", np.inf), "REF_energy is not finite at index [0]"),
        (set_info("REF_dipole", np.array([0, 0, np.nan])), "REF_dipole is not finite at index [2]"),
        (set_array("REF_forces", np.nan), "REF_forces is not finite at index [4, 1]"),
        (set_array("positions", np.nan), "positions is not finite at index [4, 1]"),
        (set_cell, "cell is not finite at index [1, 2]"),
        (set_info("total_charge", np.nan), "total_charge is not finite"),
        (set_info("total_charge", "plus"), "total_charge='plus' is no number"),
        (set_info("total_charge", np.array([0.0, 1.0])), "is no number"),
        (set_info("REF_dipole", np.zeros(2)), "REF_dipole has 2 numbers, expected 3"),
        (set_info("dipole_mask", np.array([0, 1])), "REF_dipole needs dipole_mask, three numbers"),
        (set_info("electric_field", np.zeros(2)), "electric_field has shape (2,), expected (3,)"),
        (set_info("vacancy_site", np.zeros(2)), "vacancy_site has 2 numbers, expected 3"),
        (set_info("dielectric_constants", 2.4), "dielectric_constants has 1 numbers, expected 2"),
        (set_info("REF_electron_profile", "much"), "REF_electron_profile='much' is no number"),
        (set_info("REF_electron_profile", np.array([1.0, np.nan])), "not finite at index [1]"),
    ],
)
def test_a_structure_that_cannot_be_treated(spoil, found):
    atoms = bulk()
    check_frame(atoms, "x.extxyz, structure 3", [])
    spoil(atoms)
    with pytest.raises(BenchError) as error:
        check_frame(atoms, "x.extxyz, structure 3", [])
    assert error.value.problem.startswith("x.extxyz, structure 3: ")
    assert found in error.value.problem


def test_a_profile_is_a_row_whatever_a_reader_makes_of_it():
    """extxyz reads nine numbers as three rows and one as a number."""
    for given, planes in ((np.arange(9.0).reshape(3, 3), 9), (2.0, 1)):
        atoms = slab()
        atoms.info["REF_electron_profile"] = given
        check_frame(atoms, "here", [])
        assert atoms.info["REF_electron_profile"].shape == (planes,)


def test_multipoles_without_dipoles_are_too_few_numbers():
    atoms = cluster()
    atoms.set_array("REF_multipoles", atoms.arrays.pop("REF_multipoles")[:, :3])
    with pytest.raises(BenchError, match="REF_multipoles has 18 numbers, expected 6 or 24"):
        check_frame(atoms, "here", [])


@pytest.mark.parametrize(
    ("atoms", "field", "allowed"),
    [
        (cluster(), [0.1, 0.2, 0.3], True),
        (slab(), [0.0, 0.0, 0.3], True),
        (slab(), [1e-6, 0.0, 0.3], False),
        (slab(), [0.0, -0.1, 0.0], False),
        (bulk(), [0.0, 0.0, 0.0], True),
        (bulk(), [0.0, 0.0, 0.1], False),
    ],
)
def test_fields_are_along_open_axes(atoms, field, allowed):
    atoms.info["electric_field"] = np.array(field)
    boundary = [Boundary.OPEN, None, Boundary.SLAB, Boundary.BULK][atoms.pbc.sum()]
    if allowed:
        check_field(atoms, boundary, "here")
        return
    with pytest.raises(BenchError) as error:
        check_field(atoms, boundary, "here")
    assert f"here: electric_field={field} V/Å along a periodic axis" in error.value.problem
    assert boundary.name.lower() in error.value.problem


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("-1.0D+00", -1.0),
        ("2.5d-1", 0.25),
        (3, 3.0),
        ("1 2.5D0", [1.0, 2.5]),
        ([[1], [2]], [[1], [2]]),
    ],
)
def test_numbers_of_files(value, expected):
    assert numbers(value, "x").tolist() == expected


@pytest.mark.parametrize("value", ["off", "1+", None, True, [True, False], [[1], [2, 3]], {}, "D"])
def test_what_is_no_number(value):
    with pytest.raises(BenchError, match=r"here: energy=.* is no number"):
        numbers(value, "here: energy")


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e9])
@pytest.mark.parametrize("key", ["positions", "cell"])
def test_places_that_are_none(key, value):
    atoms = bulk()
    places = atoms.positions if key == "positions" else atoms.cell.array
    places[1, 2] = value
    atoms.set_cell(places if key == "cell" else atoms.cell.array)
    with pytest.raises(BenchError, match=rf"here: {key} (is not finite|reach 1e\+09 Å)"):
        check_frame(atoms, "here", [])


@pytest.mark.parametrize("make", [cluster, slab, bulk])
def test_two_atoms_at_one_place(make):
    atoms = make()
    if atoms.pbc.any():
        atoms.positions[3] = atoms.positions[1] + atoms.cell[0] + [0.0, 0.05, 0.0]
    else:
        atoms.positions[3] = atoms.positions[1] + [0.0, 0.05, 0.0]
    symbols = atoms.symbols
    with pytest.raises(BenchError) as error:
        check_frame(atoms, "here", [])
    assert error.value.problem == (
        f"here: atoms 1 ({symbols[1]}) and 3 ({symbols[3]}) are at one place, 0.050 Å apart."
    )


def slab_of(heights, height):
    atoms = slab(height=height)
    atoms.positions[:, 2] = heights
    return atoms


@pytest.mark.parametrize(
    ("heights", "height", "found", "mend"),
    [
        ([1, 2, 3, 4, 5, 6, 7], 16.0, None, None),
        ([0, 1, 2, 13, 14, 15, 16], 17.0, "a gap of 11.0 Å along z inside", "Shift the atoms"),
        ([0, 2, 4, 6, 8, 10, 12], 14.0, "the cell is filled along z: 2.0 Å", "boundary=bulk"),
        ([0, 2, 4, 6.5, 8, 10, 12], 14.0, "the cell is filled along z: 2.0 Å", "boundary=bulk"),
        ([0, 2, 4, 6, 8, 10, 12], 11.0, "the cell is filled along z: -1.0 Å", "boundary=bulk"),
    ],
)
def test_a_slab_has_its_vacuum_at_the_face_and_a_hint_that_helps(heights, height, found, mend):
    atoms = slab_of(heights, height)
    if found is None:
        check_vacuum(atoms, Boundary.SLAB, "here")
        return
    with pytest.raises(BenchError) as error:
        check_vacuum(atoms, Boundary.SLAB, "here")
    assert found in error.value.problem and mend in error.value.mend
