"""``bench show``: what a run would be, without running it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from bench.config.compose import compose
from bench.config.key import key
from bench.config.options import call
from bench.config.schema import RunConfig
from bench.data.dataset import Dataset, dataset_checksum, load_dataset
from bench.models.registry import completed
from bench.runs.folder import RunFolder
from bench.runs.identity import identify, plain

# Measured on one core with 28 neighbours an atom at r_max 5 Å, two layers, float32: seconds per
# atom and training step, a constant and a part for each channel.
STEP_SECONDS = (1.0e-3, 0.9e-4)
FIRST_LAYER, FURTHER_LAYER = 0.3, 0.7  # of two layers
NODES, EDGES = 0.45, 0.55  # of the time at r_max 5 Å; edges grow with its cube
FLOAT64 = 1.7  # times float32
EVALUATION = 0.33  # of a training step
OVERHEAD = 10.0  # s: start, metrics, figures


@dataclass
class Show:
    """What a run would be, without running it: configuration, id, status, folder and time."""

    settings: list[str] = key([], "any of bench run --help", rest=True, optional=True)


def main(argv: Sequence[str]) -> int:
    """Print the composed configuration, its folder and how long it would take."""
    return call(argv, Show, show, verb="bench show")


def show(options: Show) -> int:
    """Print the run of these settings."""
    config = completed(compose(options.settings))
    folder = RunFolder.of(config, identify(config, dataset_checksum(config.system)).run_id)
    seconds = estimate(config, load_dataset(config.system))
    print(yaml.safe_dump(plain(config), sort_keys=False))
    print(f"run id    {folder.path.name}")
    print(f"status    {folder.status.value if folder.status else 'not started'}")
    print(f"folder    {folder.path}")
    print(f"estimate  {_duration(seconds)} on one core; a GPU is faster")
    return 0


def estimate(config: RunConfig, dataset: Dataset) -> float:
    """Seconds that training and evaluation take on one core, within a factor of two.

    Args:
        config: of the run.
        dataset: its structures.
    """
    atoms = {split: sum(map(len, frames)) for split, frames in dataset.frames.items()}
    model = config.model
    step = STEP_SECONDS[0] + STEP_SECONDS[1] * model.num_channels
    step *= FIRST_LAYER + FURTHER_LAYER * (model.num_interactions - 1)
    step *= NODES + EDGES * (model.r_max / 5.0) ** 3
    step *= FLOAT64 if config.dtype == "float64" else 1.0
    epoch = atoms["train"] + EVALUATION * atoms["valid"]
    return OVERHEAD + step * (config.training.epochs * epoch + EVALUATION * atoms["test"])


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(seconds, 1.0):.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
