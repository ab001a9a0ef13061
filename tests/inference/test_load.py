"""A model comes back from its run's folder with the same numbers."""

from __future__ import annotations

import json

import pytest
import torch

from bench.errors import BenchError
from bench.inference.load import load_model
from bench.runs.folder import RunFolder
from bench.testing.frames import bulk, cluster, slab
from tests.models.test_points import POINTS, batch_of, build
from tests.trained import write_run


@pytest.mark.parametrize("name", POINTS)
def test_a_loaded_point_predicts_what_the_saved_one_did(name, tmp_path):
    model = build(name)
    loaded = load_model(write_run(tmp_path, model))
    assert not loaded.training and loaded.config == model.config and loaded.facts == model.facts
    expected, found = (m(batch_of(m, slab(), bulk(), cluster())) for m in (model, loaded))
    assert torch.equal(found.energy, expected.energy)
    assert torch.equal(found.forces, expected.forces)


def test_single_precision_weights_can_be_evaluated_in_double(tmp_path):
    single = build("scf_qeq", dtype=torch.float32)
    double = load_model(write_run(tmp_path, single), dtype="float64")
    assert next(double.backbone.parameters()).dtype == torch.float64
    expected, found = (m(batch_of(m, slab(), bulk())) for m in (single, double))
    assert not torch.equal(found.energy, expected.energy)
    torch.testing.assert_close(found.energy, expected.energy, rtol=0, atol=2e-4)


def test_facts_and_configuration_survive_their_files(tmp_path):
    model = build("scf_fixed_point", feature_widths=[1.5, 2.5, 3.0], nonlocal_energy=False)
    folder = write_run(tmp_path, model)
    assert RunFolder(folder).read_facts() == model.facts
    config = RunFolder(folder).read_config()
    assert (config.model, config.system.name) == (model.config, "made_up")


@pytest.mark.parametrize("name", ["config.yaml", "facts.json", "checkpoint/best.pt"])
def test_a_missing_file_is_named(tmp_path, name):
    folder = write_run(tmp_path, build("short_range"))
    (folder / name).unlink()
    with pytest.raises(BenchError, match=f"{name} does not exist"):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("config.yaml", "model: {colour: red}", "damaged or of another version.*colour"),
        ("config.yaml", "- [", "damaged or of another version"),
        ("facts.json", "{", "damaged or of another version"),
        ("facts.json", json.dumps({"force_scale": 1.0}), "damaged or of another version"),
        ("checkpoint/best.pt", "not a checkpoint", "cannot be read"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path, name, content, problem):
    folder = write_run(tmp_path, build("short_range"))
    (folder / name).write_text(content)
    with pytest.raises(BenchError, match=problem) as refusal:
        load_model(folder)
    assert name in str(refusal.value)


def test_weights_of_another_model_are_refused(tmp_path):
    folder = write_run(tmp_path, build("scf_qeq"))
    other = write_run(tmp_path / "other", build("local_charges"))
    (other / "checkpoint/best.pt").replace(folder / "checkpoint/best.pt")
    with pytest.raises(BenchError, match="belongs to another model"):
        load_model(folder)
