"""Names of points, and what a run may ask of each."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bench.config.catalogue import choices
from bench.config.schema import Mode, RunConfig, TrainingConfig
from bench.errors import BenchError
from bench.models.base import Point
from bench.models.facts import gather_facts
from bench.models.registry import model_from_facts, point_class, point_names, refuse_mode
from bench.testing.frames import cluster
from tests.models.test_points import tiny_config

NAMES = point_names()
CONVERGING = {"scf_qeq", "scf_energy_functional", "scf_fixed_point", "scf_response", "scf_levels"}


def run(name: str = "short_range", *, mode: Mode = Mode.auto, **options: object) -> RunConfig:
    training = TrainingConfig(mode=mode)
    return RunConfig(
        model=replace(tiny_config(name), num_interactions=1), training=training, **options
    )


def model(config: RunConfig) -> Point:
    return model_from_facts(config, gather_facts([cluster()], config.model))


def test_points_are_those_of_the_catalogue() -> None:
    assert set(NAMES) == set(choices("model")) and sorted(NAMES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_module_with_its_own_point(name: str) -> None:
    found = point_class(name)
    assert issubclass(found, Point)
    assert found.__module__ == f"bench.models.{name}"
    assert found.__name__.lower() == name.replace("_", "")


@pytest.mark.parametrize(
    ("name", "meant"), [("scf_qek", "'scf_qeq'"), ("polarr", "'polar'"), ("base", "Allowed")]
)
def test_an_unknown_point_is_told_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(BenchError) as refusal:
        point_class(name)
    assert refusal.value.problem == f"There is no model={name}."
    assert meant in refusal.value.mend
    assert all(known in refusal.value.mend for known in NAMES)


@pytest.mark.parametrize("dtype", ["float16", "double", ""])
def test_an_unknown_type_is_told_the_allowed_ones(dtype: str) -> None:
    with pytest.raises(BenchError, match=f"dtype={dtype} is unknown.*\n.*float32, float64"):
        model(run(dtype=dtype))


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("name", NAMES)
def test_modes_are_of_points_that_converge(name: str, mode: Mode) -> None:
    if mode is Mode.auto or name in CONVERGING:
        refuse_mode(point_class(name), tiny_config(name), mode)
        return
    with pytest.raises(BenchError) as refusal:
        refuse_mode(point_class(name), tiny_config(name), mode)
    assert f"training.mode={mode.value}" in refusal.value.problem
    assert f"model={name}" in refusal.value.problem and "mode=auto" in refusal.value.mend


@pytest.mark.parametrize("name", NAMES)
def test_what_auto_means_is_a_mode_that_applies(name: str) -> None:
    point = point_class(name)
    assert not point.modes or point.recommended in point.modes
    assert bool(point.modes) == (name in CONVERGING)


def test_a_run_whose_mode_does_not_apply_is_not_built() -> None:
    with pytest.raises(BenchError, match=r"training\.mode=direct does not apply"):
        model(run(mode=Mode.direct))


def test_the_type_is_the_backbones_alone() -> None:
    point = model(run("local_charges", dtype="float32"))
    backbone = {p.dtype for p in point.backbone.parameters()}
    others = {p.dtype for n, p in point.named_parameters() if not n.startswith("backbone.")}
    assert backbone == {torch.float32} and others == {torch.float64}
    assert {buffer.dtype for buffer in point.buffers(recurse=False)} == {torch.float64}


def test_the_seed_decides_every_weight() -> None:
    def weights(seed: int) -> torch.Tensor:
        config = run("scf_qeq", dtype="float64", seed=seed)
        return torch.nn.utils.parameters_to_vector(model(config).parameters())

    first = weights(3)
    torch.rand(7)  # whatever was drawn in between
    assert torch.equal(weights(3), first) and not torch.equal(weights(4), first)


@pytest.mark.parametrize(("device", "gpus"), [("cuda", 0), ("cuda:1", 1)])
def test_a_gpu_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, device: str, gpus: int
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(BenchError, match=f"device={device}: torch finds {gpus} GPUs here"):
        model(run(device=device))
