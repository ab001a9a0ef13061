"""What a user reads while a run trains; lines and their number are tested beside the log."""

import io
import math

import pytest
from rich.console import Console

from bench.train import progress
from bench.train.progress import TrainingProgress, describe, duration

ACTING = ("energy", "forces", "total_charge", "dipole")
ROW = {"epoch": 1, "mode": "direct", "train_loss": 0.5, "valid_loss": 0.25}


def plain(width=200):
    return Console(file=io.StringIO(), width=width)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, "direct loss 0.5, valid 0.25"),
        ({"mode": ""}, "loss 0.5, valid 0.25"),
        ({"train_loss": math.nan}, "direct loss nan, valid 0.25"),
        ({"valid_energy_rmse": math.nan}, "direct loss 0.5, valid 0.25 | energy nan meV/atom"),
        ({"valid_energy_rmse": 0.25}, "direct loss 0.5, valid 0.25 | energy 0.25 meV/atom"),
        ({"valid_total_charge_rmse": 0.99e-6}, "direct loss 0.5, valid 0.25"),
        ({"valid_total_charge_rmse": 2e-6}, "direct loss 0.5, valid 0.25 | total charge 2e-06 e"),
        ({"valid_fermi_level_rmse": 1.0}, "direct loss 0.5, valid 0.25"),
        (
            {"scf_iterations": 12.34, "scf_unconverged": 0},
            "direct loss 0.5, valid 0.25 | SCF 12.3 iterations",
        ),
        (
            {"valid_dipole_rmse": 0.1234, "scf_iterations": 0.0, "scf_unconverged": 3},
            "direct loss 0.5, valid 0.25 | dipole 0.123 e Å, SCF 0.0 iterations, 3 unconverged",
        ),
    ],
)
def test_a_line_shows_what_there_is_and_hides_no_nan(more, text):
    assert describe({**ROW, **more}, ACTING) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.6, "1:00"), (3599.4, "59:59"), (3599.6, "1:00:00"), (360000, "100:00:00")],
)
def test_durations_carry(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("done", "steps", "expected"), [(0, 10, 270.0), (30, 10, 180.0), (90, 10, 0.0), (0, 0, 3000.0)]
)
def test_time_left_follows_from_the_mean_step(monkeypatch, done, steps, expected):
    """30 s for the steps of this session; before the first one, one step is assumed."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = TrainingProgress(plain(), steps=100, losses=ACTING, done=done)
    now[0] = 30.0
    for _ in range(steps):
        shown.step()
    assert shown.seconds_left() == pytest.approx(expected)


def test_a_resumed_run_counts_on():
    console = plain()
    with TrainingProgress(console, steps=3, losses=ACTING, done=2) as shown:
        shown.step()
        shown.validation(ROW)
    (line,) = console.file.getvalue().splitlines()
    assert line == "step 3/3 direct loss 0.5, valid 0.25 | left 0:00"


def test_a_long_line_is_not_broken_and_brackets_are_kept():
    console = plain(width=40)
    with TrainingProgress(console, steps=1, losses=ACTING) as shown:
        shown.step()
        shown.validation({**ROW, "mode": "[bold]staged", "valid_forces_rmse": 120.4})
    (line,) = console.file.getvalue().splitlines()
    assert "[bold]staged loss" in line and "forces 120 meV/Å" in line


def test_lines_come_after_the_interval(monkeypatch):
    now, console = [0.0], plain()
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with TrainingProgress(console, steps=1000, losses=ACTING) as shown:
        for _ in range(7):
            now[0] += 12.0
            shown.step()
            shown.validation(ROW)
    told = [line.split("/")[0] for line in console.file.getvalue().splitlines()]
    assert told == ["step 3", "step 6"]


def test_the_bar_goes_with_an_error():
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    shown = TrainingProgress(console, steps=8, losses=ACTING)
    with pytest.raises(ValueError, match="spoilt"), shown:
        shown.step()
        raise ValueError("spoilt")
    text = console.file.getvalue()
    assert text.rstrip().endswith("\x1b[?25h"), "the cursor is back"
