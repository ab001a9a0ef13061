"""A run predicted again: its own data, changed ones, another system, a file."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from ase.io import write

from bench.cli import main
from bench.config.schema import SystemConfig
from bench.data.dataset import load_dataset
from bench.data.statistics import training_means
from bench.errors import BenchError
from bench.evaluate.metrics import evaluate
from bench.inference.load import load_model
from bench.inference.predict import predict_frames
from bench.runs.folder import RunFolder, Status
from bench.runs.identity import code_version
from bench.testing.small import build, small_config
from tests.scoring.made_up import waters, write_dataset
from tests.trained import write_run


@pytest.fixture
def run(work):
    """A run on the made-up system whose weights were never trained."""
    dataset = load_dataset(SystemConfig(name="waters"))
    model = build(small_config("short_range"), frames=dataset.frames["train"])
    folder = RunFolder(write_run(work / "results/runs/waters/short_range/abc", model))
    folder.write_config(replace(folder.read_config(), system=SystemConfig(name="waters")))
    folder.write_provenance({"data_checksum": dataset.checksum, "code_version": code_version()})
    means = training_means(dataset.frames["train"])
    folder.write_means(means)
    frames = predict_frames(load_model(folder.path), dataset.frames["test"], batch_size=4)
    folder.write_predictions(frames)
    named = {"id": "abc", "system": "waters", "model": "short_range", "preset": "quick", "seed": 0}
    folder.write_metrics(evaluate(frames, means).to_dict(named))
    folder.write_status(Status.done)
    return folder


def spoilt(folder):
    """Its metrics, that are then replaced by others."""
    content = folder.read_metrics()
    folder.write_metrics({**content, "metrics": [], "absent": {}})
    return content


@pytest.mark.parametrize("more", [[], ["predict=true"]], ids=["stored", "predicted again"])
def test_the_numbers_of_the_same_data_are_those_of_the_run(run, capsys, more):
    before = spoilt(run)
    assert main(["evaluate", f"run={run.path}", "figures=false", *more]) == 0
    now = run.read_metrics()
    assert now["run"] == before["run"] and now["absent"] == before["absent"]
    for one, other in zip(before["metrics"], now["metrics"], strict=True):
        assert {**one, "value": 0, "ci95": 0} == {**other, "value": 0, "ci95": 0}
        assert other["value"] == pytest.approx(one["value"], rel=1e-6, abs=1e-9)
    assert capsys.readouterr().out.splitlines()[-1] == str(run.path)


def test_a_prediction_made_again_is_noted(run):
    main(["evaluate", f"run={run.path}", "predict=true", "figures=false"])
    (note,) = run.read_provenance()["evaluations"]
    assert note["code_version"] == code_version() and note["device"] == "cpu"


def test_all_runs_below_a_folder_are_scored_again_and_a_failed_one_is_left(run, work, capsys):
    failed = RunFolder(work / "results/runs/waters/short_range/bad")
    failed.write_status(Status.failed, "made up")
    spoilt(run)
    assert main(["evaluate", "run=results/runs", "figures=false"]) == 0
    assert run.read_metrics()["metrics"]
    assert "results/runs/waters/short_range/abc" in capsys.readouterr().out.splitlines()[-1]


def test_stored_predictions_are_scored_and_drawn_without_torch(run):
    code = f"""
