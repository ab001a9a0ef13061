"""Redo metrics.json from what a run wrote, without its model."""

from __future__ import annotations

from pathlib import Path

from bench.evaluate.metrics import evaluate
from bench.evaluate.registry import METRICS
from bench.runs.folder import RunFolder
from bench.runs.records import MetricsFile


def rescored(folder: Path) -> MetricsFile:
    """metrics.json as today's metrics would have it.

    The run's description stays, and so does every number that needs more than predictions (cost).

    Args:
        folder: of a finished run.

    Raises:
        BenchError: a file of the run is missing.
    """
    run = RunFolder(folder)
    before = run.read_metrics(any_version=True)
    evaluation = evaluate(run.read_predictions(), run.read_means())
    after = evaluation.to_dict(before["run"])
    after["metrics"] += [entry for entry in before["metrics"] if _kept(entry["name"])]
    after["absent"] |= {key: why for key, why in before["absent"].items() if _kept(key)}
    return after


def _kept(key: str) -> bool:
    info = METRICS.get(key.split("[")[0])
    return info is not None and not info.from_predictions


def rescore(folder: Path) -> Path:
    """Replace the run's metrics.json; returns its path."""
    return RunFolder(folder).write_metrics(rescored(folder))
