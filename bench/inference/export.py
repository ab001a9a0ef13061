"""A trained point as one file: weights as safetensors, configuration and facts as JSON beside them.

The file needs neither the data set nor the run's folder, and reading it runs no code of its own.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from bench.config.schema import RunConfig
from bench.errors import BenchError
from bench.models.base import Point
from bench.models.facts import TrainingFacts
from bench.models.registry import model_from_facts
from bench.runs.identity import plain
from bench.storage import replacing

FORMAT, VERSION = "electromlip-bench", "1"


def write_point(model: Point, config: RunConfig, path: Path) -> Path:
    """Write a point; returns the path.

    Args:
        model: with its weights.
        config: of the run that trained it.
        path: of the file, by custom ``NAME.safetensors``.
    """
    weights = {
        name: t.detach().cpu().contiguous().clone() for name, t in model.state_dict().items()
    }
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "config": json.dumps(plain(config)),
        "facts": json.dumps(model.facts.to_dict()),
    }
    with replacing(path) as temporary:
        save_file(weights, temporary, metadata)
    return path


def read_point(path: Path, *, dtype: str | None = None, device: str = "cpu") -> Point:
    """The point of a file that ``write_point`` wrote, ready to predict.

    Args:
        path: of the file.
        dtype: of the backbone, ``float32`` or ``float64``; by default that of the run.
        device: where it computes.

    Raises:
        BenchError: no such file, or none that this version reads.
    """
    if not path.is_file():
        raise BenchError(f"{path} does not exist.", "Write one: bench export run=FOLDER out=FILE")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise BenchError(f"{path} is no safetensors file: {error}") from error
    if (metadata.get("format"), metadata.get("version")) != (FORMAT, VERSION):
        raise BenchError(
            f"{path} was not written by this version of bench export.", "Export the run again."
        )
    try:
        merged = OmegaConf.merge(OmegaConf.structured(RunConfig), json.loads(metadata["config"]))
        config = OmegaConf.to_object(merged)
        facts = TrainingFacts.from_dict(json.loads(metadata["facts"]))
        assert isinstance(config, RunConfig)
        config = replace(config, dtype=dtype or config.dtype, device=device)
        model = model_from_facts(config, facts)
        model.load_state_dict(weights)
    except (OmegaConfBaseException, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise BenchError(f"{path} does not fit this version: {error}") from error
    return model.eval()
