"""Learning curves: how fast test errors fall with the number of training structures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from bench.runs.collection import Collection

_SIZE = "system.train_size"
_ERRORS = [f"{name}_rmse" for name in ("energy", "forces", "dipole", "charge_difference")]
_CURVE = ["model", "preset"]
_LEAST = 2  # training sizes of a model, and runs beyond the parameters of a fit


def learning_curves(
    found: Collection, system: str, data_checksum: str, whole: int
) -> list[dict[str, Any]]:
    """What a doubling of the training set takes off each test error, the largest gain first.

    ln(error) = a + b ln(structures), with an a for each model and preset, is fitted to all models
    and seeds together, so that a row is about the data rather than about one model; a doubling
    changes the error by 2^b − 1.  Runs that differ in more than their size are left out, and those
    of a preset that has one size.

    Args:
        found: runs of any system.
        system: its name.
        data_checksum: of its present data; runs on others say nothing of them.
        whole: structures of the whole training set.

    Returns:
        Rows of error, subset, unit (of the error), models, runs, smallest and largest (structures),
        error_at_largest (mean over models and seeds), percent_per_doubling and standard_error (per
        cent); only errors of more runs than the fit has parameters.
    """
    runs = found.done
    runs = runs[(runs["system"] == system) & (runs["data_checksum"] == data_checksum)]
    sizes = runs["changed"].map(lambda changed: _size(changed, whole)).dropna()
    table = found.metrics[found.metrics["name"].isin(_ERRORS)]
    curves = {name: table["run"].map(runs[name]) for name in _CURVE}
    table = table.assign(size=table["run"].map(sizes), **curves)
    rows = list(_rows(table.dropna(subset=["size", "value"])))
    return sorted(rows, key=lambda row: row["percent_per_doubling"])


def _size(changed: str, whole: int) -> float:
    """Training structures of a run that nothing but their number sets apart, else NaN."""
    if not changed:
        return whole
    key, _, value = changed.partition("=")
    return float(value) if key == _SIZE and value.isdigit() else np.nan


def _rows(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for (name, subset, unit), rows in table.groupby(["name", "subset", "unit"], sort=False):
        several = rows.groupby(_CURVE)["size"].transform("nunique") >= _LEAST
        rows = rows[several & (rows["value"] > 0)]
        if len(rows) < rows.groupby(_CURVE).ngroups + 1 + _LEAST:
            continue
        exponent, error = _exponent(rows)
        largest = rows["size"].max()
        yield {
            "error": str(name),
            "subset": str(subset),
            "unit": str(unit),
            "models": int(rows["model"].nunique()),
            "runs": len(rows),
            "smallest": int(rows["size"].min()),
            "largest": int(largest),
            "error_at_largest": _digits(rows.loc[rows["size"] == largest, "value"].mean()),
            "percent_per_doubling": _digits(100.0 * (2.0**exponent - 1.0)),
            "standard_error": _digits(100.0 * 2.0**exponent * np.log(2.0) * error),
        }


def _exponent(rows: pd.DataFrame) -> tuple[float, float]:
    """b of ln(value) = a + b ln(size), an a for each curve, and its standard error."""
    columns = rows[["value", "size"]].astype(float).transform(np.log)
    curves = [rows[name] for name in _CURVE]
    value, size = (columns - columns.groupby(curves).transform("mean")).to_numpy().T
    exponent = float(value @ size / (size @ size))
    left = value - exponent * size
    free = len(rows) - rows.groupby(_CURVE).ngroups - 1
    return exponent, float(np.sqrt(left @ left / free / (size @ size)))


def _digits(value: float) -> float:
    return float(f"{value:.3g}")
