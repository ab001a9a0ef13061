"""Time to accuracy: our training and mace-torch's own, force error on the test set by CPU time.

Same backbone, data, batch size, losses on energy and forces with the same weights, optimiser, rate
and average of the weights; one thread, each program in a process of its own.  CPU time is that of
the training steps with their batches; evaluations and checkpoints count for neither.  Nothing is
chosen by the test set: it takes the place of the validation set only to be looked at.
"""

from __future__ import annotations

import bench.mace_import  # noqa: F401  # isort: skip  before mace

import io
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ase.io
import numpy as np
import torch
from mace.tools.arg_parser import build_default_arg_parser
from rich.console import Console

from bench.config.compose import compose
from bench.config.schema import LossWeights, RunConfig
from bench.data.dataset import Dataset, load_dataset
from bench.labels.quantities import ENERGY, FORCES
from bench.models.facts import TrainingFacts
from bench.models.registry import build_model
from bench.signals import InterruptFlag
from bench.speed.marks import Mark
from bench.train.files import TrainingFiles
from bench.train.log import Row
from bench.train.loop import Trainer
from bench.train.sums import ErrorSums, ScfSums

UNCLIPPED = 1e6  # no gradient is that long, whatever the unit
MACE, OURS, COSINE = "mace_run_train", "bench run", "bench run, cosine"


def time_to_accuracy(*, epochs: int, system: str = "pt_water") -> list[Mark]:
    """Train with each program, one after the other.

    Args:
        epochs: of each; a mark after every one.
        system: whose training set teaches and whose test set is looked at.
    """
    contenders: Sequence[tuple[Callable[..., list[Mark]], str]] = (
        (_ours, "constant"),
        (_mace, "constant"),
        (_ours, "cosine"),
    )
    context = multiprocessing.get_context("spawn")  # a library's defaults reach no other's process
    marks: list[Mark] = []
    for train, schedule in contenders:
        with ProcessPoolExecutor(1, mp_context=context) as process:
            marks += process.submit(train, system, epochs, schedule).result()
    return marks


def _run(system: str, epochs: int, schedule: str) -> tuple[RunConfig, Dataset]:
    """The configuration of both, and the data with the test set in the place of validation."""
    torch.set_num_threads(1)
    config = compose(["model=short_range", f"system={system}", f"training.epochs={epochs}"])
    taught = (ENERGY.name, FORCES.name)
    weights = {item.name: float(item.name in taught) for item in fields(LossWeights)}
    training = replace(
        config.training,
        validations=epochs,
        warmup_fraction=0.0,
        schedule=schedule,
        optimizer="adam",  # with amsgrad, as theirs
        weight_decay=5e-7,
        clip_gradient=UNCLIPPED,
        loss=LossWeights(**weights),
    )
    data = load_dataset(config.system)
    shown = replace(data, frames={**data.frames, "valid": data.frames["test"]})
    return replace(config, training=training), shown


class Timed(Trainer):
    """Our training loop with the CPU time of its steps.

    Attributes:
        cpu_seconds: of the steps so far, with the making of their batches.
    """

    cpu_seconds = 0.0

    def _interval(self, *arguments: Any) -> None:
        self._begun = time.process_time()
        super()._interval(*arguments)

    def validate(self) -> tuple[ErrorSums, ScfSums]:
        """Errors on the test set, outside of the time."""
        self.cpu_seconds += time.process_time() - self._begun
        return super().validate()


def _ours(system: str, epochs: int, schedule: str) -> list[Mark]:
    config, data = _run(system, epochs, schedule)
    marks: list[Mark] = []
    program = OURS if schedule == "constant" else COSINE

    def note(row: Row) -> None:
        forces, energy = row["valid_forces_rmse"], row["valid_energy_rmse"]
        marks.append(Mark(program, int(row["step"]), trainer.cpu_seconds, forces, energy))  # type: ignore[arg-type]

    with TemporaryDirectory() as folder:
        place = Path(folder)
        files = TrainingFiles(place / "last.pt", place / "best.pt", place / "log.csv")
        console = Console(file=io.StringIO())
        trainer = Timed(build_model(config, data), data, config, files, console, note)
        trainer.run(InterruptFlag())
    return marks


