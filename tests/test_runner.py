"""A run from start to end, with small stand-ins for the rooms that compute."""

import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import ase
import pytest
import yaml
from ase.io import read

from bench import runner
from bench.cli import main
from bench.config.compose import compose
from bench.config.schema import RunConfig
from bench.data.statistics import Baseline, TrainingMeans
from bench.errors import BenchError, Diverged, RunFailed
from bench.evaluate.record import record
from bench.models.facts import TrainingFacts
from bench.runs.folder import RunFolder, Status
from bench.runs.records import Evaluation
from bench.signals import Interrupted
from bench.storage import write_tensors

METRICS_RUN_KEYS = {
    "id",
    "model",
    "system",
    "preset",
    "seed",
    "data_checksum",
    "code_version",
    "packages",
    "hardware",
    "parameters",
    "seconds",
    "cpu_seconds",
}

FACTS = TrainingFacts(
    baseline=Baseline((1,), (-13.6,), (0.1,)),
    avg_num_neighbors=1.0,
    force_scale=0.5,
    mean_charges=(0.0,),
    feature_norms=(1.0, 1.0, 0.3, 0.2),
)


class Rooms:
    """Stand-ins that count their calls; ``training`` may raise."""

    def __init__(self, monkeypatch):
        self.trained, self.evaluated, self.drawn = [], 0, 0
        self.training = lambda files: None
        atoms = ase.Atoms("H2", positions=[[0, 0, 0], [0, 0, 0.74]])
        self.dataset = SimpleNamespace(
            frames={"train": [atoms], "valid": [], "test": [atoms, atoms]},
            summary=lambda: ["pt_water: 3 structures"],
        )
        rooms = {
            "dataset_checksum": lambda system: "d" * 64,
            "load_dataset": lambda system, seed: self.dataset,
            "build_model": lambda config, dataset: SimpleNamespace(facts=FACTS, num_parameters=7),
            "train": self.train,
            "training_means": lambda frames: TrainingMeans({"dipole": [0.0, 0.0, 0.5]}, {}),
            "predict_frames": lambda model, frames, batch_size: [a.copy() for a in frames],
            "evaluate": self.evaluate,
            "draw_figures": self.draw,
            "metrics_table": lambda folder: folder.read_metrics()["metrics"],
        }
        for name, room in rooms.items():
            monkeypatch.setattr(runner, name, room)

    def train(self, model, dataset, config, files, console, *, on_row, asked):
        self.trained.append((files.log.parent / "config.yaml").read_text())
        self.training(files)

    def evaluate(self, frames, means):
        self.evaluated += 1
        return Evaluation([record("forces_rmse", 42.0, n=len(frames))], {"dipole_rmse": "why"})

    def draw(self, folder, formats):
        self.drawn += 1


@pytest.fixture
def rooms(monkeypatch):
    return Rooms(monkeypatch)


@pytest.fixture
def config(tmp_path) -> RunConfig:
    return compose(["preset=smoke", f"results_dir={tmp_path}/results", "seed=3", "figures=true"])


def test_figures_are_drawn_where_they_are_wanted_and_decide_no_number(rooms, config):
    without = replace(config, figures=False)
    path = runner.run(without)
    assert RunFolder(path).status is Status.done
    assert rooms.drawn == 0
    assert runner.run(config) == path  # found, not repeated
    assert rooms.evaluated == 2


def test_a_run_leaves_everything_a_reader_needs(rooms, config, capsys):
    path = runner.run(config)
    assert capsys.readouterr().out.splitlines()[-1] == str(path)
    assert path.parent.parts[-3:] == ("results", "pt_water", "scf_qeq")
    assert RunFolder(path).status is Status.done
    assert len(read(path / "predictions.extxyz", ":")) == 2
    assert RunFolder(path).read_facts() == FACTS
    assert RunFolder(path).read_means().structure["dipole"] == [0.0, 0.0, 0.5]
    metrics = json.loads((path / "metrics.json").read_text())
    assert metrics["run"].keys() == METRICS_RUN_KEYS
    assert (metrics["run"]["id"], metrics["run"]["seed"]) == (path.name, 3)
    assert [m["value"] for m in metrics["metrics"]] == [42.0]
    assert metrics["absent"] == {"dipole_rmse": "why"}
    assert rooms.drawn == 1


