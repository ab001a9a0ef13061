"""What metrics.json holds, as types."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypedDict

SCHEMA_VERSION = 1
Better = Literal["lower", "higher", "none"]


class RecordDict(TypedDict):
    """One number of metrics.json; see ``MetricRecord``."""

    name: str
    subset: str
    value: float
    unit: str
    n: int
    ci95: list[float] | None
    better: Better


class MetricsFile(TypedDict):
    """metrics.json.

    ``run`` says which run (id, model, system, preset, seed, data_checksum, code_version, packages,
    hardware, parameters, seconds, cpu_seconds); ``absent`` maps ``name`` or ``name[subset]`` to the
    reason; ``unconverged`` and ``non_finite`` list structures by index in predictions.extxyz.
    """

    schema_version: int
    run: dict[str, Any]
    metrics: list[RecordDict]
    absent: dict[str, str]
    unconverged: list[int]
    non_finite: dict[str, list[int]]


@dataclass(frozen=True)
class MetricRecord:
    """One number.

    Attributes:
        name: of the metric; ``bench list metrics`` explains it.
        subset: ``all``, a subset of the data, ``no_applied_field``, ``charge=+1``, ``group=g0``.
        value: in ``unit``.
        unit: of the value and the interval.
        n: how many structures (series, pairs, triples: see the metric's description) it stands on.
        ci95: lower and upper end of the 95 % interval; None where there is none.
        better: ``lower``, ``higher`` or ``none``.
    """

    name: str
    subset: str
    value: float
    unit: str
    n: int
    ci95: tuple[float, float] | None
    better: Better

    def to_dict(self) -> RecordDict:
        """Plain types for metrics.json."""
        values: RecordDict = {**asdict(self), "ci95": list(self.ci95) if self.ci95 else None}  # type: ignore[typeddict-item]
        return values


@dataclass(frozen=True)
class Evaluation:
    """All numbers of a test set, and what is not among them.

    Attributes:
        records: the numbers.
        absent: ``name`` (nowhere) or ``name[subset]`` to the reason.
        unconverged: indices of structures whose density did not converge; in no error.
        non_finite: label name to indices of structures whose prediction is NaN or infinite; those
            are not in the errors of that label.
        structures: how many there are in all.
    """

    records: list[MetricRecord] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    unconverged: list[int] = field(default_factory=list)
    non_finite: dict[str, list[int]] = field(default_factory=dict)
    structures: int = 0

    def to_dict(self, run: dict[str, Any]) -> MetricsFile:
        """metrics.json of a run."""
        return {
            "schema_version": SCHEMA_VERSION,
            "run": run,
            "metrics": [entry.to_dict() for entry in self.records],
            "absent": self.absent,
            "unconverged": self.unconverged,
            "non_finite": self.non_finite,
        }
