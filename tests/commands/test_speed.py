"""``bench speed``: options, and what is measured for them."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from rich.table import Table

from bench.commands import speed as command
from bench.config.catalogue import choices
from bench.errors import BenchError
from bench.speed import accuracy, tables
from bench.speed.files import read
from bench.speed.marks import Mark, read_marks, seconds_to
from bench.speed.options import ACCURACY, FIRST_POINTS, PARTS, VARIANTS, Speed

WORK = SimpleNamespace()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What is asked for: the workloads, and the parts measured on them."""
    calls: list[tuple] = []

    def workload(atoms: int, dtype: torch.dtype) -> SimpleNamespace:
        calls.append(("workload", atoms, dtype))
        return WORK

    def part(name: str):
        rows = [{"name": "les", "ratio": 0.123456}]
        measured = [tables.Measured(Table(title=name), rows)]
        return lambda work, options: calls.append((name, options)) or measured

    monkeypatch.setattr(tables, "workload", workload)
    monkeypatch.setattr(tables, "TABLES", {name: part(name) for name in PARTS})
    return calls


def test_defaults(asked: list[tuple]) -> None:
    assert command.main([]) == 0
    assert asked == [("workload", 54, torch.float32), ("training", Speed())]
    assert Speed().models == FIRST_POINTS


def test_all_models_are_every_point_and_variant_once_short_range_first(asked) -> None:
    command.main(["models=all"])
    models = asked[1][1].points()
    assert models[0] == "short_range"
    assert sorted(models) == sorted([*choices("model"), *VARIANTS])


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


def test_every_part_has_a_file_a_row_for_each_size(asked: list[tuple], tmp_path) -> None:
    words = ["part=memory,solvers", "atoms=24,54", f"out={tmp_path}/speed"]
    assert command.main(words) == 0 and command.main(words) == 0
    assert {path.name for path in (tmp_path / "speed").iterdir()} == {"memory.csv", "solvers.csv"}
    found = read(tmp_path / "speed" / "memory.csv", "memory")
    assert found[["name", "atoms", "dtype", "ratio"]].to_numpy().tolist() == [
        ["les", 24, "float32", 0.1235],
        ["les", 54, "float32", 0.1235],
    ]
    assert {*read(tmp_path / "speed" / "solvers.csv", "solvers")["dtype"]} == {"float64"}


def test_a_file_in_the_way_is_told_before_anything_is_measured(asked, tmp_path) -> None:
    (tmp_path / "memory.csv").write_text("model,ratio\nles,0.4\n")
    with pytest.raises(BenchError, match=r"memory\.csv is not a table that bench speed part=mem"):
        command.main(["part=training,memory", f"out={tmp_path}"])
    assert asked == []


def marks(program: str, *pairs: tuple[float, float]) -> list[Mark]:
    return [Mark(program, 25 * k, seconds, f, 1.0) for k, (seconds, f) in enumerate(pairs, 1)]


def test_time_to_accuracy_is_told_and_written(monkeypatch, tmp_path, capsys) -> None:
    made = marks("mace_run_train", (10.0, 200.0), (20.0, 100.0), (30.0, 80.0))
    made += marks("bench run", (4.0, 190.0), (8.0, 70.0), (12.0, 90.0), (16.0, 60.0))
    monkeypatch.setattr(accuracy, "time_to_accuracy", lambda epochs: made if epochs == 3 else [])
    assert command.main([f"part={ACCURACY}", "epochs=3", f"out={tmp_path}/speed"]) == 0
    text = capsys.readouterr().out
    for part in ("CPU time to 80", "mace_run_train", "30", "16"):
        assert part in text
    names = {path.name for path in (tmp_path / "speed").iterdir()}
    assert names == {f"time_to_accuracy.{suffix}" for suffix in ("csv", "pdf", "png")}
    heading, first, *_ = (tmp_path / "speed/time_to_accuracy.csv").read_text().splitlines()
    assert heading.startswith("program,step,CPU time [s],forces RMSE [meV/Å]")
    assert first == "mace_run_train,25,10.0,200.0,1.0"
    assert read_marks(tmp_path / "speed/time_to_accuracy.csv") == made


def test_without_a_folder_nothing_is_written(monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(accuracy, "time_to_accuracy", lambda epochs: marks("bench run", (1.0, 2.0)))
    assert command.main([f"part={ACCURACY}"]) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("forces", "seconds"), [(200.0, 4.0), (80.0, 16.0), (60.0, 16.0), (65.0, 16.0), (50.0, None)]
)
def test_an_error_is_reached_where_it_is_kept(forces: float, seconds: float | None) -> None:
    made = marks("bench run", (4.0, 190.0), (8.0, 70.0), (12.0, 90.0), (16.0, 60.0))
    found = seconds_to(made, "bench run", forces)
    assert math.isnan(found) if seconds is None else found == seconds


def test_a_size_without_whole_molecules_is_refused() -> None:
    with pytest.raises(BenchError, match="atoms=25"):
        command.main(["atoms=25"])
