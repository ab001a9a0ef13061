"""Field updates: charge conserved, non-local, gauge-free, and mace's own blocks inside."""

from __future__ import annotations

from dataclasses import replace

import ase
import numpy as np
import pytest
import torch
from mace.modules.field_blocks import AgnosticEmbeddedOneBodyVariableUpdate

from bench.config.schema import Mode, TrainingConfig
from bench.errors import BenchError
from bench.models.base import Inputs, build_point
from bench.models.facts import gather_facts
from bench.models.polar import UPDATE_SCALE, Polar, bounded
from bench.testing.frames import bulk, cluster, labelled, slab
from bench.train.optimizer import make_optimizer
from tests.models.test_points import batch_of, build, tiny_config

FRAMES = [slab(), bulk(charge=2.0), cluster()]


def polar(**options: object) -> Polar:
    model = build("polar", **options)
    assert isinstance(model, Polar)
    return model


@pytest.fixture(scope="module")
def model() -> Polar:
    return polar()


def multipoles(model: Polar, atoms: ase.Atoms) -> torch.Tensor:
    found = model(batch_of(model, atoms)).multipoles
    assert found is not None
    return found


def untrained() -> Polar:
    config = tiny_config("polar")
    point = build_point(Polar, config, gather_facts(FRAMES, config), dtype=torch.float64, seed=0)
    assert isinstance(point, Polar)
    return point


def test_training_starts_at_the_local_density_with_its_charge_shared() -> None:
    model = untrained()
    batch = batch_of(model, *FRAMES)
    local = model.local(model.backbone(batch), batch.node_attrs)
    added = model(batch).multipoles - local
    missing = batch.total_charge - batch.per_structure(local[:, 0])
    torch.testing.assert_close(batch.per_structure(added[:, 0]), missing, rtol=0, atol=1e-12)
    assert bool((added[:, 0] * missing[batch.structure] > 0).all())  # Fukui functions are positive
    torch.testing.assert_close(added[:, 1:], torch.zeros_like(added[:, 1:]), rtol=0, atol=1e-12)


def losses_of_training(*, change: float) -> list[float]:
    """Of six steps of the default optimiser at its full rate, each weight changed by a factor."""
    model, training = untrained(), TrainingConfig()
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1 + change * torch.randn(p.shape, generator=random, dtype=p.dtype))
    optimizer = make_optimizer(model, training)
    frames = [labelled(atoms, seed=k) for k, atoms in enumerate(FRAMES)]
    batch = batch_of(model, *frames)
    losses = []
    for _ in range(6):
        predicted = model(batch, training=True)
        loss = (predicted.multipoles - batch.labels["multipoles"]).square().mean()
        loss = loss + predicted.forces.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def test_training_starts_without_a_leap_and_forgets_rounding() -> None:
    """A step moved every charge by an electron and made 1e-10 of a weight 3e-4."""
    losses, others = losses_of_training(change=0.0), losses_of_training(change=1e-10)
    assert max(losses) < 1.5 * losses[0]
    np.testing.assert_allclose(others, losses, rtol=1e-6)


def test_features_of_any_size_enter_bounded() -> None:
    features = torch.tensor([[1e-6, -1e-6], [3.0, 4.0], [3e6, 4e6]], dtype=torch.float64)
    expected = [[1e-6, -1e-6], [3 / 13.5**0.5, 4 / 13.5**0.5], [0.72**0.5, 1.28**0.5]]
    torch.testing.assert_close(bounded(features), torch.tensor(expected, dtype=torch.float64))


def test_one_update_by_hand() -> None:
    """mace's block on potentials summed in plain sight, then the Fukui shift."""
    model = polar(num_updates=1)
    batch = batch_of(model, *FRAMES)
    nodes = model.backbone(batch)
    inputs = Inputs(batch, nodes, model.maps(batch))
    first = model.local(nodes, batch.node_attrs)
    fukui = torch.nn.functional.softplus(model.fukui(nodes, batch.node_attrs)[:, 0])
    first = first.clone()
    for row, charge in enumerate([0.0, 2.0, 0.0]):
        here = batch.structure == row
        first[here, 0] += (charge - first[here, 0].sum()) * fukui[here] / fukui[here].sum()
    (block,) = model.updates
    assert isinstance(block, AgnosticEmbeddedOneBodyVariableUpdate)
    edges = torch.zeros(0, dtype=torch.float64)
    out = block(
        node_attrs=batch.node_attrs,
        node_feats=model.mixed(nodes),
        edge_attrs=edges,
        edge_feats=edges,
        edge_index=batch.edge_index,
        potential_features=model.potential(inputs, first),
        local_charges=first,
    )
    expected = first + UPDATE_SCALE * out[:, :4]
    weights = torch.nn.functional.softplus(out[:, 4] + out[:, 5])
    for row, charge in enumerate([0.0, 2.0, 0.0]):
        here = batch.structure == row
        rest = charge - expected[here, 0].sum()
        expected[here, 0] += rest * weights[here] / weights[here].sum()
    torch.testing.assert_close(model(batch).multipoles, expected.detach(), rtol=0, atol=1e-12)


