"""Numbers with the unit and direction that the registry gives them, and the reasons for none."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bench.evaluate.registry import METRICS, Family
from bench.runs.records import MetricRecord


def record(
    name: str,
    value: float,
    *,
    n: int,
    subset: str = "all",
    ci95: tuple[float, float] | None = None,
) -> MetricRecord:
    """A record with unit and direction from the registry.

    Raises:
        KeyError: the metric is not registered.
        ValueError: the value is not a finite number: a missing number is absent with its reason.
    """
    info = METRICS[name]
    if not np.isfinite([value, *(ci95 or ())]).all():
        raise ValueError(f"{name} of {subset} is not finite: {value=}, {ci95=}")
    return MetricRecord(name, subset, float(value), info.unit, n, ci95, info.better)


def mark_absent(
    absent: dict[str, str], families: Iterable[Family], reason: str, *, subset: str = "all"
) -> None:
    """Give every metric of the families one reason for being absent."""
    for family in families:
        for name in family.names:
            absent[name if subset == "all" else f"{name}[{subset}]"] = reason
