"""Many runs as two tables; everything that compares runs reads these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from bench.config.catalogue import ON_SYSTEM, choices
from bench.config.compose import compose
from bench.config.schema import RunConfig
from bench.errors import BenchError
from bench.runs.folder import RunFolder, Status, run_folders
from bench.runs.identity import deciding, plain
from bench.runs.provenance import total_seconds
from bench.runs.records import MetricsFile

DAMAGED, DUPLICATE = "damaged", "duplicate"
# Columns of the table of runs with their types; numbers may be missing.
RUN_COLUMNS = {
    "id": "str",
    "system": "str",
    "model": "str",
    "preset": "str",
    "seed": "Int64",
    "changed": "str",
    "status": "str",
    "reason": "str",
    "seconds": "float64",
    "cpu_seconds": "float64",
    "parameters": "Int64",
    "cpu": "str",
    "device": "str",
    "started": "str",
    "updated": "str",
    "data_checksum": "str",
    "code_version": "str",
}
METRIC_COLUMNS = {
    "run": "str",
    "name": "str",
    "subset": "str",
    "value": "float64",
    "unit": "str",
    "n": "Int64",
    "ci95_low": "float64",
    "ci95_high": "float64",
    "better": "str",
}
_OWN_COLUMN = ("seed", "preset", "system.name", "model.name")


@dataclass(frozen=True)
class Collection:
    """Runs and their numbers.

    Attributes:
        runs: a row for each folder, whose path is the index ``run``.  ``changed`` are the settings
            that differ from those of the run's model, preset and system, as one would type them;
            ``status`` is that of the run, or ``damaged`` or ``duplicate`` (of a run found before),
            always with a ``reason``; ``seconds`` on the wall and ``cpu_seconds`` of all sessions
            together; ``parameters`` learned.
        metrics: a row for each number of the runs that are done; ``run`` refers to ``runs``, ``n``
            counts what the metric's description says, ``ci95_low`` and ``ci95_high`` are NaN where
            there is no interval.
    """

    runs: pd.DataFrame
    metrics: pd.DataFrame

    @property
    def done(self) -> pd.DataFrame:
        """The runs that have numbers."""
        return self.runs[self.runs["status"] == Status.done.value]

    def joined(self) -> pd.DataFrame:
        """The metrics, each row with the columns of its run."""
        return self.metrics.join(self.runs, on="run")

    def told(self) -> list[str]:
        """A line for each run without numbers: status, folder, reason."""
        others = self.runs[self.runs["status"] != Status.done.value]
        return [f"{row.status}: {row.Index}: {row.reason}" for row in others.itertuples()]


def collect(places: Iterable[Path]) -> Collection:
    """Every run in the places and below, in order of the paths.

    Args:
        places: folders of runs, results_dir or committed ones, or single runs.

    Raises:
        BenchError: a place that does not exist.
    """
    rows: dict[str, dict[str, Any]] = {}
    numbers: list[dict[str, Any]] = []
    seen: dict[str, str] = {}
    for folder in _folders(places):
        run = str(folder.path)
        row, metrics = _read(folder)
        if metrics is not None and (first := seen.setdefault(row["id"], run)) != run:
            row |= {"status": DUPLICATE, "reason": f"the same run as {first}"}
        elif metrics is not None:
            numbers += _numbers(run, metrics)
        rows[run] = row
    runs = _frame(rows.values(), RUN_COLUMNS).set_index(pd.Index(rows, name="run", dtype="str"))
    return Collection(runs, _frame(numbers, METRIC_COLUMNS))


def _folders(places: Iterable[Path]) -> Iterator[RunFolder]:
    found: dict[Path, RunFolder] = {}
    for place in places:
        if not place.is_dir():
            raise BenchError(f"{place} does not exist.", "Runs are in results/runs unless told.")
        for folder in run_folders(place):
            found.setdefault(folder.path.resolve(), folder)  # a place may lie in another
    return iter(found.values())


def _read(folder: RunFolder) -> tuple[dict[str, Any], MetricsFile | None]:
    """A run's row as far as its files can be read, and its numbers where it is done."""
    row: dict[str, Any] = {"id": folder.path.name}
    metrics, damage = None, []
    for part in (_status, _provenance, _settings):
        try:
            row |= part(folder)
        except BenchError as error:
            damage.append(str(error))
    if row.get("status") == Status.done.value:
        try:
            metrics = folder.read_metrics()
        except BenchError as error:
            damage.append(str(error))
    if damage:
        row |= {"status": DAMAGED, "reason": " ".join(" ".join(damage).split())}
    return row, None if damage else metrics


def _status(folder: RunFolder) -> dict[str, Any]:
    status, reason = folder.read_status()
    if status is None:
        raise BenchError(f"{folder.path} has no status.")
    return {"status": status.value, "reason": reason, "updated": folder.updated}


def _provenance(folder: RunFolder) -> dict[str, Any]:
    content = folder.read_provenance()
    hardware, sessions = content.get("hardware", {}), content.get("sessions", [])
    return {
        **{key: content.get(key) for key in ("parameters", "data_checksum", "code_version")},
        **{key: hardware.get(key) for key in ("cpu", "device")},
        **total_seconds(sessions),
        "started": sessions[0]["started"] if sessions else None,
    }


def _settings(folder: RunFolder) -> dict[str, Any]:
    config = folder.read_plain_config()
    try:
        return {
            "system": config["system"]["name"],
            "model": config["model"]["name"],
            "preset": config["preset"],
            "seed": config["seed"],
            "changed": " ".join(f"{key}={value}" for key, value in changed(config).items()),
        }
    except (KeyError, TypeError) as error:
        raise BenchError(f"{folder.path}: its configuration lacks {error}.") from error


def changed(config: dict[str, Any]) -> dict[str, Any]:
    """Dotted keys and values that differ from what model, preset and system say today.

    Those that decide no number, and seed, preset, system and model, which tables show by
    themselves, are left out.

    Args:
        config: of a run, as plain types; its keys may be those of another version.
    """
    model, preset, system = config["model"]["name"], config["preset"], config["system"]["name"]
    own = f"{preset}_{system}" in choices(ON_SYSTEM)  # or they are alike on all systems
    defaults = _defaults(model, preset, system if own else "")
    flat = _flat(deciding(config))
    return {
        key: value
        for key, value in flat.items()
        if not key.startswith(_OWN_COLUMN) and (key not in defaults or defaults[key] != value)
    }


@cache
def _defaults(model: str, preset: str, system: str) -> dict[str, Any]:
    """Flat settings of a model and preset, on a system where one is named; of the schema where
    they are not known any longer."""
    words = [f"model={model}", f"preset={preset}", "device=cpu"]  # whichever device is here
    try:
        config = compose([*words, *([f"system={system}"] if system else [])])
    except BenchError:
        config = RunConfig()
    return _flat(plain(config))


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        inner = _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else None
        flat |= {prefix + key: value} if inner is None else inner
    return flat


def _numbers(run: str, metrics: MetricsFile) -> Iterator[dict[str, Any]]:
    for record in metrics["metrics"]:
        low, high = record["ci95"] or (None, None)
        yield {**record, "run": run, "ci95_low": low, "ci95_high": high}


def _frame(rows: Iterable[dict[str, Any]], columns: dict[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame.from_records(list(rows), columns=list(columns))
    typed = frame.astype(columns)  # before version 3 pandas makes texts of missing ones, too
    texts = [name for name, kind in columns.items() if kind == "str"]
    return typed.assign(**{name: typed[name].where(frame[name].notna()) for name in texts})
