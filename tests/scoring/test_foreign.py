"""What other codes say, in our keys, units, signs and orders."""

import numpy as np
import pytest
from ase import Atoms, units

from bench.errors import BenchError
from bench.scoring.foreign import speech, store


def frame(pbc=(True, True, False), charge=0.0, field=0.0):
    """Two atoms in a box whose centre is at (2, 2.5, 10) Å."""
    atoms = Atoms("OH", [[0, 0, 9.0], [0, 0, 10.0]], cell=[4.0, 5.0, 20.0], pbc=pbc)
    atoms.info = {"uid": "a", "total_charge": charge}
    atoms.info["electric_field"] = np.array([0.0, 0.0, field])
    return atoms


def stored(values, atoms=None, *, keys=None, **words):
    """The structure with these predictions."""
    atoms = frame() if atoms is None else atoms
    given = {"unit": {}, "sign": {}, "dipole_origin": "centre", **words}
    store(atoms, values, speech(keys or {}, **given), "a")
    return atoms


def test_units_and_signs():
    values = {"energy": 2.0, "forces": np.ones((2, 3)), "dipole": np.array([0.0, 0.0, 1.0])}
    unit = {"energy": "hartree", "forces": "hartree/bohr", "dipole": "debye"}
    info = stored(values, unit=unit, sign={"dipole": -1.0})
    assert info.info["PRED_energy"] == pytest.approx(2 * units.Hartree)
    assert info.arrays["PRED_forces"] == pytest.approx(units.Hartree / units.Bohr * np.ones((2, 3)))
    assert info.info["PRED_dipole"] == pytest.approx([0.0, 0.0, -units.Debye])


@pytest.mark.parametrize(
    ("order", "expected"), [("spherical", [0.5, 1, 2, 3]), ("cartesian", [0.5, 2, 3, 1])]
)
def test_charges_alone_and_both_orders_of_dipoles(order, expected):
    charges = stored({"multipoles": np.array([0.5, -0.5])})
    assert charges.arrays["PRED_multipoles"] == pytest.approx(np.array([[0.5], [-0.5]]))
    assert charges.info["PRED_total_charge"] == pytest.approx(0.0)
    rows = np.array([[0.5, 1.0, 2.0, 3.0], [0.25, 0, 0, 0]])
    both = stored({"multipoles": rows}, multipoles_order=order)
    assert both.arrays["PRED_multipoles"][0] == pytest.approx(expected)
    assert both.info["PRED_total_charge"] == pytest.approx(0.75)


def test_a_width_belongs_to_multipoles():
    assert stored({"multipoles": np.zeros(2)}, smearing_width=1.2).info["smearing_width"] == 1.2
    assert "smearing_width" not in stored({"energy": 1.0}, smearing_width=1.2).info
    assert "smearing_width" not in stored({"multipoles": np.zeros(2)}).info


def test_stresses_become_matrices_and_those_of_slabs_are_left_out():
    voigt = np.array([1.0, 2, 3, 4, 5, 6])
    bulk = stored({"stress": voigt}, frame(pbc=(True, True, True)))
    assert bulk.info["PRED_stress"] == pytest.approx(np.array([[1, 6, 5], [6, 2, 4], [5, 4, 3]]))
    assert "PRED_stress" not in stored({"stress": voigt}).info


def test_a_crystals_dipole_means_nothing():
    bulk = stored({"dipole": np.ones(3)}, frame(pbc=(True, True, True)))
    assert "PRED_dipole" not in bulk.info


@pytest.mark.parametrize(
    ("origin", "height"), [("centre", 10.0), ("zero", 0.0), ("mass", (15.999 * 9 + 10.08) / 17.007)]
)
def test_dipole_and_energy_are_counted_from_the_centre_of_the_box(origin, height):
    """M = M₀ − Q (c − o), E = E₀ + Q F·(c − o): c is 10 Å high, and the field is 0.1 V/Å."""
    values = {"dipole": np.array([0.0, 0.0, 1.0]), "energy": 5.0}
    found = stored(values, frame(charge=2.0, field=0.1), dipole_origin=origin).info
    assert found["PRED_dipole"][2] == pytest.approx(1.0 - 2.0 * (10.0 - height), abs=1e-9)
    assert found["PRED_energy"] == pytest.approx(5.0 + 2.0 * 0.1 * (10.0 - height), abs=1e-9)


@pytest.mark.parametrize(
    ("values", "field"), [({"energy": 5.0}, 0.1), ({"dipole": np.zeros(3)}, 0.0)]
)
def test_an_origin_that_matters_has_to_be_stated(values, field):
    atoms = frame(charge=2.0, field=field)
    with pytest.raises(BenchError, match="its total charge is \\+2 e"):
        stored(values, atoms, dipole_origin="unknown")
    neutral = stored(values, frame(field=field), dipole_origin="unknown")
    assert {"PRED_energy", "PRED_dipole"} & neutral.info.keys()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("forces", np.zeros((3, 3)), "forces has 9 numbers, expected 6"),
        ("dipole", np.zeros(2), "dipole has 2 numbers, expected 3"),
        ("energy", "low", "energy='low' is no number"),
        ("multipoles", np.zeros((2, 2)), "multipoles has shape (2, 2)"),
    ],
)
def test_other_shapes_are_refused_under_the_keys_of_the_other_side(name, value, said):
    with pytest.raises(BenchError) as error:
        stored({name: value}, keys={name: f"my_{name}"})
    assert f"a: my_{said}" in error.value.problem


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"keys": {"charges": "q"}}, "key.charges=q: no such quantity."),
        ({"unit": {"energy": "Ry"}}, "unit.energy='Ry' is not known."),
        ({"sign": {"dipole": 2.0}}, "sign.dipole=2 is no sign."),
        ({"dipole_origin": "top"}, "dipole_origin=top is not known."),
    ],
)
def test_words_that_are_none_are_refused(words, said):
    with pytest.raises(BenchError) as error:
        stored({}, **words)
    assert said in error.value.problem
