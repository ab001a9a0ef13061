"""Goals of a dataset: counted over what is labelled, without what is set aside."""

import pytest

from bench.errors import BenchError
from bench.reference.goals import goals_reached
from tests.reference.planned import crystal

FRAMES = [
    crystal(charge=-1, trajectory="a"),
    crystal(charge=-1, trajectory="a"),
    crystal(charge=1, trajectory="b"),
    crystal(charge=0, trajectory="c", split="test"),
    crystal(charge=0, trajectory="d", split="test"),
    crystal(charge=0, trajectory="d", split="test", subset="pristine"),
    crystal(charge=-1, trajectory="e", split="test", subset="old", aside=True),
]


def test_charges_trajectories_and_test_subsets_are_counted():
    wanted = {
        "charges": {-1: 15, 1: 1},
        "trajectories": {"train": 2, "valid": 1},
        "trajectories_per_test_subset": 3,
    }
    rows = {row["what"]: (row["wanted"], row["reached"]) for row in goals_reached(FRAMES, wanted)}
    assert rows == {
        "labels at charge -1 e": (15, 2),
        "labels at charge +1 e": (1, 1),
        "train trajectories": (2, 2),
        "valid trajectories": (1, 0),
        "trajectories in test subset pristine": (3, 1),
        "trajectories in test subset vacancy": (3, 2),
    }


def test_no_goals_no_rows():
    assert goals_reached(FRAMES, {}) == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"charge": {-1: 15}},
        {"charges": {"-1": 15}},
        {"charges": 15},
        {"trajectories": {"training": 3}},
        {"trajectories": {"train": "many"}},
        {"trajectories_per_test_subset": {"vacancy": 3}},
    ],
)
def test_what_is_no_goal_is_refused(wanted):
    with pytest.raises(BenchError, match=r"about\.yaml: goals"):
        goals_reached(FRAMES, wanted)
