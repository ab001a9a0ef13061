"""What eigenvalues of the response say of a solve."""

from __future__ import annotations

import math

import pytest
import torch

from bench.scf.report import ScfReport


def report(low: list[float], high: list[float]) -> ScfReport:
    ones = torch.ones(len(low), dtype=torch.float64)
    low_, high_ = (torch.tensor(x, dtype=torch.float64) for x in (low, high))
    return ScfReport(ones.long(), 0 * ones, ones.bool(), low_, high_)


@pytest.mark.parametrize(
    ("low", "high", "stable"),
    [
        (-3.0, 0.5, True),
        (-0.2, 0.9, True),
        (-8.0, -2.0, True),  # a stiff dielectric: mixing needs small steps, nothing more
        (0.0, 0.0, True),
        (-0.5, 1.0, True),
        (-0.5, 1.0 + 1e-12, False),
        (2.0, 7.0, False),
    ],
)
def test_stability(low: float, high: float, stable: bool) -> None:
    found = report([low], [high])
    assert found.stable.tolist() == [stable]


def test_what_was_not_computed_stays_unknown_and_by_itself() -> None:
    found = report([math.nan, -2.0, math.nan], [math.nan, 3.0, 0.1])
    assert found.stable.tolist() == [True, False, True]
