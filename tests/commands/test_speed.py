"""``bench speed``: options, and what is measured for them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from rich.table import Table

from bench.commands import speed as command
from bench.config.catalogue import choices
from bench.errors import BenchError
from bench.speed import tables
from bench.speed.options import FIRST_POINTS, PARTS, VARIANTS, Speed

WORK = SimpleNamespace()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What is asked for: the workloads, and the parts measured on them."""
    calls: list[tuple] = []

    def workload(atoms: int, dtype: torch.dtype) -> SimpleNamespace:
        calls.append(("workload", atoms, dtype))
        return WORK

    def part(name: str):
        return lambda work, options: calls.append((name, options)) or [Table(title=name)]

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


def test_a_size_without_whole_molecules_is_refused() -> None:
    with pytest.raises(BenchError, match="atoms=25"):
        command.main(["atoms=25"])
