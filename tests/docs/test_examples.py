"""The examples do what their pages tell to type, from the first command to the last."""

import csv
import logging
import re
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.io import read, write

from bench.cli import main
from bench.runs.folder import run_folders
from bench.testing.frames import cluster, slab
from bench.testing.small import build, small_config
from tests.docs.commands import ROOT, commands
from tests.trained import write_run

EXAMPLES = ROOT / "examples"


def typed(words, monkeypatch):
    """Do what a line of a shell would."""
    if words[0] == "bench":
        assert main(words[1:]) == 0, words
    else:
        assert words[0] == "python"
        monkeypatch.setattr(sys, "argv", words[1:])
        runpy.run_path(words[1], run_name="__main__")


def test_three_models_on_a_file_of_ones_own(tmp_path, monkeypatch, capsys):
    shutil.copy(EXAMPLES / "own_extxyz" / "make_water.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    for words in commands(EXAMPLES / "own_extxyz" / "README.md"):
        capsys.readouterr()
        typed(words, monkeypatch)
    heading, *rows = capsys.readouterr().out.strip().splitlines()[1:]
    assert "forces_rmse [meV/Å]" in heading and "dipole_rmse [e Å]" in heading
    assert [row.split()[0] for row in rows] == ["fixed_charge", "scf_qeq", "short_range", "n"]


@pytest.fixture(scope="module")
def md():
    """The functions of the script."""
    return runpy.run_path(str(EXAMPLES / "md_field_charge" / "md.py"))


@pytest.mark.parametrize("structure", [slab, cluster])
def test_energy_changes_by_the_work_of_field_and_charge(md, structure, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = write_run(tmp_path / "run", build(small_config("scf_qeq"), dtype=torch.float64))
    write("first.xyz", structure(), format="extxyz")
    words = ["--structure", "first.xyz", "--steps", "12", "--step", "0.05", "--charge", "0.3"]
    md["main"]([str(run), *words])
    with Path("md.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    last = {key.partition(" [")[0]: float(value) for key, value in rows[-1].items()}
    assert (last["field"], last["charge"]) == (
        0.1,
        pytest.approx(structure().info["total_charge"] + 0.3),
    )
    assert abs(last["work"]) > 0.02
    assert abs(last["drift"]) < 1e-3 * abs(last["work"])
    frames = read("md.traj", ":")
    assert len(frames) == 12 and np.ptp([atoms.get_potential_energy() for atoms in frames]) > 0.01


def test_a_model_without_a_fermi_level_is_refused(md, tmp_path):
    run = write_run(tmp_path / "run", build(small_config("short_range")))
    write(tmp_path / "first.xyz", cluster(), format="extxyz")
    with pytest.raises(SystemExit, match="no Fermi level"):
        md["main"](
            [str(run), "--structure", str(tmp_path / "first.xyz"), "--out", str(tmp_path / "md")]
        )


@pytest.fixture
def mace(monkeypatch):
    """Does a command of mace-torch's, trains on a few structures for one epoch, leaves no trace."""
    dtype, root = torch.get_default_dtype(), logging.getLogger()
    handlers, level = [*root.handlers], root.level
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # which mace itself would set

    def do(words):
        module = {"mace_run_train": "run_train", "mace_eval_configs": "eval_configs"}[words[0]]
        few = {"train": 4, "valid": 1} if module == "run_train" else {}
        for split, count in few.items():
            path = Path("splits") / f"{split}.extxyz"
            write(path, read(path, f"-{count}:"), format="extxyz")
        arguments = [re.sub("(?<=^--max_num_epochs=).*", "1", word) for word in words[1:]]
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        runpy.run_module(f"mace.cli.{module}", run_name="__main__")

    yield do
    torch.set_default_dtype(dtype)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_models_of_mace_torchs_own_trainer_are_scored(tmp_path, monkeypatch, capsys, mace):
    """Both ways give the numbers of one model; energies come back as they were trained."""
    folder = EXAMPLES / "score_your_calculator"
    shutil.copy(folder / "springs.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bench.report.figures.draw_figures", lambda folder: None)
    for words in commands(folder / "README.md"):
        if words[0].startswith("mace_"):
            mace(words)
        else:
            typed(words, monkeypatch)
    said = capsys.readouterr().out
    assert "warning: the electric field makes no difference" in said
    runs = {f.path.parent.name: f for f in run_folders(tmp_path / "results")}
    assert runs.keys() == {"tiny_mace", "springs", "tiny_mace_elsewhere"}
    frames = {name: folder.read_predictions() for name, folder in runs.items()}
    for one, other in zip(frames["tiny_mace"], frames["tiny_mace_elsewhere"], strict=True):
        assert one.info["uid"] == other.info["uid"]
        np.testing.assert_allclose(
            one.arrays["PRED_forces"], other.arrays["PRED_forces"], atol=1e-7
        )
    assert "PRED_dipole" in frames["springs"][0].info
