"""The leaderboard of one system: experiments as rows, those that failed included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.config.catalogue import axes as catalogued
from bench.report.digits import digits
from bench.report.groups import AXES, settings, shared, summarise
from bench.report.leaderboard import NOT_THERE, cells
from bench.report.paper.cost import COST_RATIO, CPU_SECONDS, PARAMETERS, with_costs
from bench.report.paper.points import styles
from bench.runs.collection import DUPLICATE, Collection
from bench.runs.folder import Status

Key = tuple[str, str, str]  # model, preset, what else was changed
KEY = ["model", "preset", "changed"]
DESIGN = ("density", "response", "energy")
MODE = "training.mode"
# Metrics that a leaderboard begins with, where the system has them, and what they are called.
HEADLINE = {
    "forces_rmse": "forces",
    "energy_rmse": "energy",
    "dipole_slope_rmse": "slope dM/dE",
    "screening_ratio_rmse": "screening ratio",
    "charge_difference_rmse": "E(Q) − E(0)",
    "vacancy_charge_rmse": "charge at the vacancy",
    "transition_level_rmse": "transition levels",
    "dipole_rmse": "dipole",
    "charges_rmse": "atomic charges",
    "fermi_level_rmse": "Fermi level",
    "time_per_atom": "time, outsiders",
    CPU_SECONDS: "CPU time",
    COST_RATIO: "over short_range",
    PARAMETERS: "parameters",
}
HEALTH = {
    "scf_unconverged_count": "unconverged",
    "scf_iterations_mean": "iterations, mean",
    "scf_iterations_max": "iterations, most",
    "scf_residual_max": "residual, largest",
    "scf_spectral_radius_max": "spectral radius, largest",
    "scf_unstable_count": "unstable",
    "fermi_level_gap_mean": "|μ + ∂E/∂Q|",
    "non_finite_count": "NaN or infinite",
}


@dataclass(frozen=True)
class Cell:
    """One number.

    Attributes:
        text: the mean over seeds.
        interval: its 95 % interval as text; empty where there is none.
        value: for sorting; None where there is no number.
        best: whether it is the best of its column, its interval overlapping no other's.
        told: what the number is, in a sentence.
    """

    text: str
    interval: str
    value: float | None
    best: bool
    told: str


@dataclass(frozen=True)
class Column:
    """A metric as a column: its name, what it is called, its unit and what is better."""

    name: str
    title: str
    unit: str
    better: str


@dataclass(frozen=True)
class Row:
    """One experiment.

    Attributes:
        key: unique in the page.
        model: name.
        preset: name.
        settings: that differ from those of model and preset, and between rows.
        design: of ``DESIGN``, and the training mode, in words.
        status: ``done`` where a seed has numbers, else what most of the runs are.
        seeds: those with numbers, and how many ended otherwise.
        reasons: of the runs without numbers.
        cells: in the order of the board's columns.
        health: in the order of the board's columns of health.
        runs: folders with their rows of the collection.
    """

    key: str
    model: str
    preset: str
    settings: str
    design: Mapping[str, str]
    status: str
    seeds: str
    reasons: Sequence[str]
    cells: Sequence[Cell]
    health: Sequence[Cell]
    runs: Mapping[str, Mapping[Any, Any]]

    @property
    def label(self) -> str:
        """Model, settings and preset."""
        return f"{' '.join(filter(None, [self.model, self.settings]))} ({self.preset})"

    @property
    def filtered(self) -> dict[str, str]:
        """What it can be chosen by."""
        return {"model": self.model, "preset": self.preset, **self.design, "status": self.status}

    @property
    def is_pending(self) -> bool:
        """Whether it has no number yet but may still get one."""
        return self.status in (Status.running.value, Status.interrupted.value)

    @property
    def has_health(self) -> bool:
        """Whether there is anything to tell: more than that nothing is NaN."""
        values = [cell.value for cell in self.health if cell.value is not None]
        return len(values) > 1 or any(values)


@dataclass(frozen=True)
class Board:
    """The table of one system and version of its data.

    Attributes:
        system: name.
        checksum: of the data.
        structures: in the test set; 0 where no run says.
        columns: of its cells.
        health: columns of the health of solves.
        rows: all experiments.
        common: preset to settings that all its rows have, and which they do not repeat.
    """

    system: str
    checksum: str
    structures: int
    columns: Sequence[Column]
    health: Sequence[Column]
    rows: Sequence[Row]
    common: Mapping[str, str]


def boards(found: Collection) -> list[Board]:
    """A board for each system and version of its data, whatever has become of its runs.

    Args:
        found: runs with their numbers.
    """
    numbers = summarise(with_costs(found))
    runs = found.runs[found.runs["system"].notna() & (found.runs["status"] != DUPLICATE)]
    runs = runs.fillna(dict.fromkeys(AXES, ""))
    usual = runs[runs["data_checksum"] != ""].groupby("system")["data_checksum"].agg(_usual)
    unknown = runs["data_checksum"] == ""  # of runs that failed before they saw data
    runs.loc[unknown, "data_checksum"] = runs.loc[unknown, "system"].map(usual).fillna("")
    made = []
    for (system, checksum), rows in runs.groupby(["system", "data_checksum"], sort=True):
        alike = (numbers["system"] == system) & (numbers["data_checksum"] == checksum)
        here = numbers[alike & (numbers["subset"] == "all")]
        made.append(_board(str(system), str(checksum), rows, here))
    return made


def _usual(values: pd.Series[str]) -> str:
    return str(values.mode().iloc[0])


def unreadable(found: Collection) -> dict[str, str]:
    """Folder to reason of the runs of which not even the system is known."""
    lost = found.runs[found.runs["system"].isna()]
    return {str(run): str(reason) for run, reason in lost["reason"].items()}


def _board(system: str, checksum: str, runs: pd.DataFrame, numbers: pd.DataFrame) -> Board:
    columns, health = (_columns(names, numbers) for names in (HEADLINE, HEALTH))
    groups: dict[Key, pd.DataFrame] = {
        (str(model), str(preset), str(changed)): rows
        for (model, preset, changed), rows in runs.groupby(KEY, sort=False)
    }
    models = list(styles(model for model, _, _ in groups))
    keys = sorted(groups, key=lambda k: (models.index(k[0]), k[1], len(settings(k[2])), k[2]))
    numbers_of, health_of = (_cells(keys, wanted, numbers) for wanted in (columns, health))
    tests = numbers.loc[numbers["name"] == "forces_rmse", "n"]
    common = {str(preset): shared(rows["changed"]) for preset, rows in runs.groupby("preset")}
    rows = [
        _row(
            f"{system}-{checksum[:6]}-{k}",
            key,
            groups[key],
            common[key[1]],
            numbers_of[k],
            health_of[k],
        )
        for k, key in enumerate(keys)
    ]
    size = int(tests.max()) if len(tests) else 0
    told = {preset: _typed(dict(sorted(found))) for preset, found in common.items() if found}
    return Board(system, checksum, size, columns, health, rows, told)


def _typed(found: Mapping[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in found.items())


def _columns(names: Mapping[str, str], numbers: pd.DataFrame) -> list[Column]:
    found = []
    for name, title in names.items():
        rows = numbers[numbers["name"] == name]
        if len(rows):
            unit, better = (str(rows[key].iloc[0]) for key in ("unit", "better"))
            found.append(Column(name, title, unit, better))
    return found


def _cells(
    keys: Sequence[Key], columns: Sequence[Column], numbers: pd.DataFrame
) -> list[list[Cell]]:
    """[keys][columns]; the best are found column by column."""
    index = pd.MultiIndex.from_tuples(keys, names=KEY)
    by_column = []
    for column in columns:
        aligned = numbers[numbers["name"] == column.name].set_index(KEY).reindex(index)
        best = [cell.best for cell in cells(aligned)]
        records = aligned.to_dict("records")
        by_column.append([_cell(row, column, b) for row, b in zip(records, best)])
    return [[column[k] for column in by_column] for k in range(len(keys))]


def _cell(row: Mapping[Any, Any], column: Column, best: bool) -> Cell:
    mean, low, high = row["mean"], row["low"], row["high"]
    if not np.isfinite(mean):
        return Cell(NOT_THERE, "", None, False, "no number; the row's details say why")
    interval = f"{number(low)} – {number(high)}" if np.isfinite([low, high]).all() else ""
    told = f"{mean:.6g} {column.unit}; seeds: {row['seeds']:.0f}; stands on {row['n']}"
    if np.isfinite(row["std"]):
        told += f"; standard deviation over seeds {row['std']:.2g}"
    return Cell(number(mean), interval, float(mean), best, told)


def number(value: float) -> str:
    """Three digits, without an exponent where that is readable."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else digits(value)


def _row(
    key: str,
    which: Key,
    runs: pd.DataFrame,
    common: Set[tuple[str, str]],
    shown: Sequence[Cell],
    health: Sequence[Cell],
) -> Row:
    model, preset, changed = which
    done = runs[runs["status"] == Status.done.value]
    others = Counter(status for status in runs["status"] if status != Status.done.value)
    seeds = ", ".join(map(str, sorted(done["seed"].dropna())))
    axes = catalogued().get(model, {})
    return Row(
        key=key,
        model=model,
        preset=preset,
        settings=_typed(settings(changed, but=common)),
        design={
            **{axis: str(axes.get(axis) or NOT_THERE) for axis in DESIGN},
            "training mode": settings(changed).get(MODE, "auto"),
        },
        status=Status.done.value if len(done) else others.most_common(1)[0][0],
        seeds=", ".join(filter(None, [seeds, *(f"{n} {status}" for status, n in others.items())])),
        reasons=[
            ": ".join(filter(None, [f"seed {row['seed']}", row["status"], row["reason"]]))
            for row in runs.to_dict("records")
            if row["status"] != Status.done.value
        ],
        cells=shown,
        health=health,
        runs={str(run): row for run, row in runs.to_dict("index").items()},
    )
