"""Checkpoints: all that a resumed run needs to end with the same bits, and the best weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from bench.errors import BenchError
from bench.models.base import Point
from bench.storage import write_tensors
from bench.train.clipping import NormMean
from bench.train.log import Row
from bench.train.schedule import LearningRate
from bench.train.sums import ErrorSums, ScfSums


@dataclass
class Position:
    """Where a run is, in plain numbers.

    Attributes:
        step: steps of the optimiser made.
        batch: batches taken from the present pass over the training set.
        norms: of the gradients so far.
        errors: running training errors since the last validation.
        scf: health of the training solves since then.
        recent_seconds: time spent since then.
        seconds: time spent before.
        first_loss: of the stage's first step, the measure of divergence; None before it.
        best_loss: lowest validation loss of the stage.
        best_step: steps made when it was found; the stage's start before.
        waited: validations since then.
        stopped: why the run ended; empty while it goes on.
        rows: of the log.
    """

    step: int = 0
    batch: int = 0
    norms: NormMean = field(default_factory=NormMean)
    errors: ErrorSums = field(default_factory=ErrorSums)
    scf: ScfSums = field(default_factory=ScfSums)
    recent_seconds: float = 0.0
    seconds: float = 0.0
    first_loss: float | None = None
    best_loss: float = math.inf
    best_step: int = 0
    waited: int = 0
    stopped: str = ""
    rows: list[Row] = field(default_factory=list)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Position:
        """The inverse of ``dataclasses.asdict``."""
        kinds = {"norms": NormMean, "errors": ErrorSums, "scf": ScfSums}
        return cls(**{**values, **{name: kind(**values[name]) for name, kind in kinds.items()}})

    def start_stage(self) -> None:
        """The losses of another stage are no measure of this one."""
        self.first_loss, self.best_loss, self.best_step, self.waited = None, math.inf, self.step, 0

    def finish_step(self) -> None:
        """One step and one batch more."""
        self.step += 1
        self.batch += 1

    def observe(self, valid_loss: float) -> bool:
        """Take note of a validation; whether its loss is the lowest of the stage."""
        if valid_loss < self.best_loss:
            self.best_loss, self.best_step, self.waited = valid_loss, self.step, 0
            return True
        self.waited += 1
        return False

    def finish_validation(self, row: Row) -> None:
        """Begin what the next validation's row sums."""
        self.rows.append(row)
        self.seconds += self.recent_seconds
        self.recent_seconds = 0.0
        self.errors, self.scf = ErrorSums(), ScfSums()


@dataclass
class TrainingState:
    """Everything that changes while a run trains.

    Attributes:
        model: being trained.
        average: moving average of its weights.
        optimizer: over the model's weights.
        rate: learning-rate schedule.
        generator: shuffles the training set.
        position: where the run is.
        order: the generator's state at the start of the present pass over the training set.
    """

    model: Point
    average: AveragedModel
    optimizer: torch.optim.Optimizer
    rate: LearningRate
    generator: torch.Generator
    position: Position
    order: Tensor

    def save(self, path: Path) -> None:
        """Write what ``load`` goes on from."""
        parts = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rate": self.rate.state_dict(),
            "position": asdict(self.position),
            "order": self.order,
            "random": torch.get_rng_state(),
            "cuda_random": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        write_tensors(path, parts)

    def load(self, path: Path) -> None:
        """Continue from ``path``; the random generators are set, too.

        Raises:
            BenchError: the file does not belong to this model.
        """
        parts = read_checkpoint(path)
        load_weights(self.model, parts["model"], path)
        self.average.load_state_dict(parts["average"])
        self.optimizer.load_state_dict(parts["optimizer"])
        self.rate.load_state_dict(parts["rate"])
        self.position = Position.from_dict(parts["position"])
        self.order = parts["order"]
        self.generator.set_state(self.order)
        torch.set_rng_state(parts["random"])
        if parts["cuda_random"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(parts["cuda_random"])

    def save_best(self, path: Path) -> None:
        """Write the averaged weights, which ``load_best`` reads."""
        parts = {
            "model": self.average.module.state_dict(),
            "step": self.position.best_step,
            "valid_loss": self.position.best_loss,
        }
        write_tensors(path, parts)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The tensors and plain values of a checkpoint; nothing in the file is executed.

    Raises:
        BenchError: a missing or damaged file.
    """
    if not path.is_file():
        raise BenchError(f"{path} does not exist: the run has not got that far.")
    try:
        parts: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise BenchError(
            f"{path} cannot be read: {error}", f"Remove it to start again: rm {path}"
        ) from error
    return parts


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Load ``weights`` into ``model``.

    Raises:
        BenchError: they belong to another model.
    """
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise BenchError(f"{path} belongs to another model: {error}") from error


def load_best(model: nn.Module, path: Path) -> int:
    """Give ``model`` the averaged weights of the best validation; returns its step.

    Args:
        model: built with the configuration of the run.
        path: as ``TrainingState.save_best`` wrote it.

    Raises:
        BenchError: a missing or damaged file, or one of another model.
    """
    parts = read_checkpoint(path)
    load_weights(model, parts["model"], path)
    return int(parts["step"])
