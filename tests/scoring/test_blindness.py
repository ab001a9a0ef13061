"""Predictions that do not notice the charge or the field, as far as structures can show it."""

import numpy as np
import pytest
from ase import Atoms

from bench.scoring.blindness import CHARGE, FIELD, same_energy, unnoticed


def state(uid, energy, *, charge=0.0, field=0.0, shift=0.0):
    """One geometry, moved by ``shift``, in a state."""
    atoms = Atoms("OH", [[shift, 0, 0], [1.0, 0, 0]])
    atoms.info = {"uid": uid, "total_charge": charge, "PRED_energy": energy}
    atoms.info["electric_field"] = np.array([0.0, 0.0, field])
    return atoms


def test_equal_energies_at_two_charges_are_found_and_named():
    frames = [state("a", -3.0), state("b", -3.0, charge=1.0), state("c", -3.0, charge=2.0)]
    assert unnoticed(frames) == {CHARGE: "3 pairs of one geometry, such as a and b"}


def test_equal_energies_in_two_fields_are_found_and_named():
    frames = [state("a", -3.0), state("b", -3.0, field=0.1)]
    assert unnoticed(frames) == {FIELD: "1 pairs of one geometry, such as a and b"}


@pytest.mark.parametrize(
    "other",
    [
        state("b", -3.1, charge=1.0),
        state("b", -3.0001, field=0.1),
        state("b", -3.0, charge=1.0, field=0.1),
        state("b", -3.0, charge=1.0, shift=0.2),
        state("b", -3.0),
    ],
    ids=["charge", "field", "both differ", "another geometry", "the same"],
)
def test_everything_else_shows_nothing(other):
    assert unnoticed([state("a", -3.0), other]) == {}


def test_one_pair_that_differs_is_enough_to_notice():
    frames = [state("a", -3.0), state("b", -3.0, charge=1.0), state("c", -2.0, charge=2.0)]
    assert unnoticed(frames) == {}


def test_structures_without_an_energy_show_nothing():
    frames = [state("a", -3.0), state("b", -3.0, charge=1.0)]
    del frames[1].info["PRED_energy"]
    assert unnoticed(frames) == {}


@pytest.mark.parametrize(
    ("apart", "size", "same"), [(5e-7, 1.0, True), (1e-5, 1.0, False), (1e-5, 1e5, True)]
)
def test_the_last_digits_of_large_energies_do_not_count(apart, size, same):
    assert same_energy(state("a", -size), state("b", -size + apart)) is same
