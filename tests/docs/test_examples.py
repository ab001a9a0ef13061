"""The examples do what their pages tell to type, from the first command to the last."""

import csv
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.io import read, write

from bench.cli import main
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
    monkeypatch.setattr("bench.runner.draw_figures", lambda folder: None)  # slow, tested elsewhere
    for words in commands(EXAMPLES / "own_extxyz" / "README.md"):
        capsys.readouterr()
        typed(words, monkeypatch)
    heading, *rows = capsys.readouterr().out.strip().splitlines()[1:]
    assert "forces_rmse [meV/Å]" in heading and "dipole_rmse [e Å]" in heading
    assert [row.split()[0] for row in rows] == ["fixed_charge", "scf_qeq", "short_range"]


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
