"""The health of a self-consistent solve, per structure."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ScfReport:
    """Every solve says how it went; an unconverged structure is never scored silently.

    Attributes:
        iterations: [g] int64; 1 for a direct solve.
        residual: [g] largest |F(p) − p| or gradient entry, in e (e Å) for maps.
        converged: [g] bool.
        response_min: [g] smallest Re λ of the response ∂F/∂p (linear mixing converges for
            α < 2 / (1 − min Re λ)); NaN where it was not computed.
        response_max: [g] largest Re λ; above 1 the solution is unstable.
    """

    iterations: Tensor
    residual: Tensor
    converged: Tensor
    response_min: Tensor
    response_max: Tensor

    @property
    def stable(self) -> Tensor:
        """[g] bool: no eigenvalue of the response exceeds 1 (True where unknown)."""
        return ~(self.response_max > 1.0)


def nothing_solved(like: Tensor) -> ScfReport:
    """The report of direct training, whose density is the reference: room for the response.

    Args:
        like: [g] float64.
    """
    zero, unknown = torch.zeros_like(like), torch.full_like(like, torch.nan)
    return ScfReport(zero.long(), zero, torch.ones_like(like, dtype=torch.bool), unknown, unknown)
