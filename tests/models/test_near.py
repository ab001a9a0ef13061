"""The potential of near permanent multipoles, and a response of its own to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.models.base import Inputs
from bench.models.near import NearResponse, near_potential
from bench.testing.frames import bulk, cluster, slab
from bench.testing.small import gaussian_potential
from tests.models.test_points import batch_of, build
from tests.models.test_response import matrix_of, response_of

FAR = 1e6  # Å: nothing is cut off


def multipoles(atoms: int, components: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(atoms, components, generator=generator, dtype=torch.float64)


def test_within_a_far_cutoff_it_is_the_whole_potential() -> None:
    """Of two molecules in free space whose atoms are all neighbours."""
    model = build("local_charges", r_max=6.0)
    batch, values = batch_of(model, cluster()), multipoles(6)
    assert batch.edge_index.shape[1] == 30
    near = near_potential(values, batch, width=1.5, cutoff=FAR)
    whole = model.maps(batch).potential(values.flatten()[None]).reshape(-1, 4)
    torch.testing.assert_close(near, whole, rtol=0, atol=1e-9)
    expected = gaussian_potential(cluster().positions, values.numpy())
    np.testing.assert_allclose(near[:, 0].numpy(), expected, rtol=0, atol=1e-9)
    charges = near_potential(values[:, :1], batch, width=1.5, cutoff=FAR)
    alone = torch.cat([values[:, :1], torch.zeros(6, 3, dtype=torch.float64)], dim=1)
    of_charges = near_potential(alone, batch, width=1.5, cutoff=FAR)
    torch.testing.assert_close(charges, of_charges[:, :1], rtol=0, atol=1e-12)


def test_it_ends_smoothly_at_the_cutoff() -> None:
    """A neighbour that leaves takes its potential along before it goes."""
    model = build("local_charges", r_max=3.0)
    pair = cluster()[[0, 3]]
    pair.info = cluster().info
    values, potentials = multipoles(2), []
    for distance in (2.999, 3.001):
        pair.positions = [[0.0, 0.0, 0.0], [0.0, 0.0, distance]]
        potentials.append(near_potential(values, batch_of(model, pair), width=1.5, cutoff=3.0))
    torch.testing.assert_close(*potentials, rtol=0, atol=1e-6)


@pytest.mark.parametrize("l_max", [0, 1])
def test_what_the_response_itself_would_answer_is_taken_back(l_max: int) -> None:
    """p − (p⁰ + (K − K̂) N p⁰) = −K (V − N p⁰) − K̂ N p⁰; with K̂ = K there is no difference."""
    model = build("local_charges", l_max=l_max)
    frames = (slab(), bulk(), cluster())
    batch, response = batch_of(model, *frames), response_of(model, *frames)
    near = NearResponse(model.config, len(model.facts.elements), model.backbone.num_scalars)
    values = multipoles(len(batch.positions), (l_max + 1) ** 2)
    with torch.no_grad():
        nodes = model.backbone(batch)
        inputs = Inputs(batch, nodes, model.maps(batch))
        answered = near(inputs.padded(values), response, inputs)
        other = near.near(nodes, batch)
        settings = {"width": model.config.smearing_width, "cutoff": model.config.r_max}
        seen = batch.dense(near_potential(values, batch, **settings)).flatten(1)
        apart = torch.einsum("gij,gj->gi", matrix_of(response) - matrix_of(other), seen)
    expected = batch.dense(values).flatten(1) + apart
    torch.testing.assert_close(answered, expected, rtol=0, atol=1e-11)
    assert float(apart.abs().max()) > 1e-3
    charges = (answered - batch.dense(values).flatten(1))[:, :: (l_max + 1) ** 2]
    assert float(charges.sum(1).abs().max()) < 1e-11  # no charge appears
