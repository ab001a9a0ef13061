"""Runs that differ in their seed alone: their mean, and what of it is noise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from bench.runs.collection import Collection

# What makes two runs the same experiment; only the seed is left.
AXES = ("system", "model", "preset", "changed", "data_checksum")
ERRORS = r"_(?:rmse|mae)(?:_|$)"  # names of what is never negative
CONFIDENCE = 0.95
# What a comparison looks at unless it is asked for more; absent where a system lacks it.
HEADLINE = (
    "energy_rmse",
    "forces_rmse",
    "charges_rmse",
    "dipole_rmse",
    "fermi_level_rmse",
    "dipole_slope_rmse",
    "charge_difference_rmse",
    "charge_spread_rmse",
    "scf_unconverged_count",
)


def summarise(found: Collection) -> pd.DataFrame:
    """Every metric of every group of seeds.

    Args:
        found: runs with their numbers.

    Returns:
        A row for each of ``AXES``, ``name`` and ``subset`` (columns) with ``mean`` and ``std`` over
        seeds in ``unit``, the number of ``seeds``, the interval ``low`` to ``high`` of the mean
        (``interval``, of errors from zero at least), ``n`` structures and ``better``.
    """
    joined = found.joined()
    groups = joined.groupby([*AXES, "name", "subset", "unit", "better"], dropna=False, sort=False)
    rows = groups.agg(
        mean=("value", "mean"),
        std=("value", "std"),
        seeds=("value", "size"),
        ci95_low=("ci95_low", "mean"),
        ci95_high=("ci95_high", "mean"),
        n=("n", "min"),
    ).reset_index()
    rows["low"], rows["high"] = interval(rows)
    errors = rows["name"].str.contains(ERRORS)
    rows["low"] = rows["low"].where(~errors, rows["low"].clip(lower=0.0))  # Student's may be less
    return rows.drop(columns=["ci95_low", "ci95_high"])


def interval(rows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % interval of each mean: Student's over seeds where there are two or more, else the
    bootstrap's over structures, else NaN.

    Args:
        rows: with mean, std, seeds, ci95_low and ci95_high.
    """
    seeds = rows["seeds"].to_numpy(dtype=float)
    mean, std = rows["mean"].to_numpy(dtype=float), rows["std"].to_numpy(dtype=float)
    several = seeds > 1
    degrees = np.where(several, seeds - 1, 1)
    half = stdtrit(degrees, (1 + CONFIDENCE) / 2) * std / np.sqrt(seeds)
    low = np.where(several, mean - half, rows["ci95_low"].to_numpy(dtype=float))
    high = np.where(several, mean + half, rows["ci95_high"].to_numpy(dtype=float))
    return low, high


def settings(changed: str, *, but: Set[tuple[str, str]] = frozenset()) -> dict[str, str]:
    """Keys and values of a run's ``changed``, which is written as one would type them.

    Args:
        changed: of a run.
        but: keys and values to leave out.
    """
    parts = re.split(r" (?=[\w.]+=)", changed)
    found = dict(part.partition("=")[::2] for part in parts if part)
    return {key: value for key, value in found.items() if (key, value) not in but}


def shared(changed: Iterable[str]) -> set[tuple[str, str]]:
    """Settings that all runs have, which tell none from another."""
    found = [set(settings(one).items()) for one in changed]
    return set.intersection(*found) if found else set()


def select(
    rows: pd.DataFrame, *, metrics: Sequence[str] = (), subsets: Sequence[str] = ("all",)
) -> pd.DataFrame:
    """Rows whose name and subset match one of the patterns, in the order of the metrics' patterns.

    Args:
        rows: of ``summarise``.
        metrics: names or patterns such as ``*_rmse``; ``HEADLINE`` unless given.
        subsets: likewise.
    """
    order = {name: _place(name, metrics or HEADLINE) for name in rows["name"].unique()}
    places = rows["name"].map(order).astype(float)
    wanted = rows["subset"].map(lambda subset: _place(subset, subsets) is not None).astype(bool)
    kept = rows[places.notna() & wanted]
    return kept.loc[places[kept.index].sort_values(kind="stable").index]


def _place(name: str, patterns: Sequence[str]) -> int | None:
    return next((k for k, pattern in enumerate(patterns) if fnmatchcase(name, pattern)), None)
