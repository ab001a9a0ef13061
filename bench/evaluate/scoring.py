"""Errors of predictions and of the training mean, with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.bootstrap import mean_interval
from bench.evaluate.record import record
from bench.evaluate.registry import Family
from bench.runs.records import MetricRecord

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """What one structure (series, pair, triple) says of a quantity, in the family's unit.

    Attributes:
        group: geometry it belongs to; samples of one group are drawn together.
        reference: [k] values of the reference.
        predicted: [k] values of the model.
        mean: [k] values of the training mean; None where the training set has none.
    """

    group: str
    reference: Array
    predicted: Array
    mean: Array | None


def error_records(family: Family, subset: str, samples: Sequence[Sample]) -> list[MetricRecord]:
    """MAE and RMSE over all values, those of the training mean, and the reference's deviation.

    Args:
        family: whose errors; it says which numbers are wanted.
        subset: of the records.
        samples: at least one.
    """
    errors = {"": [s.predicted - s.reference for s in samples]}
    means = [s.mean - s.reference for s in samples if s.mean is not None]
    if len(means) == len(samples):
        errors["_of_mean"] = means
    groups = [s.group for s in samples]
    records = []
    for suffix, values in errors.items():
        for kind, measure in (("mae", _mae), ("rmse", _rmse)):
            name = f"{family.name}_{kind}{suffix}"
            if name in family.names:
                value, ci95 = measure(values, groups)
                records.append(record(name, value, subset=subset, n=len(samples), ci95=ci95))
    if "std" in family.suffixes:
        value = float(np.std(np.concatenate([s.reference for s in samples])))
        records.append(record(f"{family.name}_std", value, subset=subset, n=len(samples)))
    return records


Measure = tuple[float, tuple[float, float] | None]


def _mae(errors: Sequence[Array], groups: Sequence[str]) -> Measure:
    return _mean(errors, groups, np.abs)


def _rmse(errors: Sequence[Array], groups: Sequence[str]) -> Measure:
    value, ci95 = _mean(errors, groups, np.square)
    return value**0.5, (ci95[0] ** 0.5, ci95[1] ** 0.5) if ci95 else None


def _mean(
    errors: Sequence[Array], groups: Sequence[str], penalty: Callable[[Array], Array]
) -> Measure:
    penalties = [penalty(e) for e in errors]
    return float(np.mean(np.concatenate(penalties))), mean_interval(penalties, groups)
