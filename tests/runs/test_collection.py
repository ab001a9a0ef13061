"""Runs found on the disk as two tables: nothing is dropped without a word, and no table is slow."""

import shutil
import subprocess
import sys
from datetime import datetime

import pandas as pd
import pytest

from bench.config.compose import compose
from bench.errors import BenchError
from bench.runs import collection
from bench.runs.collection import METRIC_COLUMNS, RUN_COLUMNS, changed, collect
from bench.runs.folder import RunFolder, Status
from bench.runs.identity import plain
from bench.storage import locked

RMSE = {
    "name": "forces_rmse",
    "subset": "all",
    "value": 42.0,
    "unit": "meV/Å",
    "n": 40,
    "ci95": [40.5, 43.5],
    "better": "lower",
}
COUNT = {**RMSE, "name": "scf_unconverged_count", "unit": "structures", "value": 1.0, "ci95": None}


def write_run(place, run_id, *overrides, status=Status.done, reason="", records=(RMSE, COUNT)):
    """The small files of a run, as they are committed."""
    config = compose([*overrides, f"results_dir={place}"])
    folder = RunFolder.of(config, run_id)
    folder.write_config(config)
    folder.write_status(status, reason)
    session = {"started": "2026-01-01T00:00:00+00:00", "seconds": 2.0, "cpu_seconds": 1.5}
    folder.write_provenance(
        {
            "parameters": 1234,
            "code_version": "abcdef0123",
            "data_checksum": "d" * 64,
            "hardware": {"cpu": "AMD EPYC", "device": "cpu"},
            "sessions": [session, session],
        }
    )
    if status is Status.done:
        run = {"id": run_id, "system": config.system.name, "model": config.model.name}
        folder.write_metrics(
            {
                "schema_version": 1,
                "run": run,
                "metrics": list(records),
                "absent": {},
                "unconverged": [],
                "non_finite": {},
            }
        )
    return folder


def test_a_row_says_what_was_run_and_what_it_cost(tmp_path):
    write_run(tmp_path, "aa", "model=polar", "preset=smoke", "seed=3", "model.r_max=6.0")
    (row,) = collect([tmp_path]).runs.reset_index().to_dict("records")
    assert datetime.fromisoformat(row.pop("updated")).tzinfo is not None
    assert row == {
        "run": str(tmp_path / "pt_water/polar/aa"),
        "id": "aa",
        "system": "pt_water",
        "model": "polar",
        "preset": "smoke",
        "seed": 3,
        "changed": "model.r_max=6.0",
        "status": "done",
        "reason": "",
        "seconds": 4.0,
        "cpu_seconds": 3.0,
        "parameters": 1234,
        "cpu": "AMD EPYC",
        "device": "cpu",
        "started": "2026-01-01T00:00:00+00:00",
        "data_checksum": "d" * 64,
        "code_version": "abcdef0123",
    }


def test_metrics_are_a_tidy_frame(tmp_path):
    run = str(write_run(tmp_path, "aa").path)
    found = collect([tmp_path]).metrics
    assert found.columns.tolist() == list(METRIC_COLUMNS)
    assert found["run"].tolist() == [run, run]
    first, second = found.to_dict("records")
    assert first == {
        "run": run,
        "name": "forces_rmse",
        "subset": "all",
        "value": 42.0,
        "unit": "meV/Å",
        "n": 40,
        "ci95_low": 40.5,
        "ci95_high": 43.5,
        "better": "lower",
    }
    assert pd.isna([second["ci95_low"], second["ci95_high"]]).all()


def test_metrics_can_be_grouped_by_what_was_run(tmp_path):
    for seed, value in enumerate((40.0, 44.0)):
        write_run(tmp_path, f"a{seed}", f"seed={seed}", records=[{**RMSE, "value": value}])
    write_run(tmp_path, "b0", "model=polar", records=[{**RMSE, "value": 50.0}])
    means = collect([tmp_path]).joined().groupby(["system", "model"])["value"].mean()
    assert means.to_dict() == {("pt_water", "scf_qeq"): 42.0, ("pt_water", "polar"): 50.0}


@pytest.mark.parametrize(
    "overrides",
    [
        ["preset=smoke", "seed=7", "system=al_water"],
        ["model=scf_response", "device=cpu", "results_dir=elsewhere"],
        ["preset=paper", "model=scf_fixed_point"],
    ],
)
def test_model_and_preset_alone_change_nothing(overrides):
    assert changed(plain(compose(overrides))) == {}


def test_changed_settings_are_named_as_one_types_them():
    overrides = ["training.loss.forces=3.0", "training.steps=7", "model.radial_mlp=[8]"]
    overrides += ["dtype=float64", "system.train_size=20"]
    config = compose(["model=polar", "preset=smoke", *overrides])
    expected = {
        "model.radial_mlp": [8],
        "training.steps": 7,
        "training.loss.forces": 3.0,
        "system.train_size": 20,
        "dtype": "float64",
    }
    assert changed(plain(config)) == expected
    text = [f"{key}={value}" for key, value in expected.items()]
    assert compose(["model=polar", "preset=smoke", *text]) == config


