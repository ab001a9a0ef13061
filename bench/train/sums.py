"""What accumulates over a split: squared errors with their counts, and the health of solves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.labels.quantities import errors
from bench.scf.report import ScfReport
from bench.train.losses import Squares


@dataclass
class ErrorSums:
    """Sums of squared errors, in plain numbers.

    Attributes:
        totals: sum of squares by name, in the quantity's unit.
        counts: number of terms by name.
    """

    totals: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, squares: Mapping[str, Squares]) -> None:
        """Accumulate a batch."""
        for name, term in squares.items():
            self.totals[name] = self.totals.get(name, 0.0) + float(term.total.detach())
            self.counts[name] = self.counts.get(name, 0) + term.count

    def rmse(self, name: str) -> float | None:
        """Root mean square error in the shown unit; None without a reference."""
        if not self.counts.get(name):
            return None
        return math.sqrt(self.totals[name] / self.counts[name]) * errors()[name].factor

    def loss(self, factors: Mapping[str, float]) -> float:
        """Σ f (Σ squares / count) over everything accumulated: the formula of the batch loss."""
        known = [name for name in factors if self.counts.get(name)]
        return sum(factors[name] * self.totals[name] / self.counts[name] for name in known)


@dataclass
class ScfSums:
    """Health of the solves of a split.

    Attributes:
        solves: number of structures solved.
        iterations: their sum.
        unconverged: how many did not converge.
        response_max: largest Re λ of the response; −inf where none was computed.
    """

    solves: int = 0
    iterations: int = 0
    unconverged: int = 0
    response_max: float = -math.inf

    def add(self, report: ScfReport | None) -> None:
        """Accumulate a batch; nothing for a point or a mode without solves."""
        if report is None:
            return
        self.solves += len(report.converged)
        self.iterations += int(report.iterations.sum())
        self.unconverged += int((~report.converged).sum())
        known = report.response_max.detach()
        self.response_max = max([self.response_max, *known[~known.isnan()].tolist()])

    @property
    def mean_iterations(self) -> float | None:
        """Iterations per structure; None without solves."""
        return self.iterations / self.solves if self.solves else None
