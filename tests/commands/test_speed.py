"""``bench speed``: options, what is measured for them, and tables of given numbers."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console
from rich.table import Table

from bench.commands import speed as command
from bench.config.schema import Solver
from bench.errors import BenchError
from bench.models.registry import point_names
from bench.speed.solvers import SolverCost
from bench.speed.steps import VARIANTS
from bench.speed.timing import Ratio

WORK = SimpleNamespace(batch=SimpleNamespace(num_atoms=torch.tensor([24, 24, 24, 24])))
OPTIONS = SimpleNamespace(rounds=15, dtype="float32", threads=2, models=["les", "scf_qeq"])


def printed(table: Table) -> list[str]:
    console = Console(file=io.StringIO(), width=150)
    console.print(table)
    return [line.strip() for line in console.file.getvalue().splitlines()]


def row(table: Table, name: str) -> list[str]:
    """The cells of the row that starts with a name."""
    (line,) = [line for line in printed(table) if name in line]
    return [cell.strip() for cell in line.strip("│").split("│")]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What is asked for: the workloads, and the parts measured on them."""
    calls: list[tuple] = []

    def workload(atoms: int, dtype: torch.dtype) -> SimpleNamespace:
        calls.append(("workload", atoms, dtype))
        return WORK

    def part(name: str):
        return lambda work, options: calls.append((name, options)) or [Table(title=name)]

    monkeypatch.setattr(command, "workload", workload)
    monkeypatch.setattr(command, "TABLES", {name: part(name) for name in command.PARTS})
    return calls


def test_defaults(asked: list[tuple]) -> None:
    assert command.main([]) == 0
    assert asked == [("workload", 54, torch.float32), ("training", command.Speed())]
    assert command.Speed().models == command.FIRST_POINTS


def test_all_models_are_every_point_and_variant_once_short_range_first(asked) -> None:
    command.main(["models=all"])
    models = asked[1][1].models
    assert models[0] == "short_range"
    assert sorted(models) == sorted([*point_names(), *VARIANTS])


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("rounds=5", "rounds=5 must be 6 or more"),
        ("rounds=many", "Value 'many'"),
        ("models=scf_qek", "models=scf_qek is not known.\nDid you mean 'scf_qeq'?"),
        ("part=sovlers", "Did you mean 'solvers'?"),
        ("dtype=float16", "dtype=float16 is not known"),
        ("atoms=5.5", "Value '5.5'"),
        ("--atoms=54", "options are written key=value.\nDid you mean 'atoms'?"),
    ],
)
def test_mistakes_measure_nothing(word: str, said: str, asked: list[tuple]) -> None:
    with pytest.raises(BenchError) as refusal:
        command.main([word])
    assert said in str(refusal.value) and asked == []


def test_six_rounds_are_enough(asked: list[tuple]) -> None:
    command.main(["rounds=6"])
    assert asked[1][1].rounds == 6


def test_every_part_is_measured_at_every_size(asked: list[tuple]) -> None:
    threads = torch.get_num_threads()
    argv = ["atoms=24,54", "part=polar,training", "rounds=7"]
    try:
        assert command.main([*argv, "dtype=float64"]) == 0
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
    sizes = [("workload", n, torch.float64) for n in (24, 54)]
    assert [asked[0], asked[3]] == sizes
    assert [part for part, _ in (*asked[1:3], *asked[4:])] == ["polar", "training"] * 2
    assert {options.rounds for _, options in (*asked[1:3], *asked[4:])} == {7}


def test_a_size_without_whole_molecules_is_refused() -> None:
    with pytest.raises(BenchError, match="atoms=25"):
        command.main(["atoms=25"])


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

    monkeypatch.setattr(command, "measure", measure)
    for kind in ("mace_training", "mace_inference", "polar_mace_training"):
        monkeypatch.setattr(command, kind, lambda work: None)
    for kind in ("point_training", "point_inference"):
        monkeypatch.setattr(command, kind, lambda work, name: name)
    (table,) = command.TABLES[part](WORK, OPTIONS)
    assert measured == [([first, *others], 15)]
    assert table.row_count == 1 + len(others)


def test_a_table_of_ratios_states_what_was_measured() -> None:
    table = command._ratio_table("Step", [Ratio("les", 1.23449, 1.0456, 0.9, 1.25)], WORK, OPTIONS)
    assert row(table, "les") == ["les", "1.234", "1.046", "0.900 to 1.250"]
    text = " ".join(printed(table))
    assert "Step: 4 slabs of 24 atoms, float32, 2 thread(s)" in text
    assert "medians of 15 interleaved rounds of CPU time" in text
    assert "CPU time [s]" in text and "95 % interval" in text


def test_a_table_of_solvers_states_units_and_errors() -> None:
    time = Ratio("mixing", 0.0786, 3.21, 3.04, 3.46)
    cost = SolverCost(time, 61, 12.4, density_error=3.4e-9, gradient_error=0.0567)
    table = command._solver_table("linear update", [cost], WORK)
    cells = ["mixing", "79", "3.2", "3.0 to 3.5", "61", "12", "3e-09", "5.7 %"]
    assert row(table, "mixing") == cells
    text = "\n".join(printed(table))
    for header in ("CPU [ms]", "kept [MiB]", "error [e]", "float64", "4 slabs of 24 atoms"):
        assert header in text


def test_a_solver_that_fails_is_no_number() -> None:
    counts = {Solver.newton: 5, Solver.anderson: -1}
    contest = SimpleNamespace(iterations=counts.__getitem__, mixing_steps=lambda: 77)
    table = command._iteration_table(contest)
    assert row(table, "newton") == ["newton", "5"]
    assert row(table, "anderson") == ["anderson", "not converged"]
    assert row(table, "mixing 0.2") == ["mixing 0.2", "77"]


def test_iterations_are_counted_where_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "Contest", lambda work, update: update)
    monkeypatch.setattr(command, "compare_solvers", lambda contest, rounds: [])
    monkeypatch.setattr(command, "_iteration_table", lambda contest: Table(title=contest.value))
    titles = [table.title for table in command._solvers(WORK, OPTIONS)]
    assert [title.split(":")[0] for title in titles] == [
        "Maps, solve and backward alone, linear update",
        "Maps, solve and backward alone, mlp update",
        "mlp",
    ]
