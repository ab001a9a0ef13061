"""``bench run`` on the shipped data: every point on every system, and data that are refused."""

import hashlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from ase.io import read, write

from bench.cli import main
from bench.config.catalogue import choices
from bench.config.schema import SystemConfig
from bench.data.dataset import load_dataset
from bench.paths import shipped
from bench.runs.folder import RunFolder, Status

DATA = shipped("datasets")
FILES = [
    "config.yaml",
    "provenance.json",
    "status.json",
    "training_log.csv",
    "training_means.json",
    "predictions.extxyz",
    "metrics.json",
    "checkpoint/best.pt",
    "checkpoint/last.pt",
]
FIGURES = [f"figures/{name}.png" for name in ("parity", "learning_curves")]
SYSTEMS = [system for system in choices("system") if (DATA / system / "card.yaml").is_file()]
EVERY = list(itertools.product(choices("model"), SYSTEMS))


def run(*overrides):
    """A few steps: what is told here is told after two validations as after many."""
    return main(["run", "preset=smoke", "training.steps=4", *overrides])


def folder_of(capsys):
    """The last line of a run."""
    return Path(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_shipped_data_train_and_the_run_is_found_again(system, tmp_path, capsys):
    figures = FIGURES if system == SYSTEMS[0] else []
    overrides = [f"system={system}", f"results_dir={tmp_path}", f"figures={bool(figures)}"]
    assert run(*overrides) == 0
    folder = folder_of(capsys)
    assert folder.parent == tmp_path / system / "scf_qeq"
    assert all((folder / name).stat().st_size > 0 for name in [*FILES, *figures])
    expected = load_dataset(SystemConfig(system)).frames["test"]
    _check_predictions(folder, [atoms.info["uid"] for atoms in expected])
    assert run(*overrides) == 0
    output = capsys.readouterr().out
    assert "finished already" in output and output.splitlines()[-1] == str(folder)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A few structures of every system; of the test set one geometry in all its states."""
    root = tmp_path_factory.mktemp("small")
    for system in SYSTEMS:
        frames = load_dataset(SystemConfig(system)).frames
        group = frames["test"][0].info["group"]
        states = [atoms for atoms in frames["test"] if atoms.info["group"] == group]
        _write_dataset(root / system, [*frames["train"][:6], *frames["valid"][:2], *states[:4]])
    return root


def _write_dataset(folder, frames):
    folder.mkdir()
    write(folder / "structures.extxyz", frames)
    card = yaml.safe_load((DATA / folder.name / "card.yaml").read_text())
    card["files"] = [{"name": "structures.extxyz", "sha256": sha256(folder)}]
    (folder / "card.yaml").write_text(yaml.safe_dump(card))


def sha256(folder):
    return hashlib.sha256((folder / "structures.extxyz").read_bytes()).hexdigest()


@pytest.mark.parametrize(("model", "system"), EVERY)
def test_every_point_runs_on_every_system(model, system, small, tmp_path, capsys):
    data = f"system.path={small / system}"
    assert run(f"model={model}", f"system={system}", data, f"results_dir={tmp_path}") == 0
    folder = folder_of(capsys)
    assert folder.parent == tmp_path / system / model
    assert RunFolder(folder).status is Status.done
    assert all((folder / name).stat().st_size > 0 for name in FILES)
    assert not (folder / "figures").exists()  # the preset draws none
    _check_metrics(folder, model, system)
    test = load_dataset(SystemConfig(system, path=str(small / system))).frames["test"]
    _check_predictions(folder, [atoms.info["uid"] for atoms in test])


def test_jobs_of_submitit_run_in_processes_of_their_own(small, tmp_path, monkeypatch, capsys):
    """By its executor for one machine; on Slurm it is the same but for where jobs are sent."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    monkeypatch.chdir(tmp_path)
    words = ["-m", "hydra/launcher=submitit_local", "system=pt_water", "model=short_range"]
    assert run(*words, f"system.path={small}/pt_water", f"results_dir={tmp_path}/runs") == 0
    assert "1 cells: 1 done" in capsys.readouterr().out
    (folder,) = (tmp_path / "runs/pt_water/short_range").iterdir()
    (log,) = tmp_path.rglob("*_log.out")  # what the job printed, in another process
    assert RunFolder(folder).status is Status.done and str(folder) in log.read_text()


def _check_predictions(folder, uids):
    found = read(folder / "predictions.extxyz", ":")
    assert [str(atoms.info["uid"]) for atoms in found] == [str(uid) for uid in uids]
    assert all("PRED_forces" in atoms.arrays for atoms in found)


def _check_metrics(folder, model, system):
    content = json.loads((folder / "metrics.json").read_text())
    run = content["run"]
    assert (run["id"], run["model"], run["system"]) == (folder.name, model, system)
    assert content["schema_version"] >= 1
    for record in content["metrics"]:
        assert record.keys() == {"name", "subset", "value", "unit", "n", "ci95", "better"}
        assert record["n"] > 0 and isinstance(record["value"], float) and record["unit"]
    names = {record["name"] for record in content["metrics"]}
    assert {"energy_rmse", "forces_rmse", "forces_mae", "forces_std"} <= names
    assert not names & set(content["absent"])


def test_show_knows_the_folder_without_running(tmp_path, capsys):
    assert main(["show", "preset=smoke", f"results_dir={tmp_path}/new"]) == 0
    output = capsys.readouterr().out
    (run_id,) = re.findall(r"run id +(\w+)", output)
    assert f"{tmp_path}/new/pt_water/scf_qeq/{run_id}" in output
    assert re.search(r"estimate +about \d+ s on this machine", output)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_signal_saves_and_says_how_to_resume(number, tmp_path):
    command = ["run", "preset=smoke", "training.steps=9999", "training.validations=999"]
    command += [f"results_dir={tmp_path}/runs"]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.cli", *command],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    deadline = time.monotonic() + 240
    while not list(tmp_path.rglob("training_log.csv")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    (log,) = tmp_path.rglob("training_log.csv")
    assert process.returncode == 130
    assert output.splitlines()[-1] == " ".join(["bench", *command])
    assert RunFolder(log.parent).status is Status.interrupted
    assert (log.parent / "checkpoint/last.pt").is_file()


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The shipped system pt_water as a user's own folder; ``rewrite`` also mends its checksum."""
    monkeypatch.chdir(tmp_path)
    source, target = DATA / "pt_water", tmp_path / "mine"
    target.mkdir()
    for path in (source / "card.yaml", source / "structures.extxyz"):
        (target / path.name).write_bytes(path.read_bytes())
    return target


def edit(folder, change, *, mend):
    path = folder / "structures.extxyz"
    path.write_text(change(path.read_text()))
    if mend:
        card = yaml.safe_load((folder / "card.yaml").read_text())
        card["files"][0]["sha256"] = sha256(folder)
        (folder / "card.yaml").write_text(yaml.safe_dump(card))


def refused(folder, capsys):
    """The message: exit code 2, no traceback, nothing written."""
    assert run(f"system.path={folder}") == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message and not Path("results").exists()
    return message


def test_a_changed_data_file_is_refused(copy, capsys):
    edit(copy, lambda text: text.replace("Pt ", "Au ", 1), mend=False)
    message = refused(copy, capsys)
    assert f"{copy}/structures.extxyz" in message and "sha256" in message


def test_a_truncated_data_file_is_refused(copy, capsys):
    edit(copy, lambda text: text[: len(text) // 2], mend=True)
    assert f"{copy}/structures.extxyz" in refused(copy, capsys)


def test_a_nan_label_is_refused_with_its_structure(copy, capsys):
    edit(copy, lambda text: re.sub(r"REF_energy=\S+", "REF_energy=nan", text, count=1), mend=True)
    message = refused(copy, capsys)
    assert "structure 0" in message and "REF_energy" in message and "not finite" in message


def test_a_missing_total_charge_is_refused_with_what_was_found(copy, capsys):
    edit(copy, lambda text: re.sub(r"total_charge=\S+ ", "", text, count=1), mend=True)
    message = refused(copy, capsys)
    assert "structure 0" in message and "total_charge is missing" in message
    assert "REF_energy" in message


def test_a_system_without_data_is_refused(copy, capsys):
    assert "nowhere/card.yaml" in refused("nowhere", capsys)
