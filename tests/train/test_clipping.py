"""Long gradients are shortened in units of what the run has seen, whatever the loss's unit."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from bench.train.clipping import NormMean, clip_gradients, gradient_norm


def parameters(*gradients: list[float]) -> list[nn.Parameter]:
    """One parameter for each gradient, and one that got none."""
    found = [nn.Parameter(torch.zeros(3, dtype=torch.float64)) for _ in [*gradients, None]]
    for parameter, gradient in zip(found, gradients):
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
    return found


def seen(*norms: float) -> NormMean:
    mean = NormMean()
    for norm in norms:
        mean.add(norm)
    return mean


def test_the_norm_is_that_of_all_gradients_together() -> None:
    assert float(gradient_norm(parameters([3.0, 0.0, 0.0], [0.0, 4.0, 0.0]))) == 5.0


@pytest.mark.parametrize(("limit", "factor"), [(10.0, 1.0), (5.0, 1.0), (1.0, 0.2)])
def test_only_what_is_longer_than_the_limit_is_shortened(limit: float, factor: float) -> None:
    clipped = parameters([3.0, 0.0, 0.0], [0.0, 4.0, 0.0])
    clip_gradients(clipped, 5.0, limit)
    assert clipped[0].grad is not None and clipped[1].grad is not None
    assert clipped[0].grad.tolist() == pytest.approx([3.0 * factor, 0.0, 0.0])
    assert clipped[1].grad.tolist() == pytest.approx([0.0, 4.0 * factor, 0.0])
    assert clipped[2].grad is None


def test_the_first_gradient_is_never_shortened() -> None:
    assert seen().limit(1.0) == math.inf
    assert seen(7.0).limit(2.0) == pytest.approx(14.0)


def test_the_mean_is_geometric_and_forgets() -> None:
    mean = seen(*[100.0] * 500)
    assert mean.limit(1.0) == pytest.approx(100.0)
    for _ in range(50):
        mean.add(1.0)
    left = 0.98**50  # of the mean of logarithms
    assert mean.limit(1.0) == pytest.approx(100.0**left)


def test_what_a_run_began_with_is_soon_forgotten() -> None:
    assert seen(1e6, *[1.0] * 20).limit(1.0) < 1.01


def test_one_gradient_beyond_all_others_hardly_moves_the_mean() -> None:
    assert seen(*[1.0] * 500, 1000.0).limit(1.0) == pytest.approx(1000.0**0.02)


def test_a_gradient_that_is_zero_says_nothing() -> None:
    assert seen(0.0) == NormMean() and seen(3.0, 0.0) == seen(3.0)


def test_another_unit_of_the_loss_is_another_unit_of_the_limit() -> None:
    norms = [5.0, 80.0, 0.3, 2.0]
    scaled = seen(*[1e-3 * norm for norm in norms])
    assert scaled.limit(1.0) == pytest.approx(1e-3 * seen(*norms).limit(1.0))
