"""The training log: one row per validation, units in the heading."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.labels.quantities import errors

Row = dict[str, float | int | str | None]


def error_column(part: str) -> str:
    """The column of a part's validation error."""
    return f"valid_{part}_rmse"


# Columns in order, with their units; scf_* are over the validation set.
COLUMNS: dict[str, str] = {
    "step": "",
    "epoch": "",
    "mode": "",
    "train_loss": "",
    "valid_loss": "",
    **{error_column(name): part.unit for name, part in errors().items()},
    "scf_iterations": "",
    "scf_unconverged": "structures",
    "scf_response_max": "",
    "train_scf_unconverged": "structures",
    "learning_rate": "",
    "seconds": "s",
}


def heading(column: str) -> str:
    """A column's name in the file: ``valid_forces_rmse [meV/Å]``."""
    unit = COLUMNS[column]
    return f"{column} [{unit}]" if unit else column


def lines(rows: Sequence[Row]) -> list[list[str]]:
    """The file's cells, the heading first; empty where the point does not predict the quantity."""
    return [
        [heading(column) for column in COLUMNS],
        *([_cell(row.get(column)) for column in COLUMNS] for row in rows),
    ]


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return ""
    return f"{value:.8g}" if isinstance(value, float) and math.isfinite(value) else str(value)


@dataclass(frozen=True)
class TrainingLog:
    """A training log as it is read again.

    Attributes:
        mode: [v] names of the training mode; empty for a point without a self-consistent density.
        columns: name to [v] values, NaN where empty.
        units: name to unit; empty where it has none.
    """

    mode: list[str]
    columns: dict[str, NDArray[np.float64]]
    units: dict[str, str]

    @property
    def counted(self) -> str:
        """The column of how far a row is: ``step``, in logs of earlier versions ``epoch``."""
        return "step" if "step" in self.columns else "epoch"

    @property
    def position(self) -> NDArray[np.float64]:
        """[v], steps made (in logs of earlier versions epochs)."""
        return self.columns[self.counted]


def read_log(path: Path) -> TrainingLog:
    """The inverse of ``lines``, whichever columns and units the file has.

    Raises:
        BenchError: no such file, no row in it, or damaged.
    """
    if not path.is_file():
        raise BenchError(f"{path} does not exist.")
    with path.open(encoding="utf-8", newline="") as file:
        headings, *rows = [line for line in csv.reader(file) if line] or [[]]
    if not rows:
        raise BenchError(f"{path} has no row.")
    try:
        names, units = zip(*(_name_and_unit(heading) for heading in headings))
        cells = dict(zip(names, zip(*rows, strict=True), strict=True))
        mode = list(cells.pop("mode"))
        columns = {
            name: np.array([float(cell) if cell else np.nan for cell in column])
            for name, column in cells.items()
        }
        log = TrainingLog(mode, columns, dict(zip(names, units)))
        log.columns[log.counted]  # every log has one
        return log
    except (ValueError, KeyError) as error:
        raise BenchError(f"{path} is no training log: {error}.") from error


def _name_and_unit(heading: str) -> tuple[str, str]:
    match = re.fullmatch(r"(\S+)(?: \[(.*)\])?", heading)
    if match is None:
        raise ValueError(f"{heading!r} is no heading")
    return match[1], match[2] or ""
