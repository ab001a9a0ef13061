"""What a configuration must satisfy beyond the types of its keys; checked before any writing."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator
from functools import reduce
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.config.schema import Ensemble, RunConfig, Wandb
from bench.errors import BenchError, nearest

_POSITIVE = (
    "model.r_max",
    "model.num_channels",
    "model.num_interactions",
    "model.correlation",
    "model.num_bessel",
    "model.num_polynomial_cutoff",
    "model.mlp_channels",
    "model.radial_mlp",
    "model.smearing_width",
    "model.feature_widths",
    "model.kspace_cutoff_factor",
    "model.num_updates",
    "model.tolerance",
    "model.max_iterations",
    "model.mixing",
    "training.epochs",
    "training.batch_size",
    "training.learning_rate",
    "training.clip_gradient",
    "training.unrolled_steps",
    "training.unrolled_mixing",
)
_NOT_NEGATIVE = (
    "seed",
    "model.hidden_l_max",
    "model.angular_l_max",
    "model.dense_limit",
    "training.weight_decay",
    "training.warmup_epochs",
    "training.early_stop_patience",
    "training.time_limit",
    "training.loss.energy",
    "training.loss.forces",
    "training.loss.stress",
    "training.loss.multipoles",
    "training.loss.total_charge",
    "training.loss.dipole",
    "training.loss.fermi_level",
    "training.loss.electrostatic_potential",
    "training.loss.polarizability",
    "training.loss.stability",
)
_AT_MOST_ONE = ("model.mixing", "training.unrolled_mixing", "training.direct_fraction")
_FRACTIONS = ("training.direct_fraction", "training.ema_decay")
_CHOICES = {
    "dtype": ("float32", "float64"),
    "training.optimizer": ("adam", "adamw"),
    "training.schedule": ("cosine", "plateau", "constant"),
    "model.l_max": (0, 1),
}


def check(config: RunConfig) -> None:
    """Refuse values that no run can work with.

    Raises:
        BenchError: the first rule that is broken, with key, value and what is allowed.
    """
    _check_range(config, _POSITIVE, "positive", lambda x: x > 0)
    _check_range(config, (*_NOT_NEGATIVE, *_FRACTIONS), "zero or more", lambda x: x >= 0)
    _check_range(config, _AT_MOST_ONE, "at most 1", lambda x: x <= 1)
    _check_range(config, ("training.ema_decay",), "below 1", lambda x: x < 1)
    for key, allowed in _CHOICES.items():
        value = _value(config, key)
        if value not in allowed:
            raise BenchError(f"{key}={value} is not known.", nearest(str(value), map(str, allowed)))
    _check_device(config.device)
    _check_ensemble(config)
    _check_wandb(config.wandb)
    check_writable(Path(config.results_dir))


def _value(config: RunConfig, key: str) -> Any:
    return reduce(getattr, key.split("."), config)


def _numbers(value: Any) -> Iterator[float]:
    yield from value if isinstance(value, list) else [value]


def _check_range(
    config: RunConfig, keys: tuple[str, ...], wanted: str, holds: Callable[[float], bool]
) -> None:
    """Numbers and every number of a list; an empty list and what is not finite never pass."""
    for key in keys:
        value = _value(config, key)
        numbers = list(_numbers(value))
        if not numbers or not all(math.isfinite(x) and holds(x) for x in numbers):
            plural = "a list of numbers, each " if isinstance(value, list) else ""
            raise BenchError(f"{key}={value} must be {plural}{wanted}.")


def _check_device(device: str) -> None:
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise BenchError(
            f"device={device} is not known.", nearest(device, ["cpu", "cuda", "cuda:0"])
        )


def _check_ensemble(config: RunConfig) -> None:
    model = config.model
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
    if model.fermi_level is not None and not math.isfinite(model.fermi_level):
        raise BenchError(f"model.fermi_level={model.fermi_level} must be finite, in eV.")


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
