"""The folder of a run that was never trained: what loading a model needs of one."""

from __future__ import annotations

from pathlib import Path

from bench.config.schema import RunConfig, SystemConfig
from bench.models.base import Point
from bench.runs.folder import RunFolder
from bench.storage import write_tensors


def write_run(path: Path, model: Point) -> Path:
    """Files of a run whose best weights are those of ``model``."""
    dtype = str(model.graph_settings.dtype).removeprefix("torch.")
    config = RunConfig(model=model.config, system=SystemConfig(name="made_up"), dtype=dtype)
    folder = RunFolder(path)
    folder.write_config(config)
    folder.write_facts(model.facts)
    parts = {"model": model.state_dict(), "step": 7, "valid_loss": 0.1}
    write_tensors(folder.training_files.best, parts)
    return path
