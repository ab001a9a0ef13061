"""A run's folder: every file comes back as it was written, and what is damaged is told."""

import gzip
import json
import lzma

import ase
import pytest

from bench.config.compose import compose
from bench.data.statistics import Baseline, TrainingMeans
from bench.errors import BenchError
from bench.models.facts import TrainingFacts
from bench.runs.folder import RunFolder, Status
from bench.storage import locked, write_csv, write_json
from bench.train.log import lines

METRICS = {
    "schema_version": 1,
    "run": {"id": "0a1b"},
    "metrics": [],
    "absent": {},
    "unconverged": [],
    "non_finite": {},
}
FACTS = TrainingFacts(Baseline((1, 8), (-13.6, -430.1), (0.1, 0.2)), 7.5, 0.5, (0.3, -0.6), (1.0,))
MEANS = TrainingMeans({"dipole": [None, None, 0.5]}, {"multipoles": {"1": [0.3, 0.0, 0.0, 0.0]}})


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


def test_the_folder_of_a_run():
    config = compose(["model=short_range", "system=sio2_vacancy", "results_dir=here"])
    assert str(RunFolder.of(config, "0a1b").path) == "here/sio2_vacancy/short_range/0a1b"


@pytest.mark.parametrize("preset", ["smoke", "paper"])
def test_the_configuration_comes_back(folder, preset):
    config = compose(["model=polar", f"preset={preset}", "seed=4", "training.mode=auto"])
    folder.write_config(config)
    assert folder.read_config() == config
    flat = folder.read_plain_config()
    assert (flat["seed"], flat["wandb"], flat["model"]["update"]) == (4, "off", "linear")


def test_a_configuration_of_epochs_from_before_steps_were_the_budget_is_read(folder):
    config = compose(["training.epochs=80"])
    folder.write_config(config)
    path = folder.path / "config.yaml"
    lines = path.read_text().splitlines()
    old = [line for line in lines if "steps: null" not in line]
    old.insert(old.index("  epochs: 80"), "  warmup_epochs: 2")
    path.write_text("\n".join(old))
    assert len(old) == len(lines) and folder.read_config() == config


def test_facts_means_provenance_and_metrics_come_back(folder):
    folder.write_facts(FACTS)
    folder.write_means(MEANS)
    folder.write_metrics(METRICS)
    assert (folder.read_facts(), folder.read_means()) == (FACTS, MEANS)
    assert folder.read_metrics() == METRICS
    assert folder.read_provenance() == {}
    folder.write_provenance({"sessions": []})
    assert folder.read_provenance() == {"sessions": []}


def test_log_and_predictions_come_back(folder):
    write_csv(
        folder.training_files.log,
        lines([{"step": 1, "epoch": 0.5, "mode": "direct", "seconds": 2.5}]),
    )
    assert folder.read_log().columns["seconds"].tolist() == [2.5]
    water = ase.Atoms("OH2", positions=[[0, 0, 0], [0.76, 0.59, 0], [-0.76, 0.59, 0]])
    water.info["PRED_energy"] = -1.25
    folder.write_predictions([water, water])
    frames = folder.read_predictions()
    assert [atoms.info["PRED_energy"] for atoms in frames] == [-1.25, -1.25]


@pytest.mark.parametrize(("end", "pack"), [("gz", gzip.compress), ("xz", lzma.compress)])
def test_compressed_predictions_are_read_and_new_ones_take_their_place(folder, end, pack):
    folder.write_predictions([ase.Atoms("H", info={"PRED_energy": -1.0})])
    plain, packed = (folder.path / f"predictions.extxyz{kind}" for kind in ("", f".{end}"))
    packed.write_bytes(pack(plain.read_bytes()))
    plain.unlink()
    assert folder.read_predictions()[0].info["PRED_energy"] == -1.0
    folder.write_predictions([ase.Atoms("H", info={"PRED_energy": -2.0})])
    assert folder.read_predictions()[0].info["PRED_energy"] == -2.0 and not packed.exists()
    packed.write_bytes(b"no archive")
    with pytest.raises(BenchError, match=rf"predictions\.extxyz\.{end} is damaged"):
        folder.read_predictions()


def test_a_folder_without_a_run_has_no_status(folder):
    assert folder.read_status() == (None, "")
    with pytest.raises(BenchError, match=r"metrics\.json does not exist: .* no folder of a run"):
        folder.read_metrics()


def test_an_unfinished_run_is_told_apart_from_none(folder):
    folder.write_status(Status.failed, "no label")
    assert (folder.status, folder.reason) == (Status.failed, "no label")
    with pytest.raises(BenchError, match=r"metrics\.json does not exist") as error:
        folder.read_metrics()
    assert "give its command again" in error.value.mend


def test_a_run_is_running_only_while_a_process_holds_its_lock(folder):
    folder.write_status(Status.running)
    with locked(folder.path):
        assert folder.status is Status.running
    assert folder.status is Status.interrupted and "killed" in folder.reason


READERS = {
    "status.json": RunFolder.read_status,
    "config.yaml": RunFolder.read_config,
    "facts.json": RunFolder.read_facts,
    "training_means.json": RunFolder.read_means,
    "provenance.json": RunFolder.read_provenance,
    "predictions.extxyz": RunFolder.read_predictions,
    "metrics.json": RunFolder.read_metrics,
}


@pytest.mark.parametrize("text", ['{"status"', "[1, 2", '{"status": "odd", "colour": 1}'])
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_named(folder, name, text):
    folder.path.mkdir()
    (folder.path / name).write_text(text)
    if name == "provenance.json" and text.endswith("}"):
        return  # any mapping is one
    with pytest.raises(BenchError, match=rf"{name} is damaged or of another version"):
        READERS[name](folder)


@pytest.mark.parametrize("text", ["- 1", "{", "\t"])
def test_a_damaged_configuration_is_told_by_the_fast_reader_too(folder, text):
    folder.path.mkdir()
    (folder.path / "config.yaml").write_text(text)
    with pytest.raises(BenchError, match=r"config\.yaml is damaged"):
        folder.read_plain_config()


def test_metrics_of_another_version_are_refused_unless_asked_for(folder):
    write_json(folder.path / "metrics.json", {**METRICS, "schema_version": 99})
    with pytest.raises(BenchError, match="schema_version is 99, this code reads 1") as error:
        folder.read_metrics()
    assert error.value.mend == f"bench evaluate run={folder.path}"
    assert folder.read_metrics(any_version=True)["run"] == {"id": "0a1b"}


def test_json_is_plain_and_readable(folder):
    path = folder.write_metrics({**METRICS, "absent": {"dipole_rmse": "keine Ångström"}})
    assert "Ångström" in path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8"))["schema_version"] == 1
