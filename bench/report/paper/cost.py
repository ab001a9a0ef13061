"""What a run costs, as metrics beside its errors, so that seeds and intervals come the same way."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from bench.runs.collection import METRIC_COLUMNS, Collection

CPU_SECONDS, COST_RATIO, PARAMETERS = "cpu_seconds", "cost_ratio", "parameters"
BASE = "short_range"
OUTSIDER = "outsider"  # the preset of models that nobody trained here, and nobody knows the cost of
# Seconds of two processors, presets or versions of the data say nothing about two models.
ALIKE = ("system", "data_checksum", "preset", "cpu", "device")


def with_costs(found: Collection) -> Collection:
    """The runs with three metrics more, of subset ``all``.

    ``cpu_seconds`` of training and evaluation together; ``cost_ratio``, the same over the mean of
    ``short_range`` with the fewest settings of its own on the same kind of machine, data and preset
    (absent where there is none); and the number of learned ``parameters``.  Models from outside
    have no cost, only parameters.
    """
    done = found.done
    alike = done[list(ALIKE)].fillna("")
    keys = pd.Series(list(alike.itertuples(index=False, name=None)), index=done.index)
    seconds = done["cpu_seconds"]
    seconds = seconds.where((done["preset"] != OUTSIDER) & (seconds > 0))  # early runs: not known
    settings = done["changed"].map(lambda changed: len(changed.split()))
    settings = settings.where(done["model"] == BASE)
    plain = settings == settings.groupby(keys).transform("min")  # not those on fewer structures
    base = seconds.where(plain).groupby(keys).transform("mean")
    parts = {
        CPU_SECONDS: (seconds, "s"),
        COST_RATIO: (seconds / base, "1"),
        PARAMETERS: (done["parameters"].astype("float64"), "1"),
    }
    frames = [_rows(name, values, unit) for name, (values, unit) in parts.items()]
    return replace(found, metrics=pd.concat([found.metrics, *frames], ignore_index=True))


def _rows(name: str, values: pd.Series[float], unit: str) -> pd.DataFrame:
    known = values.dropna()
    better = "none" if name == PARAMETERS else "lower"
    fixed = {"name": name, "subset": "all", "unit": unit, "n": 1, "better": better}
    rows = pd.DataFrame({"run": known.index, "value": known.to_numpy(), **fixed})
    return rows.reindex(columns=list(METRIC_COLUMNS)).astype(METRIC_COLUMNS)
