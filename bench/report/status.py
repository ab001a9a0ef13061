"""Runs as lines: what has become of each, why, how long ago, and how far a running one is."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BenchError
from bench.runs.collection import Collection
from bench.runs.folder import RunFolder, Status

HEADING = ("status", "age", "progress", "system", "model", "seed", "preset", "changed", "reason")
AGES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def status_lines(found: Collection, *, now: datetime | None = None) -> list[str]:
    """A table of all runs, unfinished ones first, and how many there are of each status.

    Args:
        found: the runs.
        now: for their age.
    """
    if found.runs.empty:
        return ["no run"]
    now = now or datetime.now(timezone.utc)
    ordered = found.runs.sort_values(
        "status", key=lambda status: status == Status.done.value, kind="stable"
    )
    table = [HEADING, *(_line(Path(str(run)), row, now) for run, row in ordered.iterrows())]
    widths = [max(map(len, column)) for column in zip(*table)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip() for line in table]
    counts = found.runs["status"].value_counts()
    return [*lines, "", ", ".join(f"{count} {status}" for status, count in counts.items())]


def _line(path: Path, row: pd.Series[Any], now: datetime) -> tuple[str, ...]:
    words = [_text(row[key]) for key in ("system", "model", "seed", "preset", "changed")]
    reason = " ".join(_text(row["reason"]).split())
    return (
        str(row["status"]),
        age(_text(row["updated"]), now),
        _progress(path, row),
        *words,
        reason,
    )


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def age(then: str, now: datetime) -> str:
    """Time since an ISO date in its largest unit, such as ``3 h``; empty for an empty date."""
    if not then:
        return ""
    seconds = (now - datetime.fromisoformat(then)).total_seconds()
    for size, unit in AGES:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _progress(path: Path, row: pd.Series[Any]) -> str:
    """Steps made of a run that is under way or was interrupted, or epochs where they decide."""
    if row["status"] not in (Status.running.value, Status.interrupted.value):
        return ""
    folder = RunFolder(path)
    try:
        training = folder.read_plain_config()["training"]
        unit = "step" if training.get("steps") else "epoch"
        written = folder.log.is_file()
        done = folder.read_log().columns[unit][-1] if written else 0
        return f"{done:g}/{training[f'{unit}s']} {unit}s"
    except (BenchError, KeyError):
        return ""
