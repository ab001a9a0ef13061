"""A model from outside of the package from its first line to a score: examples/bond_increments."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from ase.io import read

from bench.cli import main
from bench.inference.calculator import BenchCalculator

EXAMPLE = Path(__file__).parents[1] / "examples" / "bond_increments"
MODEL = ["model=bond_increments", "preset=smoke", "system=sio2_vacancy"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A copy of the example, as a person would have it."""
    place = tmp_path_factory.mktemp("work") / "bond_increments"
    ignored = shutil.ignore_patterns("__pycache__", "results")
    shutil.copytree(EXAMPLE, place, ignore=ignored)
    return place


@pytest.fixture(scope="module")
def run(folder) -> Path:
    """One that was trained there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = [*MODEL, "model.options.reach=1.3", "seed=1"]
        assert main(["run", *words]) == 0
    (status,) = folder.glob("results/runs/sio2_vacancy/bond_increments/*/status.json")
    return status.parent


def test_it_is_trained_and_scored_like_any_other(run):
    assert json.loads((run / "status.json").read_text())["status"] == "done"
    metrics = json.loads((run / "metrics.json").read_text())["metrics"]
    found = {m["name"]: m for m in metrics if m["subset"] == "all"}
    assert found["forces_rmse"]["value"] > 0 and found["charges_rmse"]["value"] > 0
    config = yaml.safe_load((run / "config.yaml").read_text())["model"]
    assert config["point"] == "bond_increments.point.BondIncrements"
    assert config["options"] == {"reach": 1.3}


def test_its_weights_predict_what_the_run_predicted(run, folder, monkeypatch):
    monkeypatch.chdir(folder)
    atoms = read(run / "predictions.extxyz", 0)
    calculator = BenchCalculator.from_run(run, total_charge=float(atoms.info["total_charge"]))
    energy = calculator.get_potential_energy(atoms)
    assert energy == pytest.approx(float(atoms.info["PRED_energy"]), abs=1e-3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list"], "bond_increments        charges that bonded elements hand to each other"),
        (["list", "models"], "bond_increments        bond increments"),
        (["run", "--help", *MODEL], "model.options.reach=1.4"),
        (["show", *MODEL], "status    not started"),
        (["show", *MODEL, "model.options.reach=1.3", "seed=1"], "status    done"),
    ],
    ids=" ".join,
)
def test_it_stands_beside_the_others(run, folder, monkeypatch, capsys, words, said):
    monkeypatch.chdir(folder)
    assert main(words) == 0
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["model.options.rech=1.3"], "model.options.rech does not exist.\nDid you mean 'reach'?"),
        (["model.options.reach=0.5"], "model.options.reach=0.5 must be above 1."),
        (["-m", "model.options.reach=1.2,far"], "model.options.reach=far cannot be used"),
        (["model.point=bond_increments.point.Bond"], "has no class Bond."),
        (["training.mode=implicit"], "does not apply to model=bond_increments"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_told_before_anything_is_written(folder, monkeypatch, capsys, words, said):
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    assert main(["run", *MODEL, *words]) == 2
    assert said in capsys.readouterr().err
    assert [path for path in sorted(folder.rglob("*")) if "__pycache__" not in str(path)] == [
        path for path in before if "__pycache__" not in str(path)
    ]
