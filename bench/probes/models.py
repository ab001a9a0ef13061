"""The point to probe: of a run, or with initial weights; in float64 and at constant charge.

Probes compare structures of equal charge and look for errors below those of float32, whatever the
model was trained in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bench.config.schema import RunConfig
from bench.data.dataset import load_dataset
from bench.inference.load import load_model
from bench.models.base import Point
from bench.models.registry import at_constant_charge, build_model


@dataclass(frozen=True)
class Checked:
    """A model with where it came from.

    Attributes:
        model: in float64.
        trained: whether its weights are those of a run.
        origin: one line: which weights, and which training set it was measured on.
    """

    model: Point
    trained: bool
    origin: str


def untrained(config: RunConfig) -> Checked:
    """A point with initial weights, measured on the training set of its system.

    Raises:
        BenchError: settings or data that no run could use.
    """
    config = replace(config, dtype="float64", device="cpu")
    dataset = load_dataset(config.system, seed=config.seed)
    model = build_model(config, dataset)
    origin = (
        f"{config.model.name} with initial weights (seed {config.seed}), float64; facts measured "
        f"on the {len(dataset.frames['train'])} training structures of {dataset.name}"
    )
    return Checked(at_constant_charge(model), False, origin)


def trained(folder: Path, config: RunConfig) -> Checked:
    """The point of a run.

    Args:
        folder: of the run.
        config: that the run has.

    Raises:
        BenchError: no trained run.
    """
    model = load_model(folder, dtype="float64")
    origin = f"{config.model.name} of {folder}, trained on {config.system.name}, in float64"
    return Checked(at_constant_charge(model), True, origin)