def test_the_saved_configuration_is_there_before_training_and_composes_to_itself(rooms, config):
    path = runner.run(config)
    (saved,) = rooms.trained
    assert saved == (path / "config.yaml").read_text()
    flat = yaml.safe_load(saved)
    assert (flat["seed"], flat["wandb"], flat["training"]["mode"]) == (3, "off", "auto")


def test_provenance_names_code_packages_hardware_and_command(rooms, config):
    content = json.loads((runner.run(config) / "provenance.json").read_text())
    assert content["packages"]["mace-torch"] == "0.3.16"
    assert content["hardware"]["cores"] >= 1 and content["hardware"]["threads"] >= 1
    assert len(content["code_version"]) == 10 and content["data_checksum"] == "d" * 64
    (session,) = content["sessions"]
    assert session["command"] and session["seconds"] >= 0


def test_a_finished_run_is_found_and_not_repeated(rooms, config, capsys):
    path = runner.run(config)
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    capsys.readouterr()
    assert runner.run(config) == path
    output = capsys.readouterr().out
    assert "finished already" in output and "42.0" in output
    assert output.splitlines()[-1] == str(path)
    assert (len(rooms.trained), rooms.evaluated) == (1, 2)  # the first is the rehearsal
    assert {p: p.read_bytes() for p in path.rglob("*") if p.is_file()} == before


def test_another_seed_is_another_run(rooms, config):
    assert runner.run(config) != runner.run(replace(config, seed=4))
    assert len(rooms.trained) == 2


def test_an_interrupted_run_resumes_in_its_folder(rooms, config):
    def stop(files):
        write_tensors(files.last, {})
        raise Interrupted("SIGTERM after epoch 1")

    finish, rooms.training = rooms.training, stop
    with pytest.raises(KeyboardInterrupt):
        runner.run(config)
    (path,) = (p.parent for p in (config_root(config)).rglob("status.json"))
    assert RunFolder(path).status is Status.interrupted
    assert "epoch 1" in RunFolder(path).reason

    def resume(files):
        assert files.last.exists()
        finish(files)

    rooms.training = resume
    assert runner.run(config) == path
    assert RunFolder(path).status is Status.done
    assert len(json.loads((path / "provenance.json").read_text())["sessions"]) == 2


def config_root(config):
    return Path(config.results_dir)


def raising(error):
    def training(files):
        raise error

    return training


def test_a_failed_run_says_why_and_where_and_is_tried_again(rooms, config, capsys):
    finish, rooms.training = rooms.training, raising(ZeroDivisionError("no atoms"))
    with pytest.raises(RunFailed, match="ZeroDivisionError: no atoms"):
        runner.run(config)
    path = Path(capsys.readouterr().out.splitlines()[-1])
    assert RunFolder(path).status is Status.failed
    assert "Traceback" in (path / "error.log").read_text()
    rooms.training = finish
    assert runner.run(config) == path
    assert RunFolder(path).status is Status.done


@pytest.mark.parametrize("room", ["predict_frames", "evaluate"])
def test_what_would_fail_after_training_fails_before_it(rooms, config, monkeypatch, room):
    """As a label of a shape that no metric can read did, after hours."""

    def fail(*_, **__):
        raise ValueError("shape (1, 3)")

    monkeypatch.setattr(runner, room, fail)
    with pytest.raises(RunFailed, match=r"shape \(1, 3\)"):
        runner.run(config)
    assert rooms.trained == []


