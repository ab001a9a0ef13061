"""Readouts: where they start, how they turn, and their type."""

from __future__ import annotations

import pytest
import torch

from bench.backbone.model import NodeFeatures
from bench.models.heads import MultipoleHead, ScalarHead, VectorHead

ELEMENTS = torch.eye(3)  # one-hot, in the backbone's single precision


def nodes(atoms: int = 3, *, scalars: int = 4, vectors: int = 5) -> NodeFeatures:
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return NodeFeatures(random(atoms), random(atoms, scalars), random(atoms, vectors, 3))


def silence(head: ScalarHead) -> None:
    with torch.no_grad():
        head.network[-1].weight.zero_()


@pytest.mark.parametrize(
    "offset", [0.7, torch.tensor([[0.1], [0.2], [0.3]]), torch.arange(6.0).reshape(3, 2)], ids=str
)
def test_a_silent_network_leaves_the_elements_offsets(offset: float | torch.Tensor) -> None:
    head = ScalarHead(4, 3, outputs=2, offset=offset)
    silence(head)
    expected = (torch.zeros(3, 2, dtype=torch.float64) + offset)[[2, 0, 2]]
    found = head(nodes(), ELEMENTS[[2, 0, 2]])
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_the_network_sees_the_scalars_of_its_own_atom() -> None:
    head, features = ScalarHead(4, 3, outputs=1), nodes()
    before = head(features, ELEMENTS)
    features.scalars[1, 2] += 1.0
    assert (head(features, ELEMENTS) != before)[:, 0].tolist() == [False, True, False]


def test_vectors_are_combined_and_turn_with_the_features() -> None:
    head, features = VectorHead(5, outputs=2), nodes()
    found = head(features)
    expected = sum(features.vectors[:, v, None] * head.weight[v, :, None] for v in range(5))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    turn = torch.linalg.qr(features.vectors[0, :3])[0]
    turned = head(NodeFeatures(features.energy, features.scalars, features.vectors @ turn.T))
    torch.testing.assert_close(turned, found @ turn.T, rtol=0, atol=1e-12)


def test_without_vectors_there_are_no_dipoles() -> None:
    head = MultipoleHead(4, 0, mean_charges=torch.zeros(3, dtype=torch.float64), l_max=1)
    found = head(nodes(vectors=0), ELEMENTS)
    assert found.shape == (3, 4) and found[:, 0].any()
    assert torch.equal(found[:, 1:], torch.zeros(3, 3, dtype=torch.float64))


@pytest.mark.parametrize("atoms", [1, 3])
@pytest.mark.parametrize("l_max", [0, 1])
def test_multipoles_start_at_the_mean_charges_of_the_elements(l_max: int, atoms: int) -> None:
    means = torch.tensor([0.4, -0.8, 0.1], dtype=torch.float64)
    head, features = MultipoleHead(4, 5, mean_charges=means, l_max=l_max), nodes(atoms)
    silence(head.charge)
    found = head(features, ELEMENTS[:atoms])
    assert found.shape == (atoms, (l_max + 1) ** 2)
    assert torch.equal(found[:, 0], means[:atoms])
    if head.dipole is not None:
        assert torch.equal(found[:, 1:], head.dipole(features)[:, 0])
        assert found[:, 1:].all()
