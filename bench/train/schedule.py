"""How many steps a run makes, when it validates, in which mode it trains, how large a step is.

All of it follows from the budget of optimiser steps, so that the time of a training does not grow
with the data set.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.config.rules import check_budget
from bench.config.schema import Mode, TrainingConfig

FLOOR = 0.01  # of the learning rate: a step of exactly zero at the end would be wasted
PLATEAU_FACTOR = 0.5
PLATEAU_PATIENCE = 3  # validations


def budget(training: TrainingConfig, batches: int) -> int:
    """Steps of the optimiser that a run makes.

    Args:
        training: its ``steps``, or else its ``epochs``.
        batches: of one pass over the training set.

    Raises:
        BenchError: both are given, or neither.
    """
    check_budget(training)
    if training.epochs is not None:
        return training.epochs * batches
    assert training.steps is not None
    return training.steps


def validation_steps(steps: int, count: int) -> list[int]:
    """After how many steps a run validates: ``count`` times, evenly, the last time at its end.

    Args:
        steps: of the run; a run of fewer steps than ``count`` validates after each.
        count: validations.
    """
    count = min(count, steps)
    return [math.ceil(k * steps / count) for k in range(1, count + 1)]


@dataclass(frozen=True)
class Stage:
    """Steps ``start`` ≤ step < ``stop`` train in ``mode``."""

    mode: Mode
    start: int
    stop: int

    def __str__(self) -> str:
        return f"steps {self.start + 1} to {self.stop} {self.mode.value}"


def make_stages(
    training: TrainingConfig, recommended: Mode, validations: Sequence[int]
) -> list[Stage]:
    """The stages of a run; they change at a validation, before the last one.

    Args:
        training: its mode and direct fraction.
        recommended: what ``Mode.auto`` means for the point.
        validations: as ``validation_steps`` gives them.
    """
    mode = recommended if training.mode is Mode.auto else training.mode
    steps, count = validations[-1], len(validations)
    if mode is not Mode.staged:
        return [Stage(mode, 0, steps)]
    direct = min(math.ceil(training.direct_fraction * count), count - 1)
    switch = validations[direct - 1] if direct else 0
    stages = [Stage(Mode.direct, 0, switch), Stage(Mode.implicit, switch, steps)]
    return [stage for stage in stages if stage.stop > stage.start]


def stage_of(stages: Sequence[Stage], step: int) -> int:
    """The index of the stage that ``step`` (from 0) belongs to."""
    return next(i for i, stage in enumerate(stages) if stage.start <= step < stage.stop)


class LearningRate:
    """Linear warm-up, then cosine, plateau or constant.

    Cosine and warm-up depend on the position alone; a plateau remembers the validation losses.

    Args:
        training: schedule, highest rate and warm-up.
        steps: of the run.

    Attributes:
        reduction: factor that the plateaus so far have made.
        best: lowest validation loss since the last reset.
        waited: validations since then.
    """

    def __init__(self, training: TrainingConfig, steps: int) -> None:
        self._training, self._steps = training, steps
        self._warm_up = training.warmup_fraction * steps
        self.reduction, self.best, self.waited = 1.0, math.inf, 0

    def at(self, step: int) -> float:
        """The learning rate of the ``step``-th step, counted from 1."""
        rising = min(1.0, step / self._warm_up) if self._warm_up else 1.0
        return self._training.learning_rate * rising * self._decay(step)

    def _decay(self, step: int) -> float:
        if self._training.schedule != "cosine":
            return self.reduction
        start, stop = self._warm_up, self._steps
        done = min(1.0, max(0.0, step - start) / max(1.0, stop - start))
        return FLOOR + (1.0 - FLOOR) * 0.5 * (1.0 + math.cos(math.pi * done))

    def observe(self, loss: float) -> None:
        """Take note of a validation loss; a plateau reduces the rate."""
        if loss < self.best:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self._training.schedule == "plateau" and self.waited > PLATEAU_PATIENCE:
            self.reduction, self.waited = max(FLOOR, self.reduction * PLATEAU_FACTOR), 0

    def reset(self) -> None:
        """Forget the losses: a new stage's start."""
        self.best, self.waited = math.inf, 0

    def state_dict(self) -> dict[str, float]:
        """Plain numbers for a checkpoint."""
        return {"reduction": self.reduction, "best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """The inverse of ``state_dict``."""
        self.reduction, self.best = state["reduction"], state["best"]
        self.waited = int(state["waited"])
