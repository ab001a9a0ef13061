"""How long a run would take here: a few steps of it are done and timed."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ase
import numpy as np
import torch
from rich.console import Console

from bench.config.schema import Mode, RunConfig
from bench.data.batch import Graph, build_graph, collate
from bench.data.dataset import Dataset
from bench.data.representative import representative
from bench.labels.keys import SPLITS
from bench.models.registry import build_model
from bench.train.files import TrainingFiles
from bench.train.loop import Trainer
from bench.train.schedule import budget

OVERHEAD = 14.0  # s: start of Python and torch, metrics, figures
BUDGET = 1.0  # s that a timed step may take


@dataclass(frozen=True)
class Estimate:
    """Time of a run on this machine.

    Attributes:
        seconds: of the whole run, at most: early stopping may end it before.
        basis: what was measured, for the reader to judge.
    """

    seconds: float
    basis: str

    def __str__(self) -> str:
        return f"{duration(self.seconds)} on this machine ({self.basis})"


@dataclass(frozen=True)
class TimedStep:
    """A training step that was timed.

    Attributes:
        mode: of the self-consistency.
        structures: in its batch.
        atoms: in its batch.
        seconds: that it took.
    """

    mode: Mode
    structures: int
    atoms: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:.2g} s for a step of {self.structures} structures, {self.mode.value}"


def estimate(config: RunConfig, dataset: Dataset) -> Estimate:
    """Train and validate on a few structures, writing nothing, and scale by atoms.

    Args:
        config: of the run.
        dataset: its structures.

    Raises:
        BenchError: what the run itself would refuse, such as a missing label.
    """
    frames = dataset.frames
    batches = math.ceil(len(frames["train"]) / config.training.batch_size)
    training = replace(config.training, steps=budget(config.training, batches), epochs=None)
    device = config.device if torch.cuda.is_available() else "cpu"
    here = replace(config, training=training, device=device)
    start = time.perf_counter()
    splits = {**frames, "valid": frames["valid"] or frames["train"]}  # a part is held out
    few = {split: representative(splits[split], config.training.batch_size) for split in SPLITS}
    sampled = replace(dataset, frames=few)
    model = build_model(here, sampled)
    nowhere, silent = TrainingFiles(Path(), Path(), Path()), Console(file=io.StringIO())
    trainer = Trainer(model, sampled, here, nowhere, silent, lambda row: None)
    graphs = [build_graph(atoms, model.graph_settings) for atoms in few["train"]]
    prepared = (time.perf_counter() - start) / sum(map(atoms_in, few.values()))
    steps = [timed_step(trainer, stage.mode, graphs, here.device) for stage in trainer.stages]
    trainer.validate()
    validation = seconds_of(trainer.validate) / atoms_in(few["valid"])

    train, valid, test = (atoms_in(frames[split]) for split in SPLITS)
    seconds = len(trainer.validations) * valid * validation
    for stage, step in zip(trainer.stages, steps):
        seconds += (stage.stop - stage.start) * train / batches * step.seconds / step.atoms
    if training.time_limit:
        seconds = min(seconds, 60.0 * training.time_limit)
    rest = OVERHEAD + prepared * (train + valid + test) + validation * test
    basis = f"measured: {'; '.join(map(str, steps))}, {here.device}"
    missing = "" if here.device == config.device else f"; there is no {config.device}"
    return Estimate(seconds + rest, basis + missing)


def atoms_in(frames: Sequence[ase.Atoms]) -> int:
    """Atoms of all structures."""
    return sum(map(len, frames))


def timed_step(trainer: Trainer, mode: Mode, graphs: Sequence[Graph], device: str) -> TimedStep:
    """A step with as many structures as the budget allows, after steps with one to warm up."""

    def timed(count: int) -> TimedStep:
        batch = collate(graphs[:count]).to(device)
        seconds = seconds_of(lambda: trainer.step(batch, mode))
        return TimedStep(mode, count, len(batch.positions), seconds)

    def fastest(count: int) -> TimedStep:
        return min((timed(count) for _ in range(2)), key=lambda step: step.seconds)

    timed(1)
    one = fastest(1)
    count = int(np.clip(BUDGET / one.seconds, 1, len(graphs)))
    return one if count == 1 else fastest(count)


def seconds_of(do: Callable[[], object]) -> float:
    """Time of a call, until the device is done."""
    start = time.perf_counter()
    do()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def duration(seconds: float) -> str:
    """Round words: ``about 12 s``, ``about 10 min``, ``about 1.5 h``."""
    if seconds < 90:
        return f"about {max(seconds, 1.0):.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