import sys
from bench.cli import main
assert main(["evaluate", "run={run.path}"]) == 0
assert "torch" not in sys.modules
"""
    spoilt(run)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert run.read_metrics()["metrics"]
    assert run.figure("parity.png").stat().st_size > 10_000


def test_changed_data_leave_the_numbers_of_the_run(run, work, capsys):
    before = run.read_metrics()
    write_dataset(work, waters()[:-2])
    assert main(["evaluate", f"run={run.path}", "predict=true", "figures=false"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "The data of waters have changed since the run: its own numbers stay."
    assert run.read_metrics() == before
    beside = RunFolder(work / out[-1])
    assert beside.path.parent == run.path / "evaluations"
    assert len(beside.read_predictions()) == len(run.read_predictions()) - 2


def test_another_system_is_written_beside(run, work, capsys):
    write_dataset(work, waters()[:-1], name="other")
    before = run.read_metrics()
    assert main(["evaluate", f"run={run.path}", "system=other", "figures=false"]) == 0
    beside = RunFolder(work / capsys.readouterr().out.splitlines()[-1])
    content = beside.read_metrics()
    assert beside.path.name == f"other-{content['run']['data_checksum'][:10]}"
    assert content["run"]["system"] == "other" and content["run"]["id"] == "abc"
    assert run.read_metrics() == before
    assert beside.read_means() == run.read_means()
    assert main(["evaluate", f"run={beside.path}", "figures=false"]) == 0
    assert beside.read_metrics()["run"] == content["run"]


@pytest.mark.parametrize(
    ("split", "number", "word"), [("train", 6, "training"), ("valid", 1, "validation")]
)
def test_what_a_run_has_seen_is_scored_beside_under_its_own_name(
    run, work, capsys, split, number, word
):
    before = run.read_metrics()
    assert main(["evaluate", f"run={run.path}", f"split={split}", "figures=false"]) == 0
    out = capsys.readouterr().out
    assert f"{word} structures, no test" in out and f"all {word} structures" in out
    beside = RunFolder(work / out.splitlines()[-1])
    content = beside.read_metrics()
    assert beside.path.name == f"waters-{split}-{content['run']['data_checksum'][:10]}"
    assert content["run"]["split"] == split and run.read_metrics() == before
    assert {a.info["split"] for a in beside.read_predictions()} == {split}
    assert len(beside.read_predictions()) == number


def test_a_share_of_the_training_set_is_what_the_run_has_seen(run, work, capsys):
    config = run.read_config()
    run.write_config(replace(config, system=replace(config.system, train_size=3)))
    main(["evaluate", f"run={run.path}", "split=train", "figures=false"])
    beside = RunFolder(work / capsys.readouterr().out.splitlines()[-1])
    assert len(beside.read_predictions()) == 3


def test_changed_data_tell_nobody_what_a_run_has_seen(run, work, capsys):
    write_dataset(work, waters()[:-2])
    assert main(["evaluate", f"run={run.path}", "split=train"]) == 2
    assert "the data of waters have changed since the run" in capsys.readouterr().err


def test_a_file_needs_state_but_no_names_and_no_labels(run, work, capsys):
    frames = [atoms.copy() for atoms in waters()[-3:]]
    for atoms in frames:
        atoms.info = {key: atoms.info[key] for key in ("total_charge", "electric_field")}
        atoms.arrays = {key: atoms.arrays[key] for key in ("numbers", "positions")}
    write(work / "mine.xyz", frames, format="extxyz")
    assert main(["evaluate", f"run={run.path}", "file=mine.xyz", "figures=false"]) == 0
    beside = RunFolder(work / capsys.readouterr().out.splitlines()[-1])
    predicted = beside.read_predictions()
    assert [atoms.info["uid"] for atoms in predicted] == ["mine-0", "mine-1", "mine-2"]
    expected = {a.info["uid"]: a.info["PRED_energy"] for a in run.read_predictions()}
    assert predicted[0].info["PRED_energy"] == pytest.approx(expected["w9"], rel=1e-6)
    assert beside.read_metrics()["absent"]["energy_rmse"] == "no reference in the test set"
    del frames[1].info["total_charge"]
    write(work / "mine.xyz", frames, format="extxyz")
    assert main(["evaluate", f"run={run.path}", "file=mine.xyz"]) == 2
    assert "mine.xyz, structure 1: total_charge is missing" in capsys.readouterr().err


def test_training_structures_in_a_file_are_told(run, work, capsys):
    write(work / "all.xyz", waters(), format="extxyz")
    main(["evaluate", f"run={run.path}", "file=all.xyz", "figures=false"])
    out = capsys.readouterr().out
    assert out.startswith("warning: not only tests: 6 split=train, 1 split=valid; all are counted")


def test_an_unknown_element_leaves_nothing(run, work, capsys):
    frames = waters()
    for atoms in frames:
        atoms.numbers[0] = 9
    write_dataset(work, frames, name="other")
    assert main(["evaluate", f"run={run.path}", "system=other"]) == 2
    assert "has F, which the model was not trained on" in capsys.readouterr().err
    assert not (run.path / "evaluations").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "one of run=..., calculator=..., predictions=...; found none."),
        (["run=nowhere"], "nowhere is no folder of a run"),
        (["run=nowhere", "system=waters", "file=a.xyz"], "one of them"),
        (["run=nowhere", "system=waters", "split=train"], "system=waters and split=train: one"),
        (["run=results/runs/waters/short_range/abc", "system=watters"], "Did you mean 'waters'?"),
        (["run=results/runs/waters/short_range/abc", "file=no.xyz"], "no.xyz does not exist"),
    ],
)
def test_mistakes_are_one_sentence(run, capsys, words, said):
    assert main(["evaluate", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_run_without_numbers_is_told(run):
    (run.path / "metrics.json").unlink()
    with pytest.raises(BenchError, match=r"metrics\.json does not exist"):
        from bench.commands.evaluate import main as verb

        verb([f"run={run.path}", "predict=true"])
    assert json.loads((run.path / "status.json").read_text())["status"] == "done"
    assert np.isfinite(run.read_predictions()[0].info["PRED_energy"])
