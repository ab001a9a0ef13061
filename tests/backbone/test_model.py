"""The backbone is mace-torch's: its parameters, its features, its derivatives."""

from __future__ import annotations

from dataclasses import replace

import ase
import numpy as np
import pytest
import torch
from mace.modules.models import ScaleShiftMACE
from torch import Tensor

from bench.backbone.model import Backbone
from bench.config.schema import ModelConfig
from bench.data.batch import Batch, build_graph, collate
from bench.models.facts import TrainingFacts, gather_facts, graph_settings
from bench.testing.frames import bulk, cluster, labelled, slab
from tests.backbone.reference import both, layer_features, ours_alone, site_energies

TOLERANCE = 1e-12  # relative to the largest entry
# hidden_l_max, angular_l_max, correlation, num_interactions: every value of each, every pair of
# the first three, and the hardest together.
SHAPES = [
    (0, 1, 3, 2),
    (0, 2, 1, 3),
    (0, 3, 2, 1),
    (0, 4, 2, 2),
    (1, 1, 2, 3),
    (1, 2, 2, 2),
    (1, 3, 3, 2),
    (1, 4, 1, 2),
    (2, 1, 1, 2),
    (2, 2, 3, 3),
    (2, 3, 1, 2),
    (2, 4, 2, 2),
]


def lone_atom() -> ase.Atoms:
    return labelled(ase.Atoms("O", [[0.3, 0.1, 0.2]]), seed=4)


def water_and_a_far_atom() -> ase.Atoms:
    """The last atom has no neighbours, the others have."""
    atoms = cluster()
    atoms = ase.Atoms(atoms.numbers, atoms.positions) + ase.Atoms("H", [[30.0, 0.0, 0.0]])
    return labelled(atoms, seed=5)


def tiny_cell() -> ase.Atoms:
    """One atom whose neighbours are its own images."""
    return labelled(ase.Atoms("Al", cell=2.1 * np.eye(3) + 0.2, pbc=True), seed=6)


FRAMES = [slab(), lone_atom(), bulk(), water_and_a_far_atom(), tiny_cell()]


def config_of(hidden: int, angular: int, correlation: int, layers: int) -> ModelConfig:
    return ModelConfig(
        name="short_range",
        r_max=4.2,
        num_channels=3,
        num_bessel=4,
        radial_mlp=[5, 4],
        mlp_channels=4,
        hidden_l_max=hidden,
        angular_l_max=angular,
        correlation=correlation,
        num_interactions=layers,
    )


@pytest.fixture(scope="module")
def facts() -> TrainingFacts:
    return gather_facts([slab(), bulk(), cluster()], config_of(1, 3, 3, 2))


def batch_of(config: ModelConfig, facts: TrainingFacts, frames: list[ase.Atoms]) -> Batch:
    settings = graph_settings(config, facts.elements, torch.float64)
    batch = collate([build_graph(atoms, settings, i) for i, atoms in enumerate(frames)])
    return replace(batch, positions=batch.positions.clone().requires_grad_())


def assert_equal(found: Tensor, expected: Tensor) -> None:
    scale = float(expected.detach().abs().max()) if expected.numel() else 0.0
    torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE * scale)


def random_like(tensor: Tensor) -> Tensor:
    return torch.randn(tensor.shape, generator=torch.Generator().manual_seed(3)).double()


