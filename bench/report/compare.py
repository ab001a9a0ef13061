"""What changed between two sets of runs beyond noise, and whether it is worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from bench.report.groups import CONFIDENCE, select, summarise
from bench.runs.collection import Collection

Array = NDArray[np.float64]
NUMBER = ["name", "subset", "unit", "better"]
EXPERIMENT = ["model", "preset", "changed"]  # what but system and seed tells two runs apart
# A change of rounding is none, whatever the seeds say: relative, of double precision.
ROUNDING = 1e-9


class Verdict(IntEnum):
    """Exit codes of a comparison."""

    same = 0  # or better
    worse = 1
    incomparable = 3


@dataclass(frozen=True)
class Comparison:
    """Two sets of runs beside each other.

    Attributes:
        verdict: as an exit code.
        reason: why they cannot be compared; empty where they can.
        settings: configuration keys with their values in either, where they differ, and which
            experiments one side alone has.
        rows: every number that was asked for and both have: ``system`` (with the experiment, where
            a side has several), name, subset, unit, better, ``before``, ``after``, ``noise``
            (``noise_of``), ``change`` (after − before) and ``verdict``: better, worse, changed,
            same, or unknown where nothing tells the noise.
        lost: names [subset] that the first has and the second has not.
    """

    verdict: Verdict
    reason: str
    settings: dict[str, tuple[str, str]]
    rows: pd.DataFrame
    lost: list[str]

    @property
    def changed(self) -> pd.DataFrame:
        """The rows that changed beyond noise, or by more than rounding where noise is unknown."""
        return self.rows[self.rows["verdict"] != "same"]


def compare(
    before: Collection,
    after: Collection,
    *,
    metrics: Sequence[str] = (),
    subsets: Sequence[str] = ("all",),
) -> Comparison:
    """Judge the numbers of ``after`` by those of ``before``.

    Args:
        before: runs, of which several seeds tell the noise.  One experiment per system on either
            side is compared whatever its settings; of several each with its like.
        after: the same.
        metrics: names or patterns such as ``*_rmse``; the headline unless given.
        subsets: names or patterns; the more numbers are judged, the more each has to change, so
            that one of them fails by chance in one of twenty comparisons, however many there are.
    """
    keys = pairing(before.done, after.done)
    first, second = (
        _named(select(summarise(runs), metrics=metrics, subsets=subsets), keys)
        for runs in (before, after)
    )
    settings = differing_settings(before.done, after.done, keys)
    reason = incomparable(before.done, after.done, keys)
    rows = judge(paired(first, second))
    lost = [] if reason else [*_lost(first, second), *_gone(first, second, after, keys)]
    verdict = Verdict.same
    if reason:
        verdict = Verdict.incomparable
    elif lost or (rows["verdict"] == "worse").any():
        verdict = Verdict.worse
    return Comparison(verdict, reason, settings, rows, lost)


def pairing(before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    """The fewest of ``EXPERIMENT`` by which either side has one experiment per system.

    So a change of what all have, such as a default, is compared model by model.
    """

    def alone(runs: pd.DataFrame, keys: list[str]) -> bool:
        kinds = runs[["system", *EXPERIMENT]].drop_duplicates()
        return not kinds.duplicated(["system", *keys]).any()

    candidates = [EXPERIMENT[:number] for number in range(len(EXPERIMENT))]
    fit = (keys for keys in candidates if alone(before, keys) and alone(after, keys))
    return next(fit, EXPERIMENT)


def _named(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The experiment beside the system, where there are several."""
    words = rows[["system", *keys]].fillna("")
    texts = [" ".join(filter(None, row)) for row in words.itertuples(index=False, name=None)]
    return rows.assign(system=pd.Series(texts, index=rows.index, dtype="object"))


def _gone(
    first: pd.DataFrame, second: pd.DataFrame, after: Collection, keys: Sequence[str]
) -> list[str]:
    """Experiments whose numbers the first has, and which have failed in the second."""
    others = _named(after.runs.loc[after.runs.index.difference(after.done.index)], keys)
    statuses = dict(zip(others["system"], others["status"]))
    gone = sorted({*first["system"]} - {*second["system"]})
    return [f"all numbers of {name}: {statuses[name]}" for name in gone if name in statuses]


