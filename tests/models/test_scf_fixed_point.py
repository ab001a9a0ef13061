"""The learned map: its equations written out, limits in which its kinds agree, and its bounds."""

from __future__ import annotations

from copy import deepcopy
from functools import cache

import pytest
import torch
from torch import Tensor

from bench.config.schema import Mode
from bench.models.base import Inputs
from bench.models.scf_fixed_point import MIN_RESPONSE, RESPONSE_SCALE, ScfFixedPoint
from bench.models.updates import Seen
from bench.testing.frames import bulk, cluster, labelled, slab
from tests.models.test_points import batch_of, build

FRAMES = [slab(), bulk(), cluster(field=(0.1, 0.2, 0.0))]
NONLINEAR = ["scf_fixed_point-mlp", "scf_fixed_point-many_body"]


@cache
def cached(name: str = "scf_fixed_point", **options: object) -> ScfFixedPoint:
    """A point that no test changes."""
    model = build(name, tolerance=1e-12, **options)
    assert isinstance(model, ScfFixedPoint)
    return model


def fresh(name: str = "scf_fixed_point", **options: object) -> ScfFixedPoint:
    return deepcopy(cached(name, **options))


def inputs_of(model: ScfFixedPoint, *frames: object) -> Inputs:
    batch = batch_of(model, *frames)
    with torch.no_grad():
        return Inputs(batch, model.backbone(batch), model.matrices(batch))


def close(found: Tensor, expected: Tensor, atol: float = 1e-11) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("l_max", [0, 1])
@torch.no_grad()
def test_the_linear_density_satisfies_its_equation(l_max: int) -> None:
    """p_i = p_i⁰ − Σ_w k_iw u_iw, u = B p + b + μ c, atom by atom from the features' layout."""
    model = cached(l_max=l_max)
    inputs = inputs_of(model, *FRAMES)
    density = model.density(inputs, Mode.implicit)
    maps, p, mu = inputs.maps, density.multipoles, density.fermi_level
    features = torch.einsum("gfm,gm->gf", maps.features, p) + maps.feature_applied
    features = features + mu[:, None] * maps.feature_charge
    raw = model.gains(inputs.nodes, inputs.batch.node_attrs)  # [n, (l, w)]
    gains = MIN_RESPONSE + RESPONSE_SCALE * torch.nn.functional.softplus(raw)
    seen = inputs.batch.flat(features.reshape(3, 9, -1))
    expected = model.local(inputs.nodes, inputs.batch.node_attrs)
    expected[:, 0] -= (gains[:, :2] * seen[:, :2]).sum(1)
    if l_max:
        gradients = seen[:, 2:].reshape(-1, 2, 3)
        expected[:, 1:] -= torch.einsum("nw,nwx->nx", gains[:, 2:], gradients)
    close(inputs.per_atom(p), expected)
    charge = inputs.batch.per_structure(expected[:, 0])
    close(charge, inputs.batch.total_charge)


def silenced(name: str, **options: object) -> ScfFixedPoint:
    """With the weights of the linear point and a saturating response that is switched off."""
    model, linear = fresh(name, **options), cached(**options)
    model.load_state_dict(linear.state_dict(), strict=False)
    with torch.no_grad():
        model.nonlinear.height.weight.zero_()
        model.nonlinear.height.bias.fill_(-60.0)
        if model.nonlinear.gain is not None:
            model.nonlinear.gain[-1].weight.zero_()
            model.nonlinear.gain[-1].bias.fill_(-60.0)
    return model


@pytest.mark.parametrize(
    ("name", "l_max"), [(NONLINEAR[0], 0), (NONLINEAR[0], 1), (NONLINEAR[1], 1)]
)
def test_without_saturating_response_the_density_is_the_linear_one(name: str, l_max: int) -> None:
    model, linear = silenced(name, l_max=l_max), cached(l_max=l_max)
    batch = batch_of(linear, *FRAMES)
    found, expected = model(batch), linear(batch)
    close(found.multipoles, expected.multipoles)
    close(found.fermi_level, expected.fermi_level)
    close(found.energy, expected.energy, 1e-9)
    close(found.forces, expected.forces, 1e-9)
    assert (
        float((cached(name, l_max=l_max)(batch).multipoles - found.multipoles).abs().max()) > 1e-3
    )


