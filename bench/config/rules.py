"""What a run's keys must satisfy together and on this machine; checked before any writing.

What one key allows stands beside its default, in ``bench/config/schema.py``.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from bench.config import key
from bench.config.schema import Ensemble, ModelConfig, RunConfig, TrainingConfig, Wandb
from bench.errors import BenchError
from bench.paths import shipped


def check(config: RunConfig) -> None:
    """Refuse values that no run can work with: of a key alone, of keys together, and here.

    Raises:
        BenchError: the first rule that is broken, with key, value and what is allowed.
    """
    key.check(config)
    _check_point(config.model)
    _check_ensemble(config.model)
    check_budget(config.training)
    _check_wandb(config.wandb)
    check_writable(Path(config.results_dir))


def _check_point(model: ModelConfig) -> None:
    taken = (shipped("conf") / "model" / f"{model.name}.yaml").is_file()
    if model.point and taken:
        raise BenchError(
            f"model.point={model.point} with model.name={model.name}, which is another model's.",
            "Give it a name of its own.",
        )
    if model.options and not model.point:
        raise BenchError(
            f"model.options={model.options} are of a class from outside.",
            "Give model.point=package.module.Class, too.",
        )


def _check_ensemble(model: ModelConfig) -> None:
    fixed = model.ensemble is Ensemble.constant_fermi_level
    if fixed and model.fermi_level is None:
        raise BenchError(
            "model.ensemble=constant_fermi_level needs the Fermi level that is held.",
            "Give model.fermi_level=VALUE in eV.",
        )
    if not fixed and model.fermi_level is not None:
        raise BenchError(
            f"model.fermi_level={model.fermi_level} eV has no effect at constant charge.",
            "Give model.ensemble=constant_fermi_level, too, or leave it out.",
        )


def check_budget(training: TrainingConfig) -> None:
    """Refuse a training without a budget, or with two."""
    if (training.steps is None) == (training.epochs is None):
        raise BenchError(
            f"training.steps={training.steps} and training.epochs={training.epochs}: exactly one "
            "of them decides how long a run trains.",
            "Give one of them, such as training.steps=1000, and leave the other out or null.",
        )


def _check_wandb(wandb: Wandb) -> None:
    if wandb is not Wandb.off and find_spec("wandb") is None:
        raise BenchError(
            f"wandb={wandb.name}, but the package wandb is not installed.",
            "pip install 'electromlip-bench[report]', or leave it out: the folder has it all.",
        )


def check_writable(folder: Path) -> None:
    """Refuse a results folder that cannot be made or written, without making it.

    Raises:
        BenchError: with the part of the path that is in the way.
    """
    present = folder.absolute()
    while not present.exists():
        present = present.parent
    if not present.is_dir() or not os.access(present, os.W_OK | os.X_OK):
        what = "not writable" if present.is_dir() else "not a folder"
        raise BenchError(
            f"results_dir={folder} cannot be written: {present} is {what}.",
            "Choose another folder: results_dir=FOLDER",
        )