def test_potential_features_of_two_distant_ions(model: Polar) -> None:
    """k_e q / r in units of the norm, and E·(r − barycentre) with the field's sign."""
    apart, field = 40.0, 0.01
    pair = ase.Atoms("OH", [[0, 0, 0], [0, 0, apart]])
    batch = batch_of(model, labelled(pair, seed=4, field=[0, 0, field]))
    distance = (batch.positions[1] - batch.positions[0]).norm()
    inputs = Inputs(batch, model.backbone(batch), model.maps(batch))
    ions = torch.tensor([[-1.0, 0, 0, 0], [0.0, 0, 0, 0]], dtype=torch.float64)
    seen = model.potential(inputs, ions) * model.feature_norms
    height = batch.positions[1, 2] - batch.positions[:, 2].mean()
    expected = -14.3996453535 / distance - field * height
    torch.testing.assert_close(seen[1, :2], expected.expand(2), rtol=0, atol=1e-9)
    assert float(seen[1, 3]) == pytest.approx(
        14.3996453535 / float(distance) ** 2 - field, abs=1e-6
    )


def test_distant_molecules_polarise_each_other(model: Polar) -> None:
    """Beyond any cutoff; the local density cannot do it."""
    changes = {}
    for name, point in (("polar", model), ("local", build("local_charges"))):
        atoms = cluster()
        atoms.positions[3:] += [9.0, 0, 0]
        turned = atoms.copy()
        turned.rotate(90, "z", center=atoms.positions[3])
        turned.positions[:3] = atoms.positions[:3]
        difference = multipoles(point, turned) - multipoles(point, atoms)
        changes[name] = float(difference[:3].abs().max())
    assert changes["local"] < 1e-12 < 1e-7 < changes["polar"]


def test_a_field_moves_charge(model: Polar) -> None:
    dipoles = [
        float(model(batch_of(model, slab(field=field))).dipole[0, 2]) for field in (-0.2, 0.0, 0.2)
    ]
    assert np.abs(np.diff(dipoles)).min() > 1e-5


def test_shifting_a_neutral_slab_in_a_field_changes_nothing(model: Polar) -> None:
    atoms, shifted = slab(), slab()
    shifted.positions[:, 2] += 1.7
    before, after = (model(batch_of(model, a)) for a in (atoms, shifted))
    torch.testing.assert_close(after.energy, before.energy, rtol=0, atol=1e-9)
    torch.testing.assert_close(after.multipoles, before.multipoles, rtol=0, atol=1e-10)


def test_shifting_a_charged_slab_in_a_field_costs_its_charge_times_the_field(model: Polar) -> None:
    energies, charges = [], []
    for shift in (0.0, 1.7):
        atoms = slab(field=0.2)
        atoms.info["total_charge"] = 1.0
        atoms.positions[:, 2] += shift
        prediction = model(batch_of(model, atoms))
        energies.append(float(prediction.energy[0]))
        charges.append(prediction.multipoles)
    assert energies[1] - energies[0] == pytest.approx(-1.0 * 0.2 * 1.7, abs=1e-9)
    torch.testing.assert_close(charges[1], charges[0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("options", [{"l_max": 0}, {"num_updates": 3}, {"nonlocal_energy": False}])
def test_options_reach_every_parameter(options: dict[str, object]) -> None:
    model = polar(**options).train()
    prediction = model(batch_of(model, *FRAMES), training=True)
    assert prediction.multipoles.shape[1] == (1 if options.get("l_max") == 0 else 4)
    loss = prediction.forces.square().sum() + prediction.multipoles.square().sum()
    loss = loss + prediction.energy.square().sum()
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    missing = [k for k, g in zip(named, gradients) if g is None or not g.any()]
    unused = {"local.dipole.weight"} if options.get("l_max") == 0 else set()
    assert set(missing) <= unused


def test_matrices_and_products_agree(model: Polar) -> None:
    frames = [slab(), bulk(charge=2.0)]
    dense = model(batch_of(model, *frames))
    before = model.config
    model.config = replace(before, dense_limit=0)
    free = model(batch_of(model, *frames))
    model.config = before
    torch.testing.assert_close(free.energy, dense.energy, rtol=0, atol=1e-9)
    torch.testing.assert_close(free.forces, dense.forces, rtol=0, atol=1e-9)


def test_updates_differ_from_self_consistency() -> None:
    """Not self-consistent: there is no training mode, and one more update changes the density."""
    assert Polar.modes == ()
    one, two = polar(num_updates=1), polar(num_updates=2)
    weights = one.state_dict()
    again = {k.replace("updates.0", "updates.1"): v for k, v in weights.items()}
    two.load_state_dict(weights | again)
    change = multipoles(two, slab()) - multipoles(one, slab())
    assert float(change.abs().max()) > 1e-4
    assert two(batch_of(two, slab()), mode=Mode.implicit).fermi_level is None


@pytest.mark.parametrize("count", [0, -1])
def test_no_update_is_refused(count: int) -> None:
    with pytest.raises(BenchError, match=f"num_updates={count}: model=polar needs one at least"):
        polar(num_updates=count)
