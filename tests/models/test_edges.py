"""Numbers on edges: smooth at the cutoff, summed over images, weights per structure."""

from __future__ import annotations

import pytest
import torch

from bench.models.edges import EdgeHead, between_atoms, envelope, softmax
from bench.testing.frames import bulk, cluster
from tests.models.test_points import batch_of, build


def test_the_envelope_ends_with_two_derivatives() -> None:
    x = torch.tensor(1 - 1e-4, dtype=torch.float64, requires_grad=True)
    value = envelope(x)
    (slope,) = torch.autograd.grad(value, x, create_graph=True)
    (curvature,) = torch.autograd.grad(slope, x)
    assert 0 < float(value) < 1e-11 and abs(float(slope)) < 1e-6 and abs(float(curvature)) < 1e-2
    inside, beyond = torch.tensor([0.0, 1.0], dtype=torch.float64)
    assert float(envelope(inside)) == 1.0 and float(envelope(beyond)) == 0.0


@pytest.mark.parametrize("outputs", [1, 3])
def test_edges_vanish_smoothly_at_the_cutoff(outputs: int) -> None:
    torch.manual_seed(0)
    head = EdgeHead(5, cutoff=3.0, num_radial=4, outputs=outputs)
    scalars = torch.randn(2, 5, dtype=torch.float64)
    edges = torch.tensor([[0], [1]])

    def numbers(x: torch.Tensor) -> torch.Tensor:
        return head(scalars, torch.stack([x, 0 * x, 0 * x])[None], edges)[0]

    near = torch.tensor(3.0 - 1e-4, dtype=torch.float64, requires_grad=True)
    value = numbers(near)[-1]
    (slope,) = torch.autograd.grad(value, near, create_graph=True)
    (curvature,) = torch.autograd.grad(slope, near)
    assert 0 < abs(float(value)) < 1e-11 and abs(float(slope)) < 1e-7
    assert abs(float(curvature)) < 1e-2
    assert not numbers(torch.tensor(3.1, dtype=torch.float64)).any()


def test_numbers_depend_on_the_direction_of_an_edge() -> None:
    torch.manual_seed(0)
    head = EdgeHead(5, cutoff=3.0, num_radial=4)
    scalars = torch.randn(2, 5, dtype=torch.float64)
    vectors = torch.tensor([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]], dtype=torch.float64)
    there, back = head(scalars, vectors, torch.tensor([[0, 1], [1, 0]]))[:, 0]
    assert abs(float(there - back)) > 1e-3


def test_between_atoms_counts_every_image() -> None:
    """Degrees of the atoms, and the transposed matrix for edges read backwards."""
    model = build("short_range")
    batch = batch_of(model, bulk(), cluster())
    ones = torch.ones(batch.edge_index.shape[1], dtype=torch.float64)
    matrix = between_atoms(ones, batch)
    degrees = batch.flat(matrix.sum(2))
    counted = torch.bincount(batch.edge_index[1], minlength=len(degrees)).double()
    assert torch.equal(degrees, counted) and torch.equal(matrix, matrix.mT)
    assert float(matrix[0].max()) > 1  # several images of one atom


@pytest.mark.parametrize("shift", [0.0, 800.0])
def test_weights_sum_to_one_over_each_structure(shift: float) -> None:
    model = build("short_range")
    batch = batch_of(model, bulk(), cluster())
    values = torch.linspace(-2, 2, len(batch.structure), dtype=torch.float64)
    weights = softmax(values + shift, batch)
    assert batch.per_structure(weights).tolist() == pytest.approx([1.0, 1.0], abs=1e-14)
    ratio = float(weights[1] / weights[0])
    assert ratio == pytest.approx(float((values[1] - values[0]).exp()), rel=1e-9)
