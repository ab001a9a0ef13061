"""Errors of predictions and of the training mean, with their intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.bootstrap import mean_interval
from bench.evaluate.record import mark_absent, record
from bench.evaluate.registry import Family, MetricInfo
from bench.runs.records import Evaluation, MetricRecord

Array = NDArray[np.float64]


UNSOUND = "not converged or not finite"


class Missing(Exception):
    """Nothing to score; the text says why."""


class InSubset(Protocol):
    """What belongs to one subset beside ``all``."""

    @property
    def subset(self) -> str:
        """Its name."""


Kind = TypeVar("Kind", bound=InSubset)


@dataclass(frozen=True)
class Sample:
    """What one structure (series, pair, triple) says of a quantity, in the family's unit.

    Attributes:
        group: geometry it belongs to; samples of one group are drawn together.
        reference: [k] values of the reference.
        predicted: [k] values of the model.
        mean: [k] values of the training mean; None where the training set has none.
        multipoles: [k] values that the reference's own atomic multipoles would give; None where
            nothing is made of them.
    """

    group: str
    reference: Array
    predicted: Array
    mean: Array | None
    multipoles: Array | None = None


def sound_sample(group: str, values: Array, *, sound: bool) -> Sample:
    """The sample of one number.

    Args:
        group: geometry it belongs to.
        values: [3] of the reference, predicted and of the baseline.
        sound: whether the prediction converged and is finite.

    Raises:
        Missing: it is not.
    """
    if not sound:
        raise Missing(UNSOUND)
    reference, predicted, baseline = (values[k : k + 1] for k in range(3))
    return Sample(group, reference, predicted, baseline)


def error_records(family: Family, subset: str, samples: Sequence[Sample]) -> list[MetricRecord]:
    """MAE and RMSE over all values, those of the training mean and of the reference's multipoles,
    and the reference's deviation.

    Args:
        family: whose errors; it says which numbers are wanted.
        subset: of the records.
        samples: at least one.
    """
    errors = {"": [s.predicted - s.reference for s in samples]}
    others = {"_of_mean": [s.mean for s in samples]}
    others["_of_multipoles"] = [s.multipoles for s in samples]
    for suffix, given in others.items():
        known = [x - s.reference for x, s in zip(given, samples) if x is not None]
        if len(known) == len(samples):
            errors[suffix] = known
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


def score_by_subset(
    result: Evaluation,
    family: Family,
    found: Sequence[Kind],
    compare: Callable[[Kind], Sample],
    wanted: str,
    *,
    named: Sequence[MetricInfo] = (),
) -> None:
    """Add the errors over everything found and over each of its subsets, or why there are none.

    Args:
        result: gets the records, or the reasons.
        family: of the errors.
        found: each has a ``subset``.
        compare: gives the sample of one of them, or raises ``Missing``.
        wanted: what was looked for, for the reason where nothing was found.
        named: metrics of the predicted and the reference values' means over each subset.
    """
    samples: dict[str, list[Sample]] = defaultdict(list)
    reasons: dict[str, list[str]] = defaultdict(list)
    if not found:
        reasons["all"].append(f"no {wanted} in the test set")
    for one in found:
        subsets = ("all", one.subset)
        try:
            sample = compare(one)
        except Missing as missing:
            for subset in subsets:
                reasons[subset].append(str(missing))
            continue
        for subset in subsets:
            samples[subset].append(sample)
    for subset in dict.fromkeys([*samples, *reasons]):
        if subset in samples:
            result.records.extend(error_records(family, subset, samples[subset]))
            result.records.extend(_means(named, subset, samples[subset]))
        elif subset == "all" or "all" in samples:  # what is absent everywhere is said once
            reason = "; ".join(dict.fromkeys(reasons[subset]))
            mark_absent(result.absent, [family], reason, subset=subset)
            suffix = "" if subset == "all" else f"[{subset}]"
            result.absent.update({f"{metric.name}{suffix}": reason for metric in named})


def _means(
    named: Sequence[MetricInfo], subset: str, samples: Sequence[Sample]
) -> list[MetricRecord]:
    """Of the predicted and of the reference values; over different subsets they mean nothing."""
    if subset == "all":
        return []
    values = ([s.predicted for s in samples], [s.reference for s in samples])
    return [
        record(metric.name, float(np.mean(both)), subset=subset, n=len(samples))
        for metric, both in zip(named, values)
    ]


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