def test_a_key_or_model_that_no_longer_exists_is_no_obstacle():
    config = plain(compose(["preset=smoke"]))
    config["model"]["colour"] = "red"
    assert changed(config) == {"model.colour": "red"}
    config["model"]["name"] = "gone"
    assert changed(config)["model.r_max"] == 4.0  # against the schema


def test_runs_without_numbers_are_rows_with_their_reason(tmp_path):
    write_run(tmp_path, "aa", status=Status.diverged, reason="loss nan")
    write_run(tmp_path, "bb", status=Status.running)
    running = write_run(tmp_path, "cc", status=Status.running)
    write_run(tmp_path, "dd")
    with locked(running.path):
        found = collect([tmp_path])
    statuses = dict(zip(found.runs["id"], found.runs["status"]))
    assert statuses == {"aa": "diverged", "bb": "interrupted", "cc": "running", "dd": "done"}
    assert found.done["id"].tolist() == ["dd"]
    assert set(found.metrics["run"]) == set(found.done.index)
    told = found.told()
    assert len(told) == 3 and told[0].startswith("diverged: ") and told[0].endswith(": loss nan")


@pytest.mark.parametrize("name", ["status.json", "config.yaml", "metrics.json", "provenance.json"])
@pytest.mark.parametrize("content", [None, "{", "[1]"], ids=["missing", "broken", "other"])
def test_a_damaged_run_is_told_and_the_others_are_read(tmp_path, name, content):
    write_run(tmp_path, "aa")
    file = write_run(tmp_path, "bb").path / name
    file.unlink() if content is None else file.write_text(content)
    found = collect([tmp_path])
    assert found.runs["id"].tolist() == ["aa", "bb"]
    if name == "provenance.json" and content is None:
        assert len(found.done) == 2 and pd.isna(found.runs["parameters"].iloc[1])
        return
    assert found.runs["status"].tolist() == ["done", "damaged"]
    assert set(found.metrics["run"]) == {str(tmp_path / "pt_water/scf_qeq/aa")}
    (line,) = found.told()
    assert line.startswith(f"damaged: {tmp_path}/pt_water/scf_qeq/bb: ") and "\n" not in line
    assert (name if name != "status.json" or content else "has no status") in line
    if name != "config.yaml":
        assert found.runs["model"].tolist() == ["scf_qeq", "scf_qeq"]


def test_a_configuration_without_a_name_is_damage(tmp_path):
    folder = write_run(tmp_path, "aa")
    (folder.path / "config.yaml").write_text("model: {}\nsystem: {name: pt_water}\n")
    assert "its configuration lacks 'name'" in collect([tmp_path]).told()[0]


def test_metrics_of_another_version_say_how_to_redo_them(tmp_path):
    folder = write_run(tmp_path, "aa")
    folder.write_metrics({**folder.read_metrics(), "schema_version": 99})
    assert "bench evaluate run=" in collect([tmp_path]).told()[0]


def test_a_copy_of_a_run_counts_once(tmp_path):
    folder = write_run(tmp_path / "a", "aa")
    copy = tmp_path / "b" / "aa"
    shutil.copytree(folder.path, copy)
    found = collect([tmp_path / "b", tmp_path / "a"])
    assert found.runs["status"].tolist() == ["done", "duplicate"]
    assert len(found.metrics) == 2 and set(found.metrics["run"]) == {str(copy)}
    assert found.told() == [f"duplicate: {folder.path}: the same run as {copy}"]


def test_a_place_inside_another_is_read_once(tmp_path):
    folder = write_run(tmp_path, "aa")
    found = collect([tmp_path, folder.path, tmp_path / "pt_water"])
    assert found.runs["status"].tolist() == ["done"]


def test_what_is_no_run_is_passed_over(tmp_path):
    (tmp_path / "data/pt_water/worker-0").mkdir(parents=True)
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps/config.yaml").write_text("seed: 0\n")
    folder = write_run(tmp_path, "aa")
    (folder.path / "wandb").mkdir()
    (folder.path / "wandb/metrics.json").write_text("{}")
    assert collect([tmp_path]).runs["id"].tolist() == ["aa"]


def test_no_runs_are_tables_with_all_columns(tmp_path):
    found = collect([tmp_path])
    assert (len(found.runs), len(found.metrics), found.told()) == (0, 0, [])
    assert found.runs.columns.tolist() == list(RUN_COLUMNS)
    assert found.runs.dtypes.astype(str)["seed"] == "Int64"
    assert found.joined().empty


def test_a_place_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(BenchError, match="nowhere does not exist"):
        collect([tmp_path / "nowhere"])


def test_defaults_are_composed_once_per_model_and_preset(tmp_path, monkeypatch):
    composed = []
    monkeypatch.setattr(collection, "compose", lambda o: composed.append(o) or compose(o))
    collection._defaults.cache_clear()
    for seed in range(4):
        write_run(tmp_path, f"a{seed}", f"seed={seed}")
    collect([tmp_path])
    assert len(composed) == 1
    collection._defaults.cache_clear()


def test_tables_over_runs_need_neither_torch_nor_ase():
    code = (
        "import sys, bench.runs.collection\n"
        "print([m for m in ('torch', 'ase', 'mace', 'e3nn') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr
