"""What accumulates over a split: squared errors with their counts, and the health of solves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.labels.quantities import parts
from bench.scf.report import ScfReport
from bench.train.losses import Squares, Terms


@dataclass
class ErrorSums:
    """Sums of squared errors, in plain numbers.

    Attributes:
        totals: sum of squares by name of the loss.
        counts: number of terms by name of the loss.
        part_totals: sum of squares by part of a quantity, in the quantity's unit.
        part_counts: number of terms by part.
    """

    totals: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    part_totals: dict[str, float] = field(default_factory=dict)
    part_counts: dict[str, int] = field(default_factory=dict)

    def add(self, squares: Mapping[str, Squares]) -> None:
        """Accumulate a batch."""
        for name, term in squares.items():
            _accumulate(self.totals, self.counts, name, (term.total, term.count))
            for part, terms in term.parts.items():
                _accumulate(self.part_totals, self.part_counts, part, terms)

    def rmse(self, part: str) -> float | None:
        """Root mean square error in the part's shown unit; None without a reference."""
        if not self.part_counts.get(part):
            return None
        _, shown = parts()[part]
        return math.sqrt(self.part_totals[part] / self.part_counts[part]) * shown.factor

    def loss(self, weights: Mapping[str, float]) -> float:
        """Σ w (Σ squares / count) over everything accumulated: the formula of the batch loss."""
        known = [name for name in weights if self.counts.get(name)]
        return sum(weights[name] * self.totals[name] / self.counts[name] for name in known)


def _accumulate(totals: dict[str, float], counts: dict[str, int], name: str, terms: Terms) -> None:
    total, count = terms
    totals[name] = totals.get(name, 0.0) + float(total.detach())
    counts[name] = counts.get(name, 0) + count


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
