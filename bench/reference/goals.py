"""What a system's data are to reach, and how far they are: counts that a card shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ase import Atoms

from bench.errors import BenchError, nearest
from bench.evaluate.selection import headline
from bench.labels.keys import SPLITS, TOTAL_CHARGE_KEY

_KINDS = ("charges", "trajectories", "trajectories_per_test_subset")


def goals_reached(frames: Sequence[Atoms], wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row for each goal: what, how many are wanted and how many there are.

    Subsets that are set aside have no goals.

    Args:
        frames: labelled structures.
        wanted: ``charges`` has labels by total charge (e), ``trajectories`` their number by split,
            ``trajectories_per_test_subset`` one number for every subset that is tested.

    Raises:
        BenchError: another goal, or a number that is none.
    """
    _check(wanted)
    counted = headline(frames)
    test = [a for a in counted if a.info["split"] == "test"]
    rows = []
    for charge, number in wanted.get("charges", {}).items():
        labels = sum(int(a.info[TOTAL_CHARGE_KEY]) == charge for a in counted)
        rows.append((f"labels at charge {charge:+d} e", number, labels))
    for split, number in wanted.get("trajectories", {}).items():
        of_split = [a for a in counted if a.info["split"] == split]
        rows.append((f"{split} trajectories", number, _trajectories(of_split)))
    if number := wanted.get("trajectories_per_test_subset"):
        for subset in sorted({a.info["subset"] for a in test}):
            of_subset = [a for a in test if a.info["subset"] == subset]
            rows.append((f"trajectories in test subset {subset}", number, _trajectories(of_subset)))
    return [{"what": what, "wanted": number, "reached": reached} for what, number, reached in rows]


def _trajectories(frames: Iterable[Atoms]) -> int:
    return len({atoms.info["trajectory"] for atoms in frames})


def _check(wanted: Mapping[str, Any]) -> None:
    for key, value in wanted.items():
        if key not in _KINDS:
            raise BenchError(f"about.yaml: goals, {key} is not known.", nearest(key, _KINDS))
        if key == "trajectories_per_test_subset":
            good = isinstance(value, int)
        else:
            good = isinstance(value, dict) and all(isinstance(n, int) for n in value.values())
            good = good and all(isinstance(n, int) or n in SPLITS for n in value)
        if not good:
            raise BenchError(
                f"about.yaml: goals, {key}: {value!r}.",
                "goals: {charges: {-1: 15}, trajectories: {train: 10, test: 5}, "
                "trajectories_per_test_subset: 3}",
            )
