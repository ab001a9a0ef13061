"""What a cell gave, several times over: its numbers, their noise, and what they stand on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.gate.cells import Cell
from bench.report.compare import NUMBER
from bench.report.groups import select, summarise
from bench.runs.collection import Collection
from bench.storage import write_json


@dataclass(frozen=True)
class Baseline:
    """The numbers of a cell.

    Attributes:
        cell: its name.
        words: its settings.
        data_checksum: of its data.
        code_version: that gave the numbers.
        cpu: on which.
        packages: versions of what computes.
        numbers: each with ``name``, ``subset``, ``unit``, ``better``, its values over ``rounding``
            (the first undisturbed, all of seed 0) and over ``seeds`` (the first of them the same).
    """

    cell: str
    words: list[str]
    data_checksum: str
    code_version: str
    cpu: str
    packages: dict[str, str]
    numbers: list[dict[str, Any]]

    def frame(self, noise: str) -> pd.DataFrame:
        """One side of a comparison: the undisturbed numbers with the spread of a kind of noise.

        Args:
            noise: ``rounding`` or ``seeds``.
        """
        rows = []
        for number in self.numbers:
            values = np.array(number[noise], dtype=float)
            spread = float(values.std(ddof=1)) if len(values) > 1 else np.nan
            rows.append(
                {
                    "system": self.cell,
                    **{key: number[key] for key in NUMBER},
                    "mean": float(values[0]),
                    "std": spread,
                    "seeds": len(values),
                    "low": np.nan,
                    "high": np.nan,
                }
            )
        columns = ["system", *NUMBER, "mean", "std", "seeds", "low", "high"]
        return pd.DataFrame(rows, columns=columns)


def gather(
    cell: Cell,
    rounding: Sequence[Collection],
    seeds: Sequence[Collection],
    packages: Mapping[str, str],
) -> Baseline:
    """A baseline from runs of seed 0, the first of them undisturbed, and of other seeds.

    A number that some run lacks is left out.

    Args:
        cell: what was trained.
        rounding: runs of seed 0.
        seeds: of the other seeds.
        packages: versions of what computed.
    """
    first = headline(rounding[0])
    values = [
        {tuple(row[key] for key in NUMBER): float(row["mean"]) for row in headline(run)}
        for run in (*rounding, *seeds)
    ]
    numbers = []
    for row in first:
        key = tuple(row[part] for part in NUMBER)
        found = [of_run[key] for of_run in values if key in of_run]
        if len(found) == len(values):
            disturbed, other = found[: len(rounding)], found[len(rounding) :]
            spreads = {"rounding": disturbed, "seeds": [disturbed[0], *other]}
            numbers.append({**dict(zip(NUMBER, key)), **spreads})
    run = rounding[0].runs.iloc[0]
    return Baseline(
        cell.name,
        list(cell.words),
        str(run["data_checksum"]),
        str(run["code_version"]),
        str(run["cpu"]),
        dict(packages),
        numbers,
    )


def headline(run: Collection) -> list[dict[str, Any]]:
    """The numbers of a run that are judged, as rows."""
    rows = select(summarise(run)).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def baseline_path(folder: Path, cell: Cell) -> Path:
    """The file of a cell's baseline."""
    return folder / f"{cell.name}.json"


def read_baseline(folder: Path, cell: Cell) -> Baseline | None:
    """The baseline of a cell; None where it has none yet.

    Raises:
        BenchError: a file that is none.
    """
    path = baseline_path(folder, cell)
    if not path.is_file():
        return None
    try:
        return Baseline(**json.loads(path.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, TypeError) as error:
        raise BenchError(
            f"{path} is no baseline: {error}", "Write it anew: bench regress update=true"
        ) from error


def write_baseline(folder: Path, cell: Cell, baseline: Baseline) -> Path:
    """Replace the baseline of a cell; returns the file."""
    return write_json(baseline_path(folder, cell), asdict(baseline))
