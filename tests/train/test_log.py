"""The training log's columns and the lines of the console."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bench.errors import BenchError
from bench.storage import write_csv
from bench.train import progress
from bench.train.log import COLUMNS, Row, heading, lines, read_log
from bench.train.progress import TrainingProgress, describe, duration

ACTING = ("energy", "forces", "charges", "total_charge", "dipole")
ROW: Row = {
    "step": 39,
    "epoch": 3.0,
    "mode": "implicit",
    "train_loss": 1.25,
    "valid_loss": float("nan"),
    "valid_energy_rmse": 5.1234,
    "valid_forces_rmse": 120.4,
    "valid_charges_rmse": 0.0123,
    "valid_total_charge_rmse": 1e-16,
    "valid_dipole_rmse": None,
    "scf_iterations": 1.0,
    "scf_unconverged": 2,
    "learning_rate": 0.01,
    "seconds": 1.5,
}


def test_headings_have_units() -> None:
    assert heading("valid_forces_rmse") == "valid_forces_rmse [meV/Å]"
    assert heading("valid_energy_rmse") == "valid_energy_rmse [meV/atom]"
    assert heading("valid_dipole_rmse") == "valid_dipole_rmse [e Å]"
    assert heading("step") == "step"


def test_csv_has_one_row_per_validation_and_empty_cells_for_what_is_not_predicted() -> None:
    header, row = lines([ROW])
    assert header == [heading(column) for column in COLUMNS]
    cells = dict(zip(COLUMNS, row, strict=True))
    assert (cells["step"], cells["epoch"], cells["mode"]) == ("39", "3", "implicit")
    assert cells["valid_loss"] == "nan"
    assert (cells["valid_dipole_rmse"], cells["valid_fermi_level_rmse"]) == ("", "")
    assert float(cells["valid_forces_rmse"]) == 120.4


def test_a_log_comes_back_with_units_and_holes(tmp_path: Path) -> None:
    made = [{**ROW, "step": 13 * k, "train_loss": 1 / k} for k in (1, 2, 3)]
    log = read_log(write_csv(tmp_path / "log.csv", lines(made)))
    assert log.counted == "step" and log.position.tolist() == [13, 26, 39]
    assert log.mode == ["implicit"] * 3
    assert log.columns["train_loss"] == pytest.approx([1, 1 / 2, 1 / 3], rel=1e-7)
    assert np.isnan(log.columns["valid_dipole_rmse"]).all()
    assert log.units == COLUMNS


def test_a_log_of_other_columns_and_units_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("epoch,mode,valid_energy_rmse [eV],seen\n1,,0.5,7\n", encoding="utf-8")
    log = read_log(path)
    assert (log.mode, log.units["valid_energy_rmse"], log.units["seen"]) == ([""], "eV", "")
    assert log.columns["seen"].tolist() == [7.0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "does not exist"),
        ("", "has no row"),
        ("epoch,mode,train_loss\n", "has no row"),
        ("epoch,mode,train loss\n1,direct,0.5\n", "'train loss' is no heading"),
        ("epoch,mode\n1,direct\n2\n", "is no training log"),
        ("epoch,train_loss\n1,0.5\n", "is no training log: 'mode'"),
        ("mode,train_loss\ndirect,0.5\n", "is no training log: 'epoch'"),
        ("epoch,mode,train_loss\n1,direct,half\n", "is no training log: .*half"),
    ],
)
def test_what_is_no_log_is_told(tmp_path: Path, text: str | None, problem: str) -> None:
    path = tmp_path / "log.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BenchError, match=rf"log\.csv.*{problem}"):
        read_log(path)


def test_description_names_units_and_unconverged_structures() -> None:
    text = describe(ROW, ACTING)
    for part in (
        "5.12 meV/atom",
        "120 meV/Å",
        "charges 0.0123 e",
        "1.0 iterations",
        "2 unconverged",
    ):
        assert part in text
    assert "total charge" not in text  # conserved exactly: nothing to look at
    assert text.startswith("implicit loss 1.25")
    assert describe({**ROW, "mode": None}, ACTING).startswith("loss 1.25")


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (65.0, "1:05"), (3723.0, "1:02:03")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def printed(rows: int, *, terminal: bool = False) -> list[str]:
    console = Console(file=io.StringIO(), width=200, force_terminal=terminal)
    with TrainingProgress(console, steps=2 * rows, losses=ACTING) as shown:
        for _ in range(rows):
            shown.step()
            shown.step()
            shown.validation(ROW)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("rows", "count"), [(1, 1), (4, 4), (30, 10), (100, 10), (105, 10)])
def test_about_ten_plain_lines(rows: int, count: int) -> None:
    made = printed(rows)
    assert len(made) == count
    assert made[-1].startswith(f"step {2 * rows}/{2 * rows} implicit loss")
    assert made[-1].endswith("left 0:00")


def test_slow_validations_are_all_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_INTERVAL", 0.0)
    assert len(printed(37)) == 37


def test_a_terminal_gets_a_bar() -> None:
    text = "\n".join(printed(3, terminal=True))
    assert "6/6" in text and "━" in text and "120 meV/Å" in text


def test_time_left_counts_the_steps_of_this_session_only() -> None:
    shown = TrainingProgress(Console(file=io.StringIO()), steps=100, losses=(), done=50)
    for _ in range(25):
        shown.step()
    shown._start -= 50.0  # 25 steps in 50 s: 25 steps more
    assert shown.seconds_left() == pytest.approx(50.0, abs=0.5)
