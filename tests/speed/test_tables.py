"""Tables of given numbers, and what is measured for them."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console
from rich.table import Table

from bench.config.schema import Solver
from bench.speed import tables
from bench.speed.options import Speed
from bench.speed.solvers import SolverCost
from bench.speed.timing import Ratio
from bench.speed.workload import Workload

WORK = SimpleNamespace(batch=SimpleNamespace(num_atoms=torch.tensor([24, 24, 24, 24])))
OPTIONS = Speed(rounds=15, dtype="float32", threads=2, models=["les", "scf_qeq"])


def printed(table: Table) -> list[str]:
    console = Console(file=io.StringIO(), width=150)
    console.print(table)
    return [line.strip() for line in console.file.getvalue().splitlines()]


def row(table: Table, name: str) -> list[str]:
    """The cells of the row that starts with a name."""
    (line,) = [line for line in printed(table) if name in line]
    return [cell.strip() for cell in line.strip("│").split("│")]


@pytest.mark.parametrize(
    ("part", "first", "others"),
    [
        ("training", "mace-torch ScaleShiftMACE", ["les", "scf_qeq"]),
        ("inference", "mace-torch ScaleShiftMACE", ["les", "scf_qeq"]),
        (
            "polar",
            "mace-torch ScaleShiftMACE",
            ["mace-torch PolarMACE, 2 updates", "scf_fixed_point"],
        ),
    ],
)
def test_times_are_relative_to_maces_own_model(
    part: str, first: str, others: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def measure(steps, *, rounds, title):
        measured.append((list(steps), rounds))
        return [Ratio(name, 0.5, 1.0, 0.9, 1.1) for name in steps]

    monkeypatch.setattr(tables, "measure", measure)
    for kind in ("mace_training", "mace_inference", "polar_mace_training"):
        monkeypatch.setattr(tables, kind, lambda work: None)
    for kind in ("point_training", "point_inference"):
        monkeypatch.setattr(tables, kind, lambda work, name: name)
    (found,) = tables.TABLES[part](WORK, OPTIONS)
    assert measured == [([first, *others], 15)]
    assert found.table.row_count == 1 + len(others)
    assert [row["name"] for row in found.rows] == [first, *others]


def test_a_table_of_ratios_states_what_was_measured() -> None:
    table = tables._ratio_table("Step", [Ratio("les", 1.23449, 1.0456, 0.9, 1.25)], WORK, OPTIONS)
    assert row(table, "les") == ["les", "1.234", "1.046", "0.900 to 1.250"]
    text = " ".join(printed(table))
    assert "Step: 4 slabs of 24 atoms, float32, 2 thread(s)" in text
    assert "medians of 15 interleaved rounds of CPU time" in text
    assert "CPU time [s]" in text and "95 % interval" in text


def test_a_table_of_solvers_states_units_and_errors() -> None:
    time = Ratio("mixing", 0.0786, 3.21, 3.04, 3.46)
    cost = SolverCost(time, 61, 12.4, density_error=3.4e-9, gradient_error=0.0567)
    table = tables._solver_table("linear update", [cost], WORK)
    cells = ["mixing", "79", "3.2", "3.0 to 3.5", "61", "12", "3e-09", "5.7 %"]
    assert row(table, "mixing") == cells
    text = "\n".join(printed(table))
    for header in ("CPU [ms]", "kept [MiB]", "error [e]", "float64", "4 slabs of 24 atoms"):
        assert header in text


def test_a_solver_that_fails_is_no_number() -> None:
    counts = {Solver.newton: 5, Solver.anderson: -1}
    contest = SimpleNamespace(iterations=counts.__getitem__, mixing_steps=lambda: 77)
    table = tables._iteration_table(contest)
    assert row(table, "newton") == ["newton", "5"]
    assert row(table, "anderson") == ["anderson", "not converged"]
    assert row(table, "mixing 0.2") == ["mixing 0.2", "77"]


def test_iterations_are_counted_where_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "Contest", lambda work, update: update)
    time = Ratio("mixing", 0.1, 3.0, 2.9, 3.1)
    cost = SolverCost(time, 61, 12.4, density_error=3.4e-9, gradient_error=0.0567)
    monkeypatch.setattr(tables, "compare_solvers", lambda contest, rounds: [cost])
    monkeypatch.setattr(tables, "_iteration_table", lambda contest: Table(title=contest.value))
    found = tables._solvers(WORK, OPTIONS)
    assert [[row["name"] for row in one.rows] for one in found] == [
        ["linear: mixing"],
        ["mlp: mixing"],
        [],
    ]
    titles = [one.table.title for one in found]
    assert [title.split(":")[0] for title in titles] == [
        "Maps, solve and backward alone, linear update",
        "Maps, solve and backward alone, mlp update",
        "mlp",
    ]


def test_memory_is_relative_to_maces() -> None:
    table = tables._memory_table({"mace": 200.0, "les": 90.4}, WORK, OPTIONS)
    assert row(table, "les") == ["les", "90", "0.452"]
    text = " ".join(printed(table))
    assert "Peak memory of a training step: 4 slabs of 24 atoms" in text and "[MiB]" in text


def test_shares_are_of_the_points_own_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no density has nothing behind the backbone."""

    def measure(steps, *, rounds, title):
        assert list(steps) == [title, f"{title} behind the backbone"]
        return [Ratio(name, 0.1, k, k, k) for name, k in zip(steps, (1.0, 0.25))]

    behind = {"les": lambda: None, "short_range": None}
    monkeypatch.setattr(tables, "measure", measure)
    monkeypatch.setattr(tables, "point_training", lambda work, name: name)
    monkeypatch.setattr(tables, "point_training_behind", lambda work, name: behind[name])
    options = Speed(models=["short_range", "les"])
    (found,) = tables._share(WORK, options)
    assert row(found.table, "les")[:3] == ["les", "0.100", "0.250"]
    assert found.table.row_count == 1


def test_matrices_are_compared_where_there_are_any(
    work: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        tables, "measure", lambda steps, **rest: [Ratio(n, 0.1, 1.0, 1.0, 1.0) for n in steps]
    )
    (found,) = tables._matrices(work, Speed(models=["les", "scf_qeq"]))
    names = [row["name"] for row in found.rows]
    assert names == ["short_range", "scf_qeq, matrices", "scf_qeq, matrix-free"]
