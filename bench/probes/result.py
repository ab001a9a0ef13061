"""What a probe says: numbers with units and bars, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Verdict(str, Enum):
    """What the numbers of a probe mean."""

    passed = "pass"
    failed = "fail"
    finding = "finding"  # beyond its bar, as this point of the design space is known to be
    not_applicable = "not applicable"


class NotApplicable(Exception):
    """A probe that asks for what a point or its elements do not have; the argument says what."""


@dataclass(frozen=True)
class Measurement:
    """One number of a probe.

    Attributes:
        name: what was measured; names are unique over all probes.
        value: in ``unit``; may be NaN or infinite, which no bar lets pass.
        unit: of value and bar; empty for ratios.
        bar: the largest value that passes; None where the number only explains the others.
    """

    name: str
    value: float
    unit: str
    bar: float | None = None

    @property
    def within(self) -> bool:
        """Whether the value is finite and not beyond its bar."""
        return math.isfinite(self.value) and (self.bar is None or self.value <= self.bar)

    def to_dict(self) -> dict[str, Any]:
        """Plain types; a value that is no number is null."""
        value = self.value if math.isfinite(self.value) else None
        return {"name": self.name, "value": value, "unit": self.unit, "bar": self.bar}


@dataclass(frozen=True)
class Observed:
    """The numbers of a probe, not yet judged.

    Attributes:
        material: what was probed, such as ``chain of 8 and 16 H2O``.
        measurements: at least one with a bar.
    """

    material: str
    measurements: Sequence[Measurement]


@dataclass(frozen=True)
class ProbeResult:
    """The outcome of one probe.

    Attributes:
        probe: its name.
        verdict: what the numbers mean.
        material: what was probed; empty where nothing was.
        measurements: the numbers.
        reason: why the verdict is not ``pass``, one sentence per number.
    """

    probe: str
    verdict: Verdict
    material: str = ""
    measurements: Sequence[Measurement] = ()
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain types for probes.json."""
        return {
            "probe": self.probe,
            "verdict": self.verdict.value,
            "material": self.material,
            "measurements": [measurement.to_dict() for measurement in self.measurements],
            "reason": self.reason,
        }
