"""``bench compare``: what changed between two sets of runs beyond noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from bench.config.key import key
from bench.config.options import call
from bench.errors import BenchError


@dataclass
class Compare:
    """What changed from one set of runs to another beyond noise, and whether it is worse.

    Noise is that of the seeds where there are several, else the bootstrap's over test structures,
    widened so that one of twenty comparisons fails by chance, however many numbers it has.
    Exit code: 0 nothing got worse, 1 something did, 3 not comparable (other data, other tests).
    """

    runs: list[str] = key(
        MISSING,
        "two folders: a run, its seeds, or many models, each with its like",
        positional=True,
    )
    metrics: list[str] = key([], "names or patterns such as *_rmse; the headline", optional=True)
    subsets: list[str] = key(["all"], "of the test set, names or patterns such as charge=*")
    all: bool = key(False, "show what did not change, too")


def main(argv: Sequence[str]) -> int:
    """Print the comparison; its verdict is the exit code."""
    return call(argv, Compare, show, verb="bench compare")


def show(options: Compare) -> int:
    """Compare and print."""
    from bench.report.compare import compare
    from bench.report.comparison_table import lines
    from bench.runs.collection import collect

    if len(options.runs) != 2:
        raise BenchError(
            f"bench compare: {len(options.runs)} folders were given.", "Two: BEFORE AFTER"
        )
    before, after = (collect([Path(place)]) for place in options.runs)
    found = compare(before, after, metrics=options.metrics, subsets=options.subsets)
    print("\n".join(lines(found, everything=options.all)))
    return int(found.verdict)
