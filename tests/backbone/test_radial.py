"""Functions of the distance, against mace-torch's and e3nn's."""

from __future__ import annotations

import pytest
import torch
from e3nn.nn import FullyConnectedNet
from mace.modules.blocks import RadialEmbeddingBlock
from torch.nn.functional import silu

from bench.backbone.model import random_stream
from bench.backbone.radial import RadialNetwork, radial_basis


@pytest.mark.parametrize("power", [2, 5, 6])
def test_basis_is_mace_torchs(power: int) -> None:
    distance = torch.linspace(0.4, 5.2, 60, dtype=torch.float64)
    with random_stream(0, torch.float64):
        block = RadialEmbeddingBlock(r_max=5.0, num_bessel=7, num_polynomial_cutoff=power)
    expected, _ = block(distance[:, None], None, None, None)
    found = radial_basis(distance, r_max=5.0, num_bessel=7, power=power)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    assert found[distance >= 5.0].eq(0).all() and found[0].ne(0).all()


def test_basis_and_two_derivatives_vanish_at_the_cutoff() -> None:
    distance = torch.tensor([5.0 - 1e-6], dtype=torch.float64, requires_grad=True)
    value = radial_basis(distance, r_max=5.0, num_bessel=1, power=5).sum()
    (first,) = torch.autograd.grad(value, distance, create_graph=True)
    (second,) = torch.autograd.grad(first, distance)
    assert abs(float(value.detach())) < 1e-17
    assert abs(float(first.detach())) < 1e-11 and abs(float(second)) < 1e-5


def test_network_is_e3nns() -> None:
    widths = [4, 9, 6, 10]
    with random_stream(0, torch.float64):
        expected, ours = FullyConnectedNet(widths, silu), RadialNetwork(widths)
    ours.load_state_dict(expected.state_dict())
    basis = torch.randn(20, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = ours.hidden(basis) @ ours.last()
    torch.testing.assert_close(found, expected(basis), rtol=1e-13, atol=1e-13)
