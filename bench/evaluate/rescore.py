"""Redo metrics.json from what a run wrote, without its model.

``python -m bench.evaluate.rescore FOLDER ...`` after a change of the metrics.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ase.io import read

from bench.data.statistics import TrainingMeans
from bench.errors import BenchError
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
    for name in ("predictions.extxyz", "training_means.json", "metrics.json"):
        if not (folder / name).is_file():
            raise BenchError(
                f"{folder / name} does not exist.", "Finish the run first: give its command again."
            )
    before = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    means = TrainingMeans.from_dict(json.loads((folder / "training_means.json").read_text()))
    evaluation = evaluate(read(folder / "predictions.extxyz", ":"), means)
    after = evaluation.to_dict(before["run"])
    after["metrics"] += [entry for entry in before["metrics"] if _kept(entry["name"])]
    after["absent"] |= {key: why for key, why in before["absent"].items() if _kept(key)}
    return after


def _kept(key: str) -> bool:
    info = METRICS.get(key.split("[")[0])
    return info is not None and not info.from_predictions


def rescore(folder: Path) -> Path:
    """Replace the run's metrics.json; returns its path."""
    return RunFolder(folder).write_json("metrics.json", rescored(folder))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(rescore(Path(argument)))
