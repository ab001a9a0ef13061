"""Which epochs train in which mode, and how large a step is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.config.schema import Mode, TrainingConfig

FLOOR = 0.01  # of the learning rate: a step of exactly zero at the end would be wasted
PLATEAU_FACTOR = 0.5
PLATEAU_PATIENCE = 10  # epochs


@dataclass(frozen=True)
class Stage:
    """Epochs ``start`` ≤ epoch < ``stop`` train in ``mode``."""

    mode: Mode
    start: int
    stop: int

    def __str__(self) -> str:
        return f"epochs {self.start + 1} to {self.stop} {self.mode.value}"


def make_stages(training: TrainingConfig, recommended: Mode) -> list[Stage]:
    """The stages of a run; the implicit stage of a staged run always gets at least one epoch.

    Args:
        training: its mode, epochs and direct fraction.
        recommended: what ``Mode.auto`` means for the point.
    """
    mode = recommended if training.mode is Mode.auto else training.mode
    if mode is not Mode.staged:
        return [Stage(mode, 0, training.epochs)]
    switch = min(math.ceil(training.direct_fraction * training.epochs), training.epochs - 1)
    stages = [Stage(Mode.direct, 0, switch), Stage(Mode.implicit, switch, training.epochs)]
    return [stage for stage in stages if stage.stop > stage.start]


def stage_of(stages: Sequence[Stage], epoch: int) -> int:
    """The index of the stage that ``epoch`` (from 0) belongs to."""
    return next(i for i, stage in enumerate(stages) if stage.start <= epoch < stage.stop)


class LearningRate:
    """Linear warm-up, then cosine, plateau or constant.

    Cosine and warm-up depend on the position alone; a plateau remembers the validation losses.

    Attributes:
        reduction: factor that the plateaus so far have made.
        best: lowest validation loss since the last reset.
        waited: epochs since then.
    """

    def __init__(self, training: TrainingConfig) -> None:
        self._training = training
        self.reduction, self.best, self.waited = 1.0, math.inf, 0

    def at(self, position: float) -> float:
        """The learning rate after ``position`` epochs (fractions count the steps)."""
        training = self._training
        warm_up = min(1.0, position / training.warmup_epochs) if training.warmup_epochs else 1.0
        return training.learning_rate * warm_up * self._decay(position)

    def _decay(self, position: float) -> float:
        if self._training.schedule != "cosine":
            return self.reduction
        start, stop = self._training.warmup_epochs, self._training.epochs
        done = min(1.0, max(0.0, position - start) / max(1, stop - start))
        return FLOOR + (1.0 - FLOOR) * 0.5 * (1.0 + math.cos(math.pi * done))

    def observe(self, loss: float) -> None:
        """Take note of an epoch's validation loss; a plateau reduces the rate."""
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
