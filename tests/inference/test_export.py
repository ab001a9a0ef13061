"""One file holds all that a trained point needs."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bench.calculator import BenchCalculator
from bench.commands.export import main
from bench.errors import BenchError
from bench.inference.export import read_point
from bench.testing.frames import bulk, slab
from tests.models.test_points import build
from tests.trained import write_run


@pytest.mark.parametrize("name", ["scf_fixed_point-mlp", "short_range", "split_charges"])
def test_the_file_predicts_what_the_run_does(name, tmp_path, monkeypatch):
    run = write_run(tmp_path / "run", build(name))
    monkeypatch.chdir(tmp_path)
    assert main([f"run={run}", "out=point.safetensors"]) == 0
    for atoms in (slab(), bulk()):
        expected, found = atoms.copy(), atoms.copy()
        expected.calc = BenchCalculator.from_run(run)
        found.calc = BenchCalculator.from_file("point.safetensors")
        assert found.get_potential_energy() == expected.get_potential_energy()
        np.testing.assert_array_equal(found.get_forces(), expected.get_forces())


def test_the_name_says_model_and_run(tmp_path, monkeypatch, capsys):
    run = write_run(tmp_path / "0123456789", build("local_charges"))
    monkeypatch.chdir(tmp_path)
    assert main([f"run={run}"]) == 0
    assert capsys.readouterr().out == "local_charges-0123456789.safetensors\n"


def test_other_files_are_told(tmp_path):
    with pytest.raises(BenchError, match="does not exist"):
        read_point(tmp_path / "none.safetensors")
    (tmp_path / "pickle.pt").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(BenchError, match="no safetensors file"):
        read_point(tmp_path / "pickle.pt")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(BenchError, match="not written by this version"):
        read_point(tmp_path / "other.safetensors")
