"""Gradients longer than usual are shortened, and usual is what the run itself has seen.

A fixed norm fits one point and one system: gradients of a training here have norms from one to
hundreds, by how stiff the density's equations are.  In units of their own running mean, as AutoClip
does with a percentile (Seetharaman, Wichern, Pardo, Le Roux, MLSP 2020), one number serves all, and
multiplying the loss by a constant changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.train.optimizer import short_at_first

DECAY = 0.98  # of the running mean, a step: it looks back fifty of them


@dataclass
class NormMean:
    """Geometric mean of the gradients' norms, the older ones forgotten.

    Attributes:
        steps: gradients seen.
        log: mean logarithm of their norms.
    """

    steps: int = 0
    log: float = 0.0

    def limit(self, multiple: float) -> float:
        """The largest norm of the next gradient, in units of the mean; any at first."""
        return multiple * math.exp(self.log) if self.steps else math.inf

    def add(self, norm: float) -> None:
        """Count a gradient; one that is zero says nothing."""
        if norm > 0.0:
            kept = short_at_first(DECAY, self.steps) if self.steps else 0.0
            self.log = kept * self.log + (1.0 - kept) * math.log(norm)
            self.steps += 1


def gradient_norm(parameters: Iterable[Tensor]) -> Tensor:
    """Euclidean norm of all gradients together, a scalar."""
    return torch.nn.utils.get_total_norm(_gradients(parameters))


def clip_gradients(parameters: Iterable[Tensor], norm: float, limit: float) -> None:
    """Shorten gradients of a norm above the limit to it, in place."""
    if norm > limit:
        torch._foreach_mul_(_gradients(parameters), limit / norm)


def _gradients(parameters: Iterable[Tensor]) -> list[Tensor]:
    return [p.grad for p in parameters if p.grad is not None]
