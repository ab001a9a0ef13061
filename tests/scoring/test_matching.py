"""Whose structure is whose: names, geometries within the rounding of a file, charges and fields."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from bench.errors import BenchError
from bench.scoring.foreign import speech
from bench.scoring.matching import Matcher

WATER = np.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])


def ours(uid, *, charge=0.0, field=0.0, positions=WATER, symbols="OH2", cell=None, pbc=False):
    """One of the structures that are asked for."""
    atoms = Atoms(symbols, positions, cell=cell, pbc=pbc)
    atoms.info = {"uid": uid, "total_charge": charge}
    atoms.info["electric_field"] = np.array([0.0, 0.0, field])
    return atoms


def theirs(positions=WATER, symbols="OH2", **info):
    """One of a file."""
    atoms = Atoms(symbols, positions)
    atoms.info = info
    return atoms


def matched(given, *frames, **words):
    """The uid that a structure of a file is found to be; None where it is none."""
    keys = {"unit": {}, "sign": {}, **words}
    matcher = Matcher(frames, speech(keys.pop("keys", {}), **keys), Path("file.xyz"))
    found = matcher.match(given, 3)
    return None if found is None else found.info["uid"]


def test_a_geometry_alone_is_enough_where_it_is_one():
    assert matched(theirs(), ours("a"), ours("b", positions=WATER + [0, 0, 0.1])) == "a"


@pytest.mark.parametrize(("off", "found"), [(4e-4, "a"), (2e-3, None)])
def test_rounding_is_forgiven_and_no_more(off, found):
    assert matched(theirs(WATER + off / np.sqrt(3)), ours("a")) == found


@pytest.mark.parametrize("symbols", ["H2O", "OHF", "OH"])
def test_elements_count_in_their_order(symbols):
    assert matched(theirs(WATER[: len(Atoms(symbols))], symbols), ours("a")) is None


@pytest.mark.parametrize(
    ("info", "found"),
    [
        ({"charge": 1.0}, "c"),
        ({"total_charge": 1}, "c"),
        ({"total_charge": 0, "external_field": np.array([0, 0, 0.1])}, "f"),
        ({"charge": 0, "electric_field": 0.1}, "f"),
        ({"charge": 0, "electric_field": np.zeros(3)}, "a"),
        ({"charge": -1.0}, None),
    ],
)
def test_charge_and_field_tell_states_apart(info, found):
    frames = (ours("a"), ours("c", charge=1.0), ours("f", field=0.1))
    assert matched(theirs(**info), *frames) == found


def test_what_is_not_stated_must_not_matter():
    with pytest.raises(BenchError, match=r"structure 3 might be a, c, which differ in") as error:
        matched(theirs(), ours("a"), ours("c", charge=1.0))
    assert "key.total_charge=KEY" in error.value.mend


def test_a_name_tells_what_the_file_does_not_state():
    assert matched(theirs(uid="c"), ours("a"), ours("c", charge=1.0)) == "c"


@pytest.mark.parametrize(
    "given",
    [
        theirs(WATER + [0.0, 0.0, 0.1], uid="a"),
        theirs(symbols="OHF", uid="a"),
        theirs(uid="a", charge=1.0),
        theirs(uid="a", electric_field=np.array([0, 0, 0.2])),
    ],
    ids=["positions", "elements", "charge", "field"],
)
def test_a_name_with_something_else_is_refused(given):
    with pytest.raises(BenchError, match="uid=a, but elements, positions, charge or field"):
        matched(given, ours("a"))


def test_names_of_their_own_do_not_disturb():
    assert matched(theirs(uid="somebody's 17"), ours("a")) == "a"


def test_keys_signs_and_units_are_those_that_were_stated():
    frames = (ours("a"), ours("c", charge=1.0, field=0.1))
    given = theirs(Q=-1.0, E=np.array([0.0, 0.0, -0.1 / 51.4220674763]))
    keys = {"total_charge": "Q", "field": "E"}
    signs = {"total_charge": -1.0, "field": -1.0}
    assert matched(given, *frames, keys=keys, sign=signs, unit={"field": "au"}) == "c"


def test_lengths_in_bohr():
    assert matched(theirs(WATER / 0.529177210903), ours("a"), unit={"length": "bohr"}) == "a"


def test_images_are_equal_along_periodic_axes_alone():
    cell = np.array([[6.0, 0, 0], [1.0, 7.0, 0], [0, 0, 20.0]])
    slab = ours("a", cell=cell, pbc=[True, True, False])
    assert matched(theirs(WATER + cell[0] - 2 * cell[1]), slab) == "a"
    assert matched(theirs(WATER + [[0, 0, 0], cell[1], cell[0]]), slab) == "a"
    assert matched(theirs(WATER + cell[2]), slab) is None


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"charge": "many"}, "structure 3: charge='many' is no number"),
        ({"electric_field": np.zeros(2)}, "structure 3: electric_field has 2 numbers"),
    ],
)
def test_states_that_are_none_are_refused(info, said):
    with pytest.raises(BenchError, match=said):
        matched(theirs(**info), ours("a"))