def derivatives(
    energy: Tensor, positions: Tensor, parameters: list[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Forces, and the gradient of a force loss by parameters and positions."""
    (force,) = torch.autograd.grad(-energy.sum(), positions, create_graph=True)
    loss = (force * random_like(force)).sum() + energy.square().sum()
    wanted = [*parameters, positions]
    return force, torch.autograd.grad(loss, wanted, materialize_grads=True, allow_unused=True)


def flat(features: list[Tensor], batch: Batch) -> list[Tensor]:
    """Our layers in mace-torch's layout: degree by degree, channels outside, the batch's order."""
    rows = []
    for layer in features:
        own, start = layer[:, batch.neighbours.rank].transpose(0, 1), 0
        parts = []
        for degree in range(round(len(layer) ** 0.5)):
            parts.append(own[:, start : start + 2 * degree + 1].transpose(1, 2).flatten(1))
            start += 2 * degree + 1
        rows.append(torch.cat(parts, 1))
    return rows


def exchange_state_dicts(ours: Backbone, mace: ScaleShiftMACE) -> None:
    """Ours into mace-torch's model and back; only what no training changes is mace's alone."""
    trainable = [
        {name: p.shape for name, p in model.named_parameters() if p.requires_grad}
        for model in (ours, mace)
    ]
    assert trainable[0] == trainable[1]
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    missing, unexpected = mace.load_state_dict(ours.state_dict(), strict=False)
    assert unexpected == [] and set(missing) <= {name for name, _ in mace.named_buffers()}
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.zero_()
    missing, _ = ours.load_state_dict(mace.state_dict(), strict=False)
    assert missing == []
    assert all(torch.equal(value, before[name]) for name, value in ours.state_dict().items())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_mace_torch(shape: tuple[int, int, int, int], facts: TrainingFacts) -> None:
    config = config_of(*shape)
    ours, mace = both(config, facts)
    exchange_state_dicts(ours, mace)
    mine, theirs = (batch_of(config, facts, FRAMES) for _ in range(2))
    expected = layer_features(mace, theirs)
    for layer, reference in zip(flat(ours.layer_features(mine), mine), expected, strict=True):
        assert_equal(layer, reference)
    energy, reference = ours(mine).energy, site_energies(mace, expected)
    assert_equal(energy, reference)
    names = [name for name, p in mace.named_parameters() if p.requires_grad]
    found = derivatives(energy, mine.positions, [ours.get_parameter(name) for name in names])
    wanted = [mace.get_parameter(name) for name in names]
    expected_force, expected_second = derivatives(reference, theirs.positions, wanted)
    assert_equal(found[0], expected_force)
    for name, mine_, theirs_ in zip([*names, "positions"], found[1], expected_second, strict=True):
        assert float(theirs_.abs().max()) > 0 or shape[3] == 1 or "weights" in name, name
        assert_equal(mine_, theirs_)


def test_structures_do_not_see_each_other_nor_their_order(facts: TrainingFacts) -> None:
    config = config_of(1, 2, 2, 2)
    ours = ours_alone(config, facts)
    together = ours(batch_of(config, facts, FRAMES))
    start = 0
    for atoms in FRAMES:
        alone = ours(batch_of(config, facts, [atoms]))
        for name in ("energy", "scalars", "vectors"):
            own = getattr(together, name)[start : start + len(atoms)]
            torch.testing.assert_close(own, getattr(alone, name), rtol=1e-12, atol=1e-12)
        start += len(atoms)


def test_vectors_turn_with_the_structure_and_scalars_do_not(facts: TrainingFacts) -> None:
    """In the multipoles' order (y, z, x)."""
    config = config_of(1, 2, 2, 2)
    ours = ours_alone(config, facts)
    turned = cluster()
    turned.rotate(50, (0.3, 1.0, -0.4))
    before, after = (ours(batch_of(config, facts, [atoms])) for atoms in (cluster(), turned))
    frame = np.eye(3)
    probe = ase.Atoms("H3", frame)
    probe.rotate(50, (0.3, 1.0, -0.4))
    rotation = torch.as_tensor(probe.positions)  # rows are where x, y, z go
    torch.testing.assert_close(after.scalars, before.scalars, rtol=1e-10, atol=1e-12)
    cartesian = before.vectors[..., [2, 0, 1]] @ rotation
    torch.testing.assert_close(after.vectors[..., [2, 0, 1]], cartesian, rtol=1e-10, atol=1e-12)


def test_an_atom_without_neighbours_knows_only_its_element(facts: TrainingFacts) -> None:
    config = config_of(1, 2, 2, 2)
    ours = ours_alone(config, facts)
    frames = [lone_atom(), labelled(ase.Atoms("O", [[7.0, -2.0, 1.0]]), seed=9)]
    batch = batch_of(config, facts, frames)
    nodes = ours(batch)
    assert torch.equal(nodes.scalars[0], nodes.scalars[1]) and nodes.vectors.eq(0).all()
    (force,) = torch.autograd.grad(nodes.energy.sum(), batch.positions, allow_unused=True)
    assert force is None or force.eq(0).all()


def test_initial_weights_depend_on_the_seed_alone(facts: TrainingFacts) -> None:
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        states.append(ours_alone(config_of(1, 2, 2, 2), facts).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