def test_a_diverged_run_has_no_metrics_and_is_not_repeated(rooms, config, capsys):
    rooms.training = raising(Diverged("loss nan in epoch 2"))
    for _ in range(2):
        with pytest.raises(Diverged, match="diverged: loss nan in epoch 2"):
            runner.run(config)
        path = Path(capsys.readouterr().out.splitlines()[-1])
        assert RunFolder(path).read_status() == (Status.diverged, "loss nan in epoch 2")
    assert not (path / "metrics.json").exists()
    assert (len(rooms.trained), rooms.evaluated) == (1, 1)


@pytest.mark.parametrize("room", ["load_dataset", "build_model"])
def test_a_refused_dataset_or_model_leaves_no_folder(rooms, config, room, monkeypatch):
    def refuse(*_, **__):
        raise BenchError("structures.extxyz, structure 3: REF_energy is not finite")

    monkeypatch.setattr(runner, room, refuse)
    with pytest.raises(BenchError, match="structure 3"):
        runner.run(config)
    assert not config_root(config).exists()


def command(tmp_path, *overrides):
    return ["run", "preset=smoke", f"results_dir={tmp_path}", *overrides]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (BenchError("wrong", "do this"), 2, "error: wrong\ndo this"),
        (Diverged("loss nan"), 1, "error: diverged: loss nan"),
        (ValueError("odd"), 1, "error: failed: ValueError: odd"),
    ],
)
def test_exit_codes_and_messages(rooms, tmp_path, capsys, error, code, said):
    rooms.training = raising(error)
    assert main(command(tmp_path)) == code
    captured = capsys.readouterr()
    assert captured.err.startswith(said)
    assert "Traceback" not in captured.err


def test_an_interrupt_prints_the_command_that_resumes(rooms, tmp_path, capsys):
    rooms.training = raising(Interrupted("SIGINT"))
    assert main(command(tmp_path, "seed=5")) == 130
    assert f"bench run preset=smoke results_dir={tmp_path} seed=5" in capsys.readouterr().out


def test_a_multirun_goes_on_after_a_failure_and_reports_it(rooms, tmp_path, capsys):
    def second_fails(files):
        if files.log.parent.parent.name == "scf_qeq":
            raise ValueError("odd")

    rooms.training = second_fails
    models = "model=short_range,scf_qeq,local_charges"
    assert main(["run", "-m", *command(tmp_path, models)[1:]]) == 1
    done = [RunFolder(p.parent).status for p in sorted(tmp_path.rglob("status.json"))]
    assert done == [Status.done, Status.failed, Status.done]
    assert "ValueError: odd" in capsys.readouterr().err


def sweep_in_child(words, training, rooms):
    """A second process that sweeps; gives its pid."""
    if pid := os.fork():
        return pid
    rooms.training = training
    os._exit(main(words))


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_two_sweeps_over_the_same_runs_share_the_work(rooms, tmp_path, capfd, monkeypatch):
    """The first holds seed 0 until the second has passed over it and computed seed 1."""
    monkeypatch.setattr("bench.runs.sweep.dataset_checksum", runner.dataset_checksum)
    begun, go_on = os.pipe(), os.pipe()

    def hold(files):
        os.close(go_on[1])  # should this test end early, reading does so, too
        os.write(begun[1], b"!")
        os.read(go_on[0], 1)

    words = ["run", "-m", *command(tmp_path, "seed=0,1")[1:]]
    first = sweep_in_child(words, hold, rooms)
    os.read(begun[0], 1)
    second = sweep_in_child(words, lambda files: None, rooms)
    assert ended(second) == 1  # one run is not done yet
    said = capfd.readouterr()
    assert "passed over: " in said.err and "2 cells: 1 running, 1 done" in said.out
    os.write(go_on[1], b"!")
    assert ended(first) == 0
    said = capfd.readouterr()
    assert said.err == "" and "2 cells: 2 done" in said.out
    third = sweep_in_child(words, lambda files: os._exit(9), rooms)  # trains nothing
    assert ended(third) == 0 and "2 cells: 2 found" in capfd.readouterr().out
