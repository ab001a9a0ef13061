"""Interleaved CPU times and the interval of their median ratio."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from scipy.stats import binom

LEVEL = 0.95  # of the intervals

Step = Callable[[], None]


@dataclass(frozen=True)
class Ratio:
    """CPU time of a step relative to the first one of its table.

    Attributes:
        name: of the contender.
        seconds: median CPU seconds of a step.
        median: of the ratios of the rounds.
        low, high: 95 % interval of that median.
    """

    name: str
    seconds: float
    median: float
    low: float
    high: float


def measure(steps: dict[str, Step], *, rounds: int, title: str = "rounds") -> list[Ratio]:
    """Time every step in interleaved rounds, relative to the first.

    Args:
        steps: by name; the first is the reference.
        rounds: after one round of warming up.
        title: of the progress bar.
    """
    seconds = np.empty((rounds, len(steps)))
    for step in steps.values():
        step()
    for row in track(seconds, description=title, transient=True):
        for column, step in enumerate(steps.values()):
            start = time.process_time()
            step()
            row[column] = time.process_time() - start
    ratios = seconds / seconds[:, :1]
    return [
        Ratio(name, float(np.median(seconds[:, i])), *median_interval(ratios[:, i]))
        for i, name in enumerate(steps)
    ]


def median_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Median and its interval from the order statistics, whatever the distribution (binomial).

    Six values are the fewest whose extremes cover the median with 95 %.
    """
    ordered, n = np.sort(values), len(values)
    outside = int(binom.ppf((1 - LEVEL) / 2, n, 0.5))  # order statistics left out at each end
    low, high = max(outside - 1, 0), min(n - outside, n - 1)
    return float(np.median(values)), float(ordered[low]), float(ordered[high])