def _mace(system: str, epochs: int, schedule: str) -> list[Mark]:
    """``mace_run_train`` as its users run it, with a clock around each epoch."""
    from mace.cli.run_train import run

    config, data = _run(system, epochs, schedule)
    model = build_model(config, data)
    batches = -(-len(data.frames["train"]) // config.training.batch_size)
    marks: list[Mark] = []
    spent = 0.0
    mace_train = sys.modules["mace.tools.train"]  # the package has a function of that name
    one_epoch, log_errors = mace_train.train_one_epoch, mace_train.valid_err_log

    def timed(*arguments: Any, **options: Any) -> None:
        nonlocal spent
        begun = time.process_time()
        one_epoch(*arguments, **options)
        spent += time.process_time() - begun

    def note(loss: float, errors: dict[str, Any], *rest: Any) -> None:
        if spent:  # not before the first epoch
            forces, energy = 1e3 * errors["rmse_f"], 1e3 * errors["rmse_e_per_atom"]
            marks.append(Mark(MACE, len(marks) * batches + batches, spent, forces, energy))

    with TemporaryDirectory() as folder:
        words = mace_words(config, model.facts, Path(folder))
        for split in ("train", "test"):
            ase.io.write(Path(folder) / f"{split}.extxyz", list(_plain(data.frames[split])))
        mace_train.__dict__.update(train_one_epoch=timed, valid_err_log=note)
        try:
            run(build_default_arg_parser().parse_args(words))
        finally:
            mace_train.__dict__.update(train_one_epoch=one_epoch, valid_err_log=log_errors)
    return marks[:epochs]


def mace_words(config: RunConfig, facts: TrainingFacts, folder: Path) -> list[str]:
    """The command line of ``mace_run_train`` for the same training.

    Args:
        config: of our run.
        facts: of our model: both programs' atomic energies, and the units of both losses.
        folder: with train.extxyz and test.extxyz, where it writes.
    """
    model, training = config.model, config.training
    baseline = dict(zip(facts.elements, facts.baseline.atomic_energies, strict=True))
    settings = {
        "name": "speed",
        "work_dir": folder,
        "train_file": folder / "train.extxyz",
        "valid_file": folder / "test.extxyz",
        "energy_key": ENERGY.reference_key,
        "forces_key": FORCES.reference_key,
        "E0s": baseline,
        "model": "ScaleShiftMACE",
        "interaction_first": "RealAgnosticInteractionBlock",
        "interaction": "RealAgnosticResidualInteractionBlock",
        "r_max": model.r_max,
        "num_radial_basis": model.num_bessel,
        "num_cutoff_basis": model.num_polynomial_cutoff,
        "radial_MLP": model.radial_mlp,
        "max_ell": model.angular_l_max,
        "correlation": model.correlation,
        "num_interactions": model.num_interactions,
        "num_channels": model.num_channels,
        "max_L": model.hidden_l_max,
        "MLP_irreps": f"{model.mlp_channels}x0e",
        "loss": "weighted",
        "energy_weight": 1.0 / facts.spreads[ENERGY.name] ** 2,
        "forces_weight": 1.0 / facts.spreads[FORCES.name] ** 2,
        "batch_size": training.batch_size,
        "valid_batch_size": training.batch_size,
        "lr": training.learning_rate,
        "weight_decay": training.weight_decay,
        "ema_decay": training.ema_decay,
        "clip_grad": training.clip_gradient,
        "max_num_epochs": training.epochs,
        "scheduler_patience": training.epochs,  # so that its rate is constant
        "default_dtype": config.dtype,
        "seed": config.seed,
        "device": "cpu",
        "error_table": "PerAtomRMSE",
    }
    words = [f"--{key}={value}" for key, value in settings.items()]
    return [*words, "--amsgrad", "--ema"]


def _plain(frames: Sequence[ase.Atoms]) -> Iterator[ase.Atoms]:
    """The structures with energies and forces alone."""
    for atoms in frames:
        plain = ase.Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        plain.info[ENERGY.reference_key] = atoms.info[ENERGY.reference_key]
        plain.arrays[FORCES.reference_key] = np.array(atoms.arrays[FORCES.reference_key])
        yield plain
