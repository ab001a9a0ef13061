"""From cells to verdicts, with a stand-in for training."""

from pathlib import Path
from shutil import copytree

import pytest
import torch

from bench.cli import main
from bench.errors import BenchError
from bench.gate import cost, regress, training
from bench.gate.baseline import read_baseline
from bench.gate.cells import Cell
from bench.runs.collection import collect
from bench.runs.folder import RunFolder, Status
from bench.testing.small import build, small_config
from tests.runs.test_collection import RMSE, write_run

CELLS = "common: [preset=smoke]\ncells: {a: [model=les], b: [model=polar]}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Baselines, and trainings that give ``error``, more with a disturbance or another seed."""
    error = {"les": 20.0, "polar": 30.0}

    first = {model: write_run(tmp_path / "first", model, f"model={model}") for model in error}

    def train(cell, place, *, seed=0, rounding=0):
        model = cell.words[-1].partition("=")[2]
        path = Path(place) / f"{model}{seed}{rounding}"
        copytree(first[model].path, path)
        value = error[model] + 1e-7 * rounding + 2.0 * seed
        content = first[model].read_metrics() | {"metrics": [{**RMSE, "value": value}]}
        RunFolder(path).write_metrics(content)
        return collect([path])

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(regress, "train_cell", train)
    monkeypatch.setattr(cost, "measure_costs", lambda: [cost.Cost("scf_qeq", 0.4, 0.3, 0.5)])
    place = tmp_path / "results/baselines"
    place.mkdir(parents=True)
    (place / "cells.yaml").write_text(CELLS)
    return error, place


def test_baselines_are_measured_and_then_met(folder, capsys):
    _, place = folder
    assert main(["regress"]) == 3
    assert (
        "a:\nthe same settings\nnot comparable: it has no baseline yet" in capsys.readouterr().out
    )
    assert main(["regress", "update=true"]) == 0
    kept = read_baseline(place, Cell("a", ()))
    (number,) = kept.numbers
    assert number["rounding"] == pytest.approx([20.0 + 1e-7 * k for k in range(3)], abs=1e-12)
    assert number["seeds"] == [20.0, 22.0, 24.0]
    assert set(kept.packages) == {"torch", "numpy", "e3nn"} and kept.words[-1] == "model=les"
    assert main(["regress"]) == 0
    said = capsys.readouterr().out
    assert "scf_qeq" in said and said.endswith("verdict: nothing is worse\n")


@pytest.fixture
def changed(folder, capsys):
    """Baselines with an error of 30.0 for ``polar``, which is then trained to another one."""
    error, _ = folder
    main(["regress", "update=true"])
    capsys.readouterr()

    def train(*, to):
        error["polar"] = to

    return train


def test_what_got_worse_is_shown_and_an_exit_code(folder, changed, capsys):
    _, place = folder
    changed(to=30.1)
    assert main(["regress", "cost=false"]) == 1
    said = capsys.readouterr().out
    assert "forces_rmse" in said and said.endswith("verdict: worse\n")
    assert "by more than another seed changes them: none of them" in said
    assert main(["regress", "a", "cost=false"]) == 0
    capsys.readouterr()
    assert main(["regress", "update=true"]) == 0  # shows what it changes
    assert "! " in capsys.readouterr().out
    assert main(["regress"]) == 0
    assert sorted(path.name for path in place.iterdir()) == [
        "a.json", "b.json", "cells.yaml", "cost.json",
    ]  # fmt: skip


def test_what_got_better_fails_nothing_and_is_told(changed, capsys):
    """A mistake may make a short training better: somebody has to say that it is meant."""
    changed(to=29.9)
    assert main(["regress", "cost=false"]) == 0
    said = capsys.readouterr().out
    assert "\n+  b       forces_rmse" in said
    assert "verdict: nothing is worse\nBETTER: 1 of the numbers (+). Unless it is meant" in said
    assert "bench regress update=true" in said
    main(["regress", "update=true"])
    assert "BETTER" not in capsys.readouterr().out
    assert main(["regress", "cost=false"]) == 0
    assert "BETTER" not in capsys.readouterr().out


def test_a_dearer_step_is_worse(folder, monkeypatch, capsys):
    main(["regress", "update=true"])
    monkeypatch.setattr(cost, "measure_costs", lambda: [cost.Cost("scf_qeq", 0.9, 0.8, 1.0)])
    assert main(["regress"]) == 1
    assert "! scf_qeq" in capsys.readouterr().out


def test_runs_are_kept_where_one_says_so(folder, tmp_path):
    assert main(["regress", "a", "cost=false", "out=kept"]) == 3
    assert collect([tmp_path / "kept"]).done["model"].tolist() == ["les"]
    with pytest.raises(BenchError, match="not empty"):
        from bench.commands.regress import main as regress_main

        regress_main(["out=kept"])


def test_a_damaged_baseline_says_how_to_write_it_anew(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(BenchError, match="update=true"):
        read_baseline(tmp_path, Cell("a", ()))


def test_a_disturbance_is_that_of_many_roundings_and_its_seeds():
    models = [build(small_config("les"), seed=0) for _ in range(4)]
    for model, seed in zip(models[1:], (1, 1, 2)):
        training.disturb(model, seed=seed)
    first, one, same, other = (torch.cat([p.flatten() for p in m.parameters()]) for m in models)
    assert torch.equal(one, same) and not torch.equal(one, other)
    size = float((one / first - 1)[first != 0].std())
    assert size == pytest.approx(training.DISTURBANCE, rel=0.1)


def test_a_cell_is_trained_in_a_folder_of_its_own(tmp_path, monkeypatch):
    given = {}

    def compute(config, identity, folder, console, *, prepare):
        given.update(config=config, prepare=prepare, threads=torch.get_num_threads())
        write_run(folder.path.parent, "x", "preset=smoke", "model=les", status=Status.done)
        (folder.path.parent / "pt_water/les/x").rename(folder.path)

    monkeypatch.setattr(training, "compute", compute)
    cell = Cell("a", ("preset=smoke", "model=les"))
    found = training.train_cell(cell, tmp_path, seed=2)
    assert (given["config"].seed, given["prepare"], given["threads"]) == (2, None, 1)
    assert [Path(run).name for run in found.done.index] == ["a-seed2-rounding0"]
    training.train_cell(cell, tmp_path, rounding=3)
    assert given["prepare"].keywords == {"seed": 3}
