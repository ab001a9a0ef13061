import numpy as np
import pytest

from bench.evaluate.selection import (
    beyond,
    headline,
    subsets,
    total_charge,
    without_applied_field,
)
from tests.evaluate.predicted import frame


def applied(strength: float) -> np.ndarray:
    """V/Å along z."""
    return np.array([0.0, 0.0, strength])


@pytest.mark.parametrize(("strength", "expected"), [(0.0, True), (9e-4, True), (0.01, False)])
@pytest.mark.parametrize("felt", [-0.1, 0.0, 0.2])
def test_the_applied_field_counts_not_the_felt_one(
    strength: float, expected: bool, felt: float
) -> None:
    atoms = frame(field=felt, dipole=(0.3, 0.3), applied_field=applied(strength))
    assert without_applied_field(atoms) is expected


@pytest.mark.parametrize(("felt", "expected"), [(0.0, True), (9e-4, True), (-0.01, False)])
def test_where_one_field_is_stated_it_was_applied(felt: float, expected: bool) -> None:
    assert without_applied_field(frame(field=felt, pbc=(False, False, False))) is expected


def test_subsets_are_indices() -> None:
    frames = [
        frame(subset="interface", field=0.1, applied_field=applied(0.0)),
        frame(subset="bare_metal", field=0.3, charge=-1),
        frame(subset="interface", field=0.0, applied_field=applied(0.2), charge=-1),
    ]
    assert subsets(frames) == {
        "all": [0, 1, 2],
        "interface": [0, 2],
        "bare_metal": [1],
        "no_applied_field": [0],
        "charge=-1": [1, 2],
        "charge=0": [0],
    }


def test_what_the_data_set_aside_is_in_its_own_subset_alone() -> None:
    """Neither among all structures, nor among fields or charges, of which it would make two."""
    frames = [frame(subset="interface", field=0.1), frame(subset="swollen", charge=1, field=0.1)]
    frames[1].info["aside"] = True
    expected = {"all": [0], "interface": [0], "swollen": [1], "no_applied_field": []}
    assert subsets(frames) == expected
    assert headline(frames) == frames[:1]


def test_neither_fields_nor_charges_make_subsets_where_they_do_not_vary() -> None:
    assert subsets([frame(), frame()]) == {"all": [0, 1], "interface": [0, 1]}


def test_a_whole_charge_is_an_integer() -> None:
    assert total_charge(frame(charge=np.float64(2.0))) == 2
    assert total_charge(frame(charge=0.5)) == 0.5


RANGE = [[0.0, 0.0, -0.2], [0.0, 0.0, 0.3]]


def test_fields_beyond_those_of_training() -> None:
    fields = np.array([-0.21, -0.2, -0.2 - 1e-9, 0.0, 0.3, 0.31])
    assert beyond(fields, RANGE, axis=2).tolist() == [True, False, False, False, False, True]
    vectors = np.column_stack([0 * fields, 0 * fields, fields])
    assert beyond(vectors, RANGE).tolist() == beyond(fields, RANGE, axis=2).tolist()
    assert beyond(np.array([[0.1, 0.0, 0.0]]), RANGE).tolist() == [True]


def test_structures_in_other_fields_than_training_had_are_a_subset() -> None:
    frames = [frame(field=e) for e in (0.1, 0.4, -0.3)]
    assert subsets(frames, RANGE)["beyond_training_fields"] == [1, 2]
    assert subsets(frames[:1], RANGE)["beyond_training_fields"] == []
    assert "beyond_training_fields" not in subsets(frames)
    assert "beyond_training_fields" not in subsets([frame()], RANGE)
