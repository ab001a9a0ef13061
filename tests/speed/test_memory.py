"""Peak memory of steps whose allocations are known."""

from __future__ import annotations

import pytest
import torch

from bench.speed.memory import peak_memory
from bench.speed.steps import mace_training, point_training
from bench.speed.workload import Workload

MIB = 2**18  # float32 numbers


def one_after_the_other() -> None:
    first = torch.ones(MIB)
    second = first + 1
    del first
    assert len(second * 2) == MIB


def all_at_once() -> None:
    first, second = torch.ones(MIB), torch.ones(MIB)
    assert len(first + second) == MIB


def in_turn() -> None:
    for _ in range(5):
        torch.ones(3 * MIB)


def kept_for_the_gradient() -> None:
    leaf = torch.ones(MIB, requires_grad=True)
    value = leaf.exp().exp()  # each is kept for its own derivative
    assert value.sum().requires_grad


@pytest.mark.parametrize(
    ("step", "expected"),
    [(one_after_the_other, 2), (all_at_once, 3), (in_turn, 3), (kept_for_the_gradient, 3)],
)
def test_what_is_alive_together_counts(step, expected) -> None:
    assert peak_memory(step) == pytest.approx(expected, rel=1e-3)


def test_what_was_there_before_does_not_count() -> None:
    before = torch.ones(8 * MIB)
    assert peak_memory(lambda: before.add_(1.0)) < 0.01


def test_nothing_is_told_on_the_error_stream(capfd) -> None:
    peak_memory(all_at_once)
    assert capfd.readouterr().err == ""


def test_ours_takes_less_than_maces_and_the_same_each_time(work: Workload) -> None:
    mace, ours = mace_training(work), point_training(work, "short_range")
    first = peak_memory(ours)
    assert peak_memory(ours) == pytest.approx(first, rel=0.01)
    assert 0.0 < first < peak_memory(mace)
