"""The symmetric contraction, against mace-torch's and as a polynomial."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3
from mace.modules.symmetric_contraction import SymmetricContraction as MaceContraction
from torch import Tensor

from bench.backbone.contraction import SymmetricContraction
from bench.backbone.model import random_stream

CHANNELS, COUNTS = 3, (2, 0, 3)


def irreps(l_max: int, channels: int) -> o3.Irreps:
    return o3.Irreps([(channels, (degree, (-1) ** degree)) for degree in range(l_max + 1)])


def ours(out_max: int, l_max: int, correlation: int) -> SymmetricContraction:
    with random_stream(1, torch.float64):
        return SymmetricContraction(
            out_max,
            l_max=l_max,
            correlation=correlation,
            elements=len(COUNTS),
            channels=CHANNELS,
        )


def features(l_max: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(
        (l_max + 1) ** 2, sum(COUNTS), CHANNELS, generator=generator, dtype=torch.float64
    )


@pytest.mark.parametrize("correlation", [1, 2, 3])
@pytest.mark.parametrize(("out_max", "l_max"), [(0, 1), (1, 3), (2, 1), (2, 2)])
def test_equals_mace_torchs(out_max: int, l_max: int, correlation: int) -> None:
    """Also where an element has no atoms."""
    model = ours(out_max, l_max, correlation)
    with random_stream(0, torch.float64):
        mace = MaceContraction(
            irreps(l_max, CHANNELS), irreps(out_max, CHANNELS), correlation, num_elements=3
        )
    missing, unexpected = mace.load_state_dict(model.state_dict(), strict=False)
    assert unexpected == [] and all("U_matrix" in name or "zeroed" in name for name in missing)
    element = torch.repeat_interleave(torch.arange(3), torch.tensor(COUNTS))
    x = features(l_max)
    expected = mace(x.permute(1, 2, 0), torch.eye(3, dtype=torch.float64)[element])
    found = model(x, COUNTS)
    start, column = 0, 0
    for degree in range(out_max + 1):
        size = 2 * degree + 1
        own = expected[:, column : column + CHANNELS * size].view(-1, CHANNELS, size)
        torch.testing.assert_close(
            found[start : start + size].permute(1, 2, 0), own, rtol=1e-12, atol=1e-12
        )
        start, column = start + size, column + CHANNELS * size


@pytest.mark.parametrize("correlation", [1, 2, 3])
def test_a_polynomial_of_its_degree_without_constant(correlation: int) -> None:
    """Finite differences of order ν + 1 in the scale of the features vanish."""
    model, x = ours(1, 2, correlation), features(2)
    values = torch.stack([model(scale * x, COUNTS) for scale in range(correlation + 2)])
    assert values[0].eq(0).all()
    assert float(values[-1].detach().abs().max()) > 0.1
    differences = torch.diff(values, n=correlation + 1, dim=0)
    torch.testing.assert_close(differences, torch.zeros_like(differences), rtol=0, atol=1e-10)


def test_two_derivatives_are_exact() -> None:
    model = ours(1, 1, 3)
    x = features(1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: model(x, COUNTS), x)
    assert torch.autograd.gradgradcheck(lambda x: model(x, COUNTS), x)


def test_products_that_do_not_exist_are_frozen_at_zero() -> None:
    """No l ≤ 1 feature alone makes l = 2."""
    weights = ours(2, 1, 2).contractions[2]
    assert weights.weights_max.requires_grad and weights.weights_max.ne(0).any()
    assert not weights.weights[0].requires_grad and weights.weights[0].eq(0).all()
