"""A quantity more is one row in the table and a point that predicts it."""

import json
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one_more")
    command = [sys.executable, "-m", "tests.labels.one_more", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_its_loss_acts_with_the_weight_of_the_table_or_of_the_command_line(told):
    assert "spin 2" in told["text"] and "quadrupole 3" in told["text"]
    assert "quadrupole is a label of 3 of 7 training structures" in told["text"]
    for name in ("spin", "quadrupole"):
        first, last = told["log"][f"valid_{name}_rmse"]
        assert last < 0.2 * first


def test_its_errors_are_logged_and_measured_in_its_unit(told):
    assert told["units"] == {"valid_spin_rmse": "μ_B", "valid_quadrupole_rmse": "e Å²"}
    for name, unit in (("spin", "μ_B"), ("quadrupole", "e Å²")):
        value, found = told["metrics"][f"{name}_rmse"]
        assert found == unit and 0.0 < value < 0.5
        assert told["metrics"][f"{name}_rmse_of_mean"][0] == pytest.approx(0.0, abs=1e-12)
        assert f"{name}_std" in told["metrics"]


def test_it_has_a_curve_and_a_parity_panel(told):
    assert "spin\nRMSE (μ_B)" in told["curves"] and "quadrupole\nRMSE (e Å²)" in told["curves"]
    assert {"spin, DFT (μ_B)", "quadrupole, DFT (e Å²)"} <= set(told["panels"])


def test_data_know_it(told):
    assert {"spin", "quadrupole"} <= set(told["mapped"])
    assert any("spin [μ_B] in 12" in line for line in told["summary"])
