"""Steps do what is timed: they train, predict, and stand on one backbone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from bench.config.schema import Functional, Update
from bench.data.batch import GraphSettings, build_graph, collate
from bench.errors import BenchError
from bench.models.registry import point_names
from bench.speed import steps
from bench.speed.options import VARIANTS
from bench.speed.workload import Workload
from bench.testing.frames import bulk, slab


@pytest.mark.parametrize(
    ("name", "point", "option", "value"),
    [
        ("scf_fixed_point", "scf_fixed_point", "update", Update.linear),
        ("scf_fixed_point-mlp", "scf_fixed_point", "update", Update.mlp),
        ("scf_fixed_point-many_body", "scf_fixed_point", "update", Update.many_body),
        ("scf_energy_functional-quadratic", "scf_energy_functional", "functional", "quadratic"),
        ("fixed_charge", "fixed_charge", "l_max", 0),
    ],
)
def test_a_point_is_conf_models_on_the_workloads_backbone(
    work: Workload, name: str, point: str, option: str, value: object, monkeypatch
) -> None:
    monkeypatch.setattr(steps, "build_point", lambda cls, config, facts, **rest: (cls, config))
    cls, config = steps.point(work, name, smearing_width=1.1)
    assert cls.__module__ == f"bench.models.{point}" and config.name == point
    expected = Functional(value) if option == "functional" else value
    assert getattr(config, option) == expected
    assert (config.num_channels, config.r_max, config.radial_mlp) == (8, 4.0, [8])
    assert config.smearing_width == 1.1


def test_variants_are_not_points_and_points_are_known(work: Workload) -> None:
    assert not set(VARIANTS) & set(point_names())
    assert {point for point, _ in VARIANTS.values()} <= set(point_names())
    with pytest.raises(BenchError, match="model=scf_qek does not exist"):
        steps.point(work, "scf_qek")
    with pytest.raises(BenchError, match=r"model\.metallic=False has no effect on model=scf_qeq"):
        steps.point(work, "scf_qeq", metallic=False)


def test_our_backbone_is_maces_own_model(work: Workload) -> None:
    """The same function of the same parameters, so that the ratio of times compares one network."""
    mace, ours = steps._scale_shift_mace(work), steps.point(work, "short_range")
    assert mace.load_state_dict(ours.backbone.state_dict(), strict=False).unexpected_keys == []
    prediction = ours(work.batch)
    told = steps._mace_prediction(mace, steps.mace_data(work.batch))
    energy = prediction.energy - prediction.baseline
    torch.testing.assert_close(told.energy, energy, rtol=0, atol=1e-9)
    torch.testing.assert_close(told.forces, prediction.forces, rtol=0, atol=1e-9)


def watched(monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """The models whose steps are built."""
    models: list[nn.Module] = []
    training = steps._training

    def keep(model, predict, batch):
        models.append(model)
        return training(model, predict, batch)

    monkeypatch.setattr(steps, "_training", keep)
    return models


def deep(work: Workload) -> Workload:
    """PolarMACE does not run with a single interaction."""
    return replace(work, config=replace(work.config, num_interactions=2))


BUILDERS = {
    "point": lambda work: steps.point_training(work, "scf_qeq"),
    "mace": steps.mace_training,
    "polar": lambda work: steps.polar_mace_training(deep(work)),
}


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_training_step_moves_the_weights_by_the_learning_rate(
    work: Workload, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = watched(monkeypatch)
    step = BUILDERS[kind](work)
    before = [p.detach().clone() for p in models[0].parameters()]
    assert all(p.grad is None for p in models[0].parameters())
    step()
    moves = [(p - b).abs().max() for p, b in zip(models[0].parameters(), before) if p.numel()]
    assert float(max(moves)) == pytest.approx(1e-4, rel=0.01)  # Adam's first step
    assert sum(bool(move > 0) for move in moves) > 0.8 * len(moves)


def test_inference_changes_nothing(work: Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    made, build = [], steps.point
    monkeypatch.setattr(steps, "point", lambda *a, **o: made.append(build(*a, **o)) or made[-1])
    step = steps.point_inference(work, "local_charges")
    before = nn.utils.parameters_to_vector(made[0].parameters()).clone()
    step()
    assert not made[0].training
    assert torch.equal(nn.utils.parameters_to_vector(made[0].parameters()), before)
    assert all(p.grad is None for p in made[0].parameters())


def test_polar_mace_is_told_cell_boundary_and_minus_the_field() -> None:
    settings = GraphSettings((1, 8, 13, 14), 4.0, 1.5, 1.5, torch.float64)
    frames = [slab(field=0.2), bulk(charge=1.0)]
    batch = collate([build_graph(atoms, settings) for atoms in frames])
    data = steps.polar_mace_data(batch)
    assert data["pbc"].tolist() == [[True, True, False], [True] * 3]
    assert data["external_field"].tolist() == [[0.0, 0.0, -0.2], [0.0] * 3]
    assert data["total_charge"].tolist() == [0.0, 1.0]
    assert data["volume"].tolist() == pytest.approx([a.get_volume() for a in frames])
    turns = data["rcell"].reshape(2, 3, 3) @ batch.cell.mT / (2 * torch.pi)
    torch.testing.assert_close(turns, torch.eye(3).double().expand(2, 3, 3), rtol=0, atol=1e-12)
    assert data["ptr"].tolist() == [0, 7, 16]
    assert {data[k].dtype for k in ("positions", "cell", "shifts", "rcell")} == {torch.float64}


@pytest.mark.parametrize("name", ["les", "scf_qeq", "scf_levels", "polar"])
def test_behind_the_backbone_the_other_weights_learn(
    work: Workload, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step is that of the point, forces included, with its features as constants."""
    models = watched(monkeypatch)
    step = steps.point_training_behind(work, name)
    assert step is not None
    step()
    (model,) = models
    names = [k for k, p in model.named_parameters() if p.grad is not None and bool(p.grad.any())]
    assert names and not any(k.startswith("backbone") for k in names)
    whole = steps.point(work, name)(work.batch)
    given = steps.point(work, name)
    given.backbone = steps.GivenFeatures(given.backbone(work.batch))
    torch.testing.assert_close(given(work.batch).energy, whole.energy, rtol=0, atol=1e-9)


def test_behind_the_backbone_there_may_be_nothing_to_learn(work: Workload) -> None:
    """Fixed charges cost maps and their derivatives all the same."""
    step = steps.point_training_behind(work, "fixed_charge")
    assert step is not None
    step()


@pytest.mark.parametrize("name", ["short_range", "global_embedding"])
def test_without_a_density_nothing_is_behind_the_backbone(work: Workload, name: str) -> None:
    assert steps.point_training_behind(work, name) is None
