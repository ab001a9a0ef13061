"""The statistics of the timings, on numbers whose answer is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bench.speed.timing import measure, median_interval


@pytest.mark.parametrize("rounds", [6, 15, 31])
def test_interval_covers_the_median_as_often_as_it_says(rounds: int) -> None:
    random = np.random.default_rng(0)
    covered = 0
    for values in random.exponential(size=(4000, rounds)):
        _, low, high = median_interval(values)
        covered += low <= np.log(2) <= high
    assert 0.94 <= covered / 4000 <= 0.995


def test_interval_of_six_values_is_their_range() -> None:
    values = np.array([3.0, 1.0, 2.0, 6.0, 5.0, 4.0])
    assert median_interval(values) == (3.5, 1.0, 6.0)


def test_ratios_are_relative_to_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("bench.speed.timing.time.process_time", lambda: clock[0])

    def step(seconds: float) -> Callable[[], None]:
        return lambda: clock.__setitem__(0, clock[0] + seconds)

    one, three = measure({"one": step(0.004), "three": step(0.012)}, rounds=7)
    assert (one.name, one.median, one.low, one.high) == ("one", 1.0, 1.0, 1.0)
    assert three.seconds == pytest.approx(0.012)
    assert [three.median, three.low, three.high] == pytest.approx([3.0] * 3)
