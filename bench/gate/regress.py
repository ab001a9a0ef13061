"""The cells are trained and judged, or their baselines measured anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.gate.baseline import (
    Baseline,
    gather,
    read_baseline,
    write_baseline,
)
from bench.gate.cells import Cell
from bench.gate.judging import Judgement, judge_cell
from bench.gate.training import train_cell
from bench.runs.provenance import surroundings

ROUNDINGS, SEEDS = 3, 3  # runs that tell either noise, the first of them the same
PACKAGES = ("torch", "numpy", "e3nn")  # whose version may change the numbers


def regress(cells: Sequence[Cell], baselines: Path, place: Path) -> Iterator[Judgement]:
    """Train every cell once and judge it, one after the other.

    Args:
        cells: what is trained.
        baselines: folder of what they gave.
        place: folder of the runs.
    """
    for cell in cells:
        before = read_baseline(baselines, cell)
        yield judge_cell(before, measured(cell, place))


def renew(cells: Sequence[Cell], baselines: Path, place: Path) -> Iterator[Judgement]:
    """Train every cell several times, write its baseline, and judge it by the one before.

    Args:
        cells: what is trained.
        baselines: folder that is written.
        place: folder of the runs.
    """
    for cell in cells:
        before = read_baseline(baselines, cell)
        now = measured(cell, place, roundings=ROUNDINGS, seeds=SEEDS)
        write_baseline(baselines, cell, now)
        yield judge_cell(before, now)


def measured(cell: Cell, place: Path, *, roundings: int = 1, seeds: int = 1) -> Baseline:
    """What a cell gives now, with its noise where it is trained several times."""
    disturbed = [train_cell(cell, place, rounding=k) for k in range(roundings)]
    others = [train_cell(cell, place, seed=k) for k in range(1, seeds)]
    versions = surroundings("cpu")["packages"]
    return gather(cell, disturbed, others, {name: versions[name] for name in PACKAGES})
