"""Maps from potential features to multipoles: layout, numbers on paper, signs that must hold."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bench.data.batch import Batch, GraphSettings, build_graph, collate
from bench.density.coulomb import by_feature
from bench.models.updates import (
    RESPONSE_UNIT,
    STEPS,
    NeighbourAverage,
    NonlinearResponse,
    Seen,
    induced,
)
from bench.testing.frames import bulk, cluster, labelled, slab

WIDTHS, SCALARS = 2, 3


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(
        shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed + sum(shape))
    )


def seen(structures: int = 2, atoms: int = 3, *, l_max: int = 1, scale: float = 1.0) -> Seen:
    gradients = random(structures, atoms, WIDTHS * l_max, 3)
    return Seen(scale * random(structures, atoms, WIDTHS), scale * gradients)


@pytest.mark.parametrize("rest", [(), (5,)], ids=["vector", "matrix"])
@pytest.mark.parametrize("atoms", [1, 3])
@pytest.mark.parametrize("l_max", [0, 1])
def test_splitting_undoes_the_order_of_the_features(
    l_max: int, atoms: int, rest: tuple[int, ...]
) -> None:
    by_width = [random(2, atoms * (l_max + 1) ** 2, *rest, seed=w) for w in range(WIDTHS)]
    found = Seen.split(by_feature(by_width, l_max), atoms=atoms, widths=WIDTHS)
    assert found.gradients.shape == (2, atoms, WIDTHS * l_max, 3, *rest)
    for w, values in enumerate(by_width):
        entries = values.reshape(2, atoms, -1, *rest)
        assert torch.equal(found.potentials[:, :, w], entries[:, :, 0])
        if l_max:
            assert torch.equal(found.gradients[:, :, w], entries[:, :, 1:])


def test_invariants_are_logarithmic_in_units_of_the_norms() -> None:
    potentials, gradients = torch.tensor([[[3.0, -1.0]]]), torch.zeros(1, 1, 2, 3)
    gradients[0, 0, 0], gradients[0, 0, 1] = torch.tensor([0.3, 0.0, -0.4]), torch.tensor([0, 2, 0])
    found = Seen(potentials, gradients).invariants(torch.tensor([2.0, 4.0, 0.25, 1.0]))
    expected = [math.asinh(x) for x in (1.5, -0.25, 0.5**2 / 0.25**2, 4.0)]
    assert found[0, 0].tolist() == pytest.approx(expected, rel=1e-6)


def test_induced_multipoles_oppose_potential_and_gradient() -> None:
    gains = torch.tensor([[[[0.1, 0.02], [0.5, 0.25]]]])  # [g, n, l, w]
    gradients = torch.tensor([[[[1.0, 0.0, 2.0], [0.0, -4.0, 0.0]]]])
    one = Seen(torch.tensor([[[3.0, -5.0]]]), gradients)
    assert induced(gains, one)[0].tolist() == pytest.approx([-0.2, -0.5, 1.0, -1.0])
    assert induced(gains[:, :, :1], one)[0].tolist() == pytest.approx([-0.2])


@pytest.mark.parametrize("l_max", [0, 1])
def test_induced_rows_of_a_matrix_are_those_of_its_columns(l_max: int) -> None:
    gains = random(2, 3, l_max + 1, WIDTHS).exp()
    features = random(2, 3 * WIDTHS * (1 + 3 * l_max), 4)
    whole = induced(gains, Seen.split(features, atoms=3, widths=WIDTHS))
    for column in range(4):
        alone = Seen.split(features[:, :, column], atoms=3, widths=WIDTHS)
        torch.testing.assert_close(whole[:, :, column], induced(gains, alone), rtol=0, atol=1e-12)


def response(l_max: int = 1, *, seed: int = 7) -> NonlinearResponse:
    """With weights far from their start."""
    norms = random(WIDTHS * (l_max + 1), seed=seed).abs() + 0.3
    model = NonlinearResponse(SCALARS, norms, widths=WIDTHS, l_max=l_max)
    with torch.no_grad():
        for n, parameter in enumerate(model.parameters()):
            parameter.copy_(1.5 * random(*parameter.shape, seed=seed + n))
    return model


@pytest.mark.parametrize("l_max", [0, 1])
def test_a_response_without_weights_is_known_on_paper(l_max: int) -> None:
    model = response(l_max)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    scene, half = seen(l_max=l_max), RESPONSE_UNIT * math.log(2)  # softplus(0) = ln 2
    argument = math.log(2) * torch.asinh(scene.potentials / model.norms[:WIDTHS]).sum(2)
    found = model(random(2, 3, SCALARS), scene)
    torch.testing.assert_close(found[..., 0], -half * STEPS * torch.tanh(argument))
    assert found.shape == (2, 3, (l_max + 1) ** 2)
    if l_max:
        torch.testing.assert_close(found[..., 1:], -half * scene.gradients.sum(2))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
@pytest.mark.parametrize("l_max", [0, 1])
@pytest.mark.parametrize("weights", range(3))
def test_charge_falls_with_every_potential_and_saturates(
    weights: int, l_max: int, scale: float
) -> None:
    model, scalars = response(l_max, seed=weights), random(2, 3, SCALARS)
    scene = seen(l_max=l_max, scale=scale)
    potentials = scene.potentials.requires_grad_()
    charge = model(scalars, Seen(potentials, scene.gradients))[..., 0]
    (slope,) = torch.autograd.grad(charge.sum(), potentials)
    assert float(slope.max()) <= 0.0 and float(slope.min()) < 0.0
    bound = RESPONSE_UNIT * torch.nn.functional.softplus(model.height(scalars)).sum(2)
    assert (charge.abs() <= bound).all()


@pytest.mark.parametrize("weights", range(3))
def test_dipoles_point_against_the_gradient(weights: int) -> None:
    model, scene = response(seed=weights), seen(scale=2.0)
    parallel = Seen(scene.potentials, scene.gradients[:, :, :1].expand(-1, -1, WIDTHS, -1))
    dipole = model(random(2, 3, SCALARS), parallel)[..., 1:]
    along, direction = (dipole * parallel.gradients[:, :, 0]).sum(2), parallel.gradients[:, :, 0]
    assert (along < 0).all()
    across = dipole - (along / direction.square().sum(2))[..., None] * direction
    assert float(across.abs().max()) < 1e-12


def test_the_response_turns_with_what_is_seen() -> None:
    model, scene, scalars = response(), seen(), random(2, 3, SCALARS)
    turn = torch.linalg.qr(random(3, 3))[0]
    before, after = (
        model(scalars, scene),
        model(scalars, Seen(scene.potentials, scene.gradients @ turn.T)),
    )
    torch.testing.assert_close(after[..., 0], before[..., 0], rtol=0, atol=1e-12)
    torch.testing.assert_close(after[..., 1:], before[..., 1:] @ turn.T, rtol=0, atol=1e-12)
    assert float((before[..., 1:] @ turn.T - before[..., 1:]).abs().max()) > 1e-3


def test_each_atom_answers_what_it_sees_itself() -> None:
    model, scene, scalars = response(), seen(), random(2, 3, SCALARS)
    changed = Seen(scene.potentials.clone(), scene.gradients.clone())
    changed.potentials[0, 1] += 1.0
    changed.gradients[0, 1] += 1.0
    differs = (model(scalars, changed) != model(scalars, scene)).any(2)
    assert differs.tolist() == [[False, True, False], [False, False, False]]


# The neighbours' average


def average(*, r_max: float, neighbours: float = 2.0) -> NeighbourAverage:
    """With the weight softplus(scalar)."""
    model = NeighbourAverage(1, r_max=r_max, avg_num_neighbors=neighbours)
    with torch.no_grad():
        model.weight.weight.fill_(1.0)
        model.weight.bias.zero_()
    return model


def batch_of(*frames: object, r_max: float) -> Batch:
    elements = (1, 8, 13, 14)
    settings = GraphSettings(elements, r_max, 1.5, 1.0, torch.float64)
    return collate([build_graph(atoms, settings) for atoms in frames])


def dimer(distance: float) -> Batch:
    atoms = cluster()[:2]
    atoms.positions = [[0, 0, 0], [0, 0.6 * distance, 0.8 * distance]]
    return batch_of(labelled(atoms, seed=0), r_max=3.0)


def test_weights_are_the_senders_times_a_smooth_cutoff() -> None:
    batch = dimer(2.0)
    apart = float((batch.positions[0] - batch.positions[1]).norm())
    cutoff = (1 - (apart / 3.0) ** 2) ** 3
    found = average(r_max=3.0).matrix(batch, torch.tensor([[-9.0], [4.0]], dtype=torch.float64))
    first, second = (math.log(1 + math.exp(x)) * cutoff / 2 for x in (-9.0, 4.0))
    expected = torch.tensor([[[0, second], [first, 0]]], dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert (found >= 0).all()


def test_a_neighbour_leaves_without_a_kink() -> None:
    batch, model = dimer(2.5), average(r_max=3.0)
    direction = batch.positions[1] / batch.positions[1].norm()
    for distance, slope_limit in [(3.0 - 1e-5, 1e-4), (3.5, 0.0)]:
        batch.positions[1] = batch.positions[0] + distance * direction
        batch.positions.requires_grad_()
        value = model.matrix(batch, torch.zeros(2, 1, dtype=torch.float64)).sum()
        (slope,) = torch.autograd.grad(value, batch.positions)
        assert 0.0 <= float(value.detach()) < 1e-9
        assert float(slope.abs().max()) <= slope_limit
        batch.positions = batch.positions.detach()


def test_an_atom_is_its_own_neighbour_through_the_cell() -> None:
    atoms = bulk()[:1]
    atoms.set_cell([2.0, 10.0, 10.0])
    batch = batch_of(labelled(atoms, seed=0), r_max=5.0)
    found = average(r_max=5.0, neighbours=4.0).matrix(batch, torch.zeros(1, 1, dtype=torch.float64))
    expected = math.log(2) / 2 * sum((1 - (2.0 * n / 5.0) ** 2) ** 3 for n in (1, 2))
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_structures_of_a_batch_do_not_see_each_other() -> None:
    frames, model = [slab(), cluster(), bulk()], average(r_max=3.5)
    together = batch_of(*frames, r_max=3.5)
    scalars = random(len(together.positions), 1)
    whole = model.matrix(together, scalars)
    for g, part in enumerate(torch.split(scalars, together.num_atoms.tolist())):
        alone = model.matrix(batch_of(frames[g], r_max=3.5), part)[0]
        n = len(part)
        torch.testing.assert_close(whole[g, :n, :n], alone, rtol=0, atol=1e-12)
        assert not whole[g, n:].any() and not whole[g, :, n:].any()


@pytest.mark.parametrize("rest", [(), (5,)], ids=["vector", "matrix"])
@pytest.mark.parametrize("l_max", [0, 1])
def test_extended_features_are_ones_own_and_then_the_neighbours(
    l_max: int, rest: tuple[int, ...]
) -> None:
    matrix, atoms = random(2, 3, 3), 3
    features = random(2, atoms * WIDTHS * (1 + 3 * l_max), *rest)
    own = Seen.split(features, atoms=atoms, widths=WIDTHS)
    extended = NeighbourAverage.extend(matrix, features, widths=WIDTHS)
    found = Seen.split(extended, atoms=atoms, widths=2 * WIDTHS)
    for values, kept in [(found.potentials, own.potentials), (found.gradients, own.gradients)]:
        mixed = (matrix @ kept.flatten(2)).reshape(kept.shape)
        assert torch.equal(values[:, :, : kept.shape[2]], kept)
        torch.testing.assert_close(values[:, :, kept.shape[2] :], mixed, rtol=0, atol=1e-12)
