"""Errors on what runs have seen: validation structures, by which settings are chosen, with one
number of them all; training structures, which tell what a model cannot do from what it was not
trained to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.labels.quantities import CHARGE_DIFFERENCE, errors, labels
from bench.runs.collection import METRIC_COLUMNS, Collection
from bench.runs.folder import METRICS, RunFolder
from bench.train.log import error_column, read_log

SCORE, KEPT = "score", "kept_after"
SUBSET, TRAINING = "validation", "training"  # in the place of a subset of the test set
ERROR = "_rmse"
SEEN = (SUBSET, TRAINING)
HEADLINE = (SCORE, *(f"{name}_rmse" for name in errors()), KEPT)


def validated(found: Collection) -> Collection:
    """The same runs with the errors of their kept weights on validation structures.

    Beside the root mean square errors of what teaches: ``score``, the geometric mean of each over
    its label's spread on the training set, which knows neither units nor weights of losses; and
    ``kept_after``, the steps after which the validation loss was lowest.

    What was trained elsewhere has no log and is left out.

    Raises:
        BenchError: a damaged log, or a run without facts.
    """
    rows = [
        {**record, "run": run, "subset": SUBSET, "better": "lower"}
        for run in found.done.index
        for record in _records(RunFolder(Path(run)))
    ]
    metrics = pd.DataFrame.from_records(rows, columns=list(METRIC_COLUMNS)).astype(METRIC_COLUMNS)
    return Collection(found.runs, metrics)


def trained(found: Collection) -> Collection:
    """Runs that ``bench evaluate split=train`` has scored: their training and their test errors.

    Of every ``*_rmse``.  The former have the subset ``training``, the latter ``all``.
    """
    rows = [row for run in found.done.itertuples() for row in _of_training(run)]
    metrics = pd.DataFrame.from_records(rows, columns=list(METRIC_COLUMNS)).astype(METRIC_COLUMNS)
    tests = found.metrics[found.metrics["run"].isin(metrics["run"].unique())]
    tests = tests[(tests["subset"] == "all") & tests["name"].str.endswith(ERROR)]
    return Collection(found.runs, pd.concat([metrics, tests], ignore_index=True))


def _of_training(run: Any) -> Iterator[dict[str, Any]]:
    name = f"{run.system}-train-{str(run.data_checksum)[:10]}"
    seen = RunFolder(Path(run.Index)).evaluation(name)
    if not (seen.path / METRICS).is_file():
        return
    for record in seen.read_metrics()["metrics"]:
        if record["subset"] == "all" and record["name"].endswith(ERROR):
            low, high = record["ci95"] or (None, None)
            own = {"run": run.Index, "subset": TRAINING, "ci95_low": low, "ci95_high": high}
            yield {**record, **own}


def _records(folder: RunFolder) -> Iterator[dict[str, Any]]:
    if not folder.training_files.log.is_file():
        return
    log, spreads = read_log(folder.training_files.log), folder.read_spreads()
    kept = int(np.nanargmin(log.columns["valid_loss"]))
    parts = [p.name for q in labels().values() if q.weight for p in q.parts]
    relative = []
    for name in (*parts, CHARGE_DIFFERENCE.name):
        value = log.columns.get(error_column(name), np.full(kept + 1, np.nan))[kept]
        if value > 0 and name in spreads:
            part = errors()[name]
            relative.append(value / (part.factor * spreads[name]))
            yield {"name": f"{name}_rmse", "value": value, "unit": part.unit}
    yield {"name": SCORE, "value": float(np.exp(np.mean(np.log(relative)))), "unit": ""}
    yield {"name": KEPT, "value": float(log.position[kept]), "unit": "steps"}
