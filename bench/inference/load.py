"""A trained point from the files of its run: configuration, facts of the training set, weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.errors import BenchError
from bench.models.base import Point
from bench.models.registry import model_from_facts
from bench.runs.folder import RunFolder
from bench.train.checkpoint import load_best


def load_model(run_folder: Path, *, dtype: str | None = None, device: str = "cpu") -> Point:
    """The point of a run with the weights of its best validation, ready to predict.

    Args:
        run_folder: of a run that has validated at least once.
        dtype: of the backbone, ``float32`` or ``float64``; by default that of the run.
        device: where it computes, whatever the run was trained on.

    Raises:
        BenchError: a missing or damaged file, or one that belongs to another model; a folder of
            somebody else's predictions.
    """
    folder = RunFolder(run_folder)
    if "outsider" in folder.read_provenance():
        raise BenchError(
            f"{run_folder} was predicted by somebody else's code: there is no model of ours in it."
        )
    config = folder.read_config()
    config = replace(config, dtype=dtype or config.dtype, device=device)
    model = model_from_facts(config, folder.read_facts())
    load_best(model, folder.training_files.best)
    return model.eval()
