"""The folder of a run that was never trained: what loading a model needs of one."""

from __future__ import annotations

from pathlib import Path

import torch
import yaml

from bench.config.schema import RunConfig, SystemConfig
from bench.models.base import Point
from bench.runs.folder import RunFolder
from bench.runs.identity import plain
from bench.train.checkpoint import BEST


def write_run(path: Path, model: Point) -> Path:
    """Files of a run whose best weights are those of ``model``."""
    dtype = str(model.graph_settings.dtype).removeprefix("torch.")
    config = RunConfig(model=model.config, system=SystemConfig(name="made_up"), dtype=dtype)
    folder = RunFolder(path)
    folder.write_text("config.yaml", yaml.safe_dump(plain(config), sort_keys=False))
    folder.write_json("facts.json", model.facts.to_dict())
    parts = {"model": model.state_dict(), "epoch": 7, "valid_loss": 0.1}
    folder.write_with(BEST, lambda file: torch.save(parts, file))
    return path
