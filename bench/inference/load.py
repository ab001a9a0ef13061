"""A trained point from the files of its run: configuration, facts of the training set, weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from bench.config.schema import RunConfig
from bench.errors import BenchError
from bench.models.base import Point
from bench.models.facts import TrainingFacts
from bench.models.registry import model_from_facts
from bench.train.checkpoint import BEST, load_best

CONFIG, FACTS = "config.yaml", "facts.json"


def load_model(run_folder: Path, *, dtype: str | None = None, device: str = "cpu") -> Point:
    """The point of a run with the weights of its best epoch, ready to predict.

    Args:
        run_folder: with config.yaml, facts.json and checkpoint/best.pt.
        dtype: of the backbone, ``float32`` or ``float64``; by default that of the run.
        device: where it computes, whatever the run was trained on.

    Raises:
        BenchError: a missing or damaged file, or one that belongs to another model.
    """
    config = load_config(run_folder)
    config = replace(config, dtype=dtype or config.dtype, device=device)
    model = model_from_facts(config, load_facts(run_folder))
    load_best(model, run_folder / BEST)
    return model.eval()


def load_config(run_folder: Path) -> RunConfig:
    """The configuration that a run wrote before anything else.

    Raises:
        BenchError: there is none, or its keys are not those of today's runs.
    """
    path = _existing(run_folder, CONFIG)
    try:
        loaded = OmegaConf.merge(OmegaConf.structured(RunConfig), OmegaConf.load(path))
        config = OmegaConf.to_object(loaded)
    except (OmegaConfBaseException, YAMLError) as error:
        raise BenchError(f"{path} is no configuration of a run: {error}") from error
    assert isinstance(config, RunConfig)
    return config


def load_facts(run_folder: Path) -> TrainingFacts:
    """What the run's model took from its training set.

    Raises:
        BenchError: a missing or damaged file.
    """
    path = _existing(run_folder, FACTS)
    try:
        return TrainingFacts.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchError(f"{path} does not describe a training set: {error!r}") from error


def _existing(run_folder: Path, name: str) -> Path:
    path = run_folder / name
    if not path.is_file():
        raise BenchError(
            f"{path} does not exist: {run_folder} is no folder of a trained run.",
            "Give a folder such as results/runs/<system>/<model>/<run id>.",
        )
    return path