def incomparable(before: pd.DataFrame, after: pd.DataFrame, keys: Sequence[str] = ()) -> str:
    """Why numbers of these finished runs say nothing about each other; empty where they do.

    Args:
        before: finished runs.
        after: the same.
        keys: of ``pairing``.
    """
    for runs, which in ((before, "first"), (after, "second")):
        if runs.empty:
            return f"the {which} holds no finished run"
        versions = runs.groupby("system")["data_checksum"].nunique()
        several = [str(system) for system, number in versions.items() if number > 1]
        if several:
            return f"the {which} mixes versions of the data of {', '.join(several)}"
    systems = set(before["system"]) & set(after["system"])
    if not systems:
        return (
            f"no system in common: {', '.join(sorted(set(before['system'])))} and "
            f"{', '.join(sorted(set(after['system'])))}"
        )
    for system in sorted(systems):
        one, other = (
            runs.loc[runs["system"] == system, "data_checksum"].iloc[0] for runs in (before, after)
        )
        if one != other:
            return f"the data of {system} differ ({one[:10]} and {other[:10]}), and so do the tests"
    names = [set(_named(runs, keys)["system"]) for runs in (before, after)]
    if not set.intersection(*names):
        one, other = (", ".join(sorted(found)) for found in names)
        return f"no experiment in common: {one} and {other}; two models are compared one by one"
    return ""


def differing_settings(
    before: pd.DataFrame, after: pd.DataFrame, keys: Sequence[str] = ()
) -> dict[str, tuple[str, str]]:
    """Columns of the tables of runs whose values differ, seeds included, but for the ``keys`` by
    which experiments are paired; of these, which ones one side alone has.
    """
    told = [
        column for column in (*EXPERIMENT, "seed", "code_version", "device") if column not in keys
    ]
    found = {}
    names = [set(_named(runs, keys)["system"]) for runs in (before, after)]
    if keys and names[0] != names[1]:
        first, second = (
            ", ".join(sorted(mine - theirs)) or "none" for mine, theirs in (names, names[::-1])
        )
        found["in one alone"] = (first, second)
    for column in told:
        one, other = (
            ", ".join(sorted({str(value) or "none" for value in runs[column].dropna()}))
            for runs in (before, after)
        )
        if one != other:
            found[column] = (one, other)
    return found


def paired(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """The numbers that both sides have, as ``judge`` takes them."""
    keys = ["system", *NUMBER]
    return first.merge(second, on=keys, suffixes=("_before", "_after"))


def _lost(first: pd.DataFrame, second: pd.DataFrame) -> list[str]:
    """What only the first has: a number that is gone is no improvement."""
    common = set(first["system"]) & set(second["system"])
    there = set(zip(second["system"], second["name"], second["subset"]))
    return [
        f"{name}[{subset}] of {system}"
        for system, name, subset in zip(first["system"], first["name"], first["subset"])
        if system in common and (system, name, subset) not in there
    ]


def judge(pairs: pd.DataFrame, *, least: float = ROUNDING) -> pd.DataFrame:
    """Verdicts of paired numbers.

    Args:
        pairs: with mean, std, seeds, low and high of either, suffixed _before and _after.
        least: relative change below which nothing has changed, whatever the noise.
    """
    noise = noise_of(pairs)
    change = np.subtract(
        *(np.asarray(pairs[f"mean_{w}"], dtype=float) for w in ("after", "before"))
    )
    size = np.abs(np.asarray(pairs["mean_before"], dtype=float))
    beyond = np.abs(change) > np.maximum(np.nan_to_num(noise), least * size)
    sign = pairs["better"].map({"lower": 1.0, "higher": -1.0}).to_numpy(dtype=float)  # NaN: none
    verdict = np.select(
        [~beyond, np.isnan(noise), np.isnan(sign), change * sign > 0],
        ["same", "unknown", "changed", "worse"],
        default="better",
    )
    return pd.DataFrame(
        {
            **{key: pairs[key] for key in ["system", *NUMBER]},
            "before": pairs["mean_before"],
            "after": pairs["mean_after"],
            "noise": noise,
            "change": change,
            "verdict": verdict,
        }
    )


def noise_of(pairs: pd.DataFrame) -> Array:
    """[rows] what a difference stays below in 95 % of comparisons without any change.

    Student's two-sample interval with the seeds' pooled variance where either side has several
    seeds; else the two intervals of the bootstrap over structures in quadrature, which is too wide
    for two models on one test set and never calls noise a change; NaN where there is neither.
    Bonferroni's correction for the number of rows.
    """
    certain = 1 - (1 - CONFIDENCE) / (2 * max(len(pairs), 1))  # two-sided
    counts, spreads, low, high = (
        [np.asarray(pairs[f"{name}_{which}"], dtype=float) for which in ("before", "after")]
        for name in ("seeds", "std", "low", "high")
    )
    degrees = counts[0] + counts[1] - 2
    known = np.maximum(degrees, 1)
    squares = sum((n - 1) * np.nan_to_num(s) ** 2 for n, s in zip(counts, spreads))
    seeds = stdtrit(known, certain) * np.sqrt(squares / known * (1 / counts[0] + 1 / counts[1]))
    halves = [(top - bottom) / 2 for bottom, top in zip(low, high)]
    wider = ndtri(certain) / ndtri((1 + CONFIDENCE) / 2)
    noise: Array = np.where(degrees > 0, seeds, wider * np.hypot(*halves))
    return noise
