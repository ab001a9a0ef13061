"""From a probe's numbers to its verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ase.calculators.calculator import SCFError

from bench.probes.expected import expected
from bench.probes.result import Measurement, NotApplicable, Observed, ProbeResult, Verdict
from bench.probes.subject import Subject

UNTRAINED = "the weights are initial, and training decides this number"


@dataclass(frozen=True)
class Probe:
    """A question to a model.

    Attributes:
        name: of the probe.
        question: one line.
        measure: the numbers; raises NotApplicable where the question makes no sense.
        learned: whether training decides the answer, so that an untrained model cannot fail.
    """

    name: str
    question: str
    measure: Callable[[Subject], Observed]
    learned: bool = False

    def run(self, subject: Subject) -> ProbeResult:
        """Measure and judge: beyond a bar fails, unless the point is declared to be there."""
        try:
            observed = self.measure(subject)
        except NotApplicable as reason:
            return ProbeResult(self.name, Verdict.not_applicable, reason=str(reason))
        except SCFError as error:
            return ProbeResult(self.name, Verdict.failed, reason=str(error))
        beyond = [m for m in observed.measurements if not m.within]
        excuses = {m.name: self._excuse(subject, m) for m in beyond}
        verdict = Verdict.passed
        if beyond:
            verdict = Verdict.finding if all(excuses.values()) else Verdict.failed
        reasons = [f"{name}: {why or 'beyond its bar'}" for name, why in excuses.items()]
        return ProbeResult(
            self.name, verdict, observed.material, observed.measurements, "; ".join(reasons)
        )

    def _excuse(self, subject: Subject, measurement: Measurement) -> str:
        known = expected(subject.point, measurement.name)
        return known or (UNTRAINED if self.learned and not subject.trained else "")
