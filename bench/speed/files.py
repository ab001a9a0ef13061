"""Measured costs on the disk: a CSV file for each part, from which the documentation is made.

A row is one contender at one size, number type and number of threads.  What is measured again
takes its row's place and the other rows stay, so that a table of many sizes and points can be
measured piece by piece.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BenchError
from bench.runs.identity import code_version
from bench.runs.provenance import hardware
from bench.speed.solvers import SolverCost
from bench.speed.timing import Ratio
from bench.storage import write_csv

SETTING = ["name", "atoms", "dtype", "threads"]
RATIO = ["CPU time [s]", "ratio", "low", "high", "rounds"]
MEMORY = ["peak [MiB]", "ratio"]
SOLVERS = [*RATIO, "iterations", "kept [MiB]", "density error [e]", "gradient error"]
ORIGIN = ["cpu", "code_version"]
COLUMNS = {"memory": MEMORY, "solvers": SOLVERS}  # of the other parts RATIO
ORDER = ["dtype", "threads", "atoms", "name"]

Row = dict[str, Any]


def columns(part: str) -> list[str]:
    """Heading of the file of a part."""
    return [*SETTING, *COLUMNS.get(part, RATIO), *ORIGIN]


def ratio_row(ratio: Ratio, rounds: int) -> Row:
    """Cells of a ratio of times."""
    values = asdict(ratio)
    return {
        "name": ratio.name,
        "CPU time [s]": ratio.seconds,
        "ratio": ratio.median,
        **{key: values[key] for key in ("low", "high")},
        "rounds": rounds,
    }


def solver_row(update: str, cost: SolverCost, rounds: int) -> Row:
    """Cells of a way to solve; its name says the update, too."""
    return {
        **ratio_row(cost.time, rounds),
        "name": f"{update}: {cost.time.name}",
        "iterations": cost.iterations,
        "kept [MiB]": cost.kept,
        "density error [e]": cost.density_error,
        "gradient error": cost.gradient_error,
    }


def read(path: Path, part: str) -> pd.DataFrame:
    """The rows of a file; none where there is no file.

    Raises:
        BenchError: a file with another heading.
    """
    if not path.is_file():
        return pd.DataFrame(columns=columns(part))
    try:
        found = pd.read_csv(path)
    except ValueError as error:  # what pandas raises for files that are no tables
        raise BenchError(f"{path} is no table: {error}", "Move it away.") from error
    if list(found.columns) != columns(part):
        raise BenchError(
            f"{path} is not a table that bench speed part={part} writes.",
            "Move it away, or write to another folder with out=FOLDER.",
        )
    return found


def write(folder: Path, part: str, setting: Mapping[str, Any], rows: Sequence[Row]) -> Path:
    """Put rows in the file of their part, in place of those of the same setting; returns the file.

    Args:
        folder: of the files.
        part: of ``bench speed``.
        setting: atoms, dtype and threads of all rows.
        rows: measured now.

    Raises:
        BenchError: there is a file that is no such table.
    """
    path = folder / f"{part}.csv"
    origin = {"cpu": hardware("cpu")["cpu"], "code_version": code_version()}
    new = pd.DataFrame([{**setting, **row, **origin} for row in rows], columns=columns(part))
    before = read(path, part)
    whole = pd.concat([before, new]) if len(before) else new
    whole = whole.drop_duplicates(SETTING, keep="last").sort_values(ORDER)
    return write_csv(path, [columns(part), *whole.map(_shown).to_numpy().tolist()])


def _shown(value: Any) -> Any:
    """A number with four digits, so that files stay readable."""
    return f"{value:.4g}" if isinstance(value, float) else value