@pytest.mark.parametrize("weakest", [-60.0, None])
@pytest.mark.parametrize("name", ["scf_fixed_point", *NONLINEAR])
@torch.no_grad()
def test_every_atom_responds_to_the_fermi_level(name: str, weakest: float | None) -> None:
    """−∂F/∂μ of an atom's charge is at least the sum of its smallest gains."""
    model = fresh(name, l_max=1) if weakest is not None else cached(name, l_max=1)
    if weakest is not None:
        model.gains.network[-1].weight.zero_()
        model.gains.offset.fill_(weakest)
        if model.neighbours is not None:
            model.neighbours.weight.bias.fill_(weakest / 3)
    inputs = inputs_of(model, *FRAMES)
    problem = model.problem(inputs)
    p = model.local_guess(inputs)
    _, column = problem.response(p, torch.zeros(3, dtype=torch.float64))
    drop = -column[inputs.maps.charge.bool()]
    assert (drop >= 2 * MIN_RESPONSE * (1 - 1e-9)).all()
    if name == "scf_fixed_point" and weakest is not None:
        close(drop, torch.full_like(drop, 2 * MIN_RESPONSE))
    others = column[inputs.maps.mask & ~inputs.maps.charge.bool()]
    assert float(others.abs().max()) < (1e-12 if name == "scf_fixed_point" else 1.0)


@pytest.mark.parametrize("name", ["scf_fixed_point", *NONLINEAR])
def test_the_fermi_level_falls_as_electrons_are_taken_away(name: str) -> None:
    model = cached(name, l_max=1)
    frames = [labelled(slab(), seed=1, charge=q) for q in (-0.5, 0.0, 0.5)]
    found = model(batch_of(model, *frames)).fermi_level
    assert found[0] > found[1] > found[2]


@pytest.mark.parametrize("name", ["scf_fixed_point", *NONLINEAR])
def test_a_molecule_is_polarised_along_the_field(name: str) -> None:
    model = cached(name, l_max=1)
    for axis in range(3):
        field = [0.0, 0.0, 0.0]
        field[axis] = 1e-3
        fields = (tuple(field), tuple(-x for x in field))
        plus, minus = model(batch_of(model, *[cluster(field=f) for f in fields])).dipole
        assert float(plus[axis] - minus[axis]) > 1e-4


# The nonlocal energy


def test_the_nonlocal_energy_adds_to_the_energy_and_not_to_the_density() -> None:
    whole, bare = cached(l_max=1), fresh(l_max=1)
    bare.nonlocal_energy = None
    batch = batch_of(whole, *FRAMES)
    inputs = inputs_of(whole, *FRAMES)
    found, expected = whole(batch), bare(batch)
    close(found.multipoles, expected.multipoles, 1e-12)
    with torch.no_grad():
        added = whole.internal_energy(inputs, whole.density(inputs, Mode.implicit))
    close(found.energy - expected.energy, added, 1e-9)
    assert (added.abs() > 1e-4).all()


def test_the_nonlocal_energy_sees_lengths_of_gradients_alone() -> None:
    model, generator = cached(l_max=1), torch.Generator().manual_seed(3)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    scalars, seen = (
        random(2, 3, model.backbone.num_scalars),
        Seen(random(2, 3, 2), random(2, 3, 2, 3)),
    )
    turn = torch.linalg.qr(random(3, 3))[0]
    energies = model.nonlocal_energy(scalars, seen)
    assert energies.shape == (2, 3)
    close(model.nonlocal_energy(scalars, Seen(seen.potentials, seen.gradients @ turn.T)), energies)
    shifted = model.nonlocal_energy(scalars, Seen(seen.potentials + 0.1, seen.gradients))
    longer = model.nonlocal_energy(scalars, Seen(seen.potentials, 1.1 * seen.gradients))
    assert (shifted != energies).all() and (longer != energies).all()
