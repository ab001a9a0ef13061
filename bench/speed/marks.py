"""Errors on the test set along a training, by the CPU time of its steps."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from bench.storage import write_csv

HEADING = ["program", "step", "CPU time [s]", "forces RMSE [meV/Å]", "energy RMSE [meV/atom]"]


@dataclass(frozen=True)
class Mark:
    """Errors on the test set after a part of a training.

    Attributes:
        program: whose training.
        step: steps of the optimiser made.
        seconds: CPU time of the steps so far.
        forces: RMSE of the components in meV/Å.
        energy: RMSE in meV/atom.
    """

    program: str
    step: int
    seconds: float
    forces: float
    energy: float


def write_marks(path: Path, marks: Sequence[Mark]) -> None:
    """Write a table with units in its heading."""
    rows = [[f"{getattr(mark, item.name)}" for item in fields(Mark)] for mark in marks]
    write_csv(path, [HEADING, *rows])


def read_marks(path: Path) -> list[Mark]:
    """The marks of a file of ``write_marks``."""
    with path.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return [Mark(program, int(step), *map(float, rest)) for program, step, *rest in rows]


def reached(marks: Sequence[Mark]) -> float:
    """Force error in meV/Å at the end of the slowest program, to which all are held."""
    return max(last_marks(marks).values(), key=lambda mark: mark.seconds).forces


def last_marks(marks: Sequence[Mark]) -> dict[str, Mark]:
    """Where each program ended."""
    return {mark.program: mark for mark in marks}


def seconds_to(marks: Sequence[Mark], program: str, forces: float) -> float:
    """CPU time in s after which a program's force error (meV/Å) stays below; NaN if it never is."""
    own = [mark for mark in marks if mark.program == program]
    above = [k for k, mark in enumerate(own) if mark.forces > forces]
    first = above[-1] + 1 if above else 0
    return own[first].seconds if first < len(own) else float("nan")
