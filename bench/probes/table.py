"""The verdicts of the probes as a table and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from bench.probes.models import Checked
from bench.probes.result import Measurement, ProbeResult, Verdict
from bench.storage import write_json

SCHEMA_VERSION = 1
COLOURS = {
    Verdict.passed: "green",
    Verdict.failed: "bold red",
    Verdict.finding: "yellow",
    Verdict.not_applicable: "dim",
}


def table(results: Sequence[ProbeResult]) -> Table:
    """A row for each number, under a row for each probe with its verdict."""
    counts = Counter(result.verdict.value for result in results)
    summary = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, caption=summary, caption_justify="left")
    for heading, justify in (("probe", "left"), ("value", "right"), ("unit", "left")):
        grid.add_column(heading, justify=justify)  # type: ignore[arg-type]
    grid.add_column("at most", justify="right")
    grid.add_column("verdict")
    for result in results:
        colour, verdict = COLOURS[result.verdict], result.verdict.value
        title = f"[bold]{result.probe}[/bold] {escape(result.material)}"
        grid.add_row(title, "", "", "", f"[{colour}]{verdict}[/{colour}]")
        for measurement in result.measurements:
            grid.add_row(*_cells(measurement))
    return grid


def _cells(measurement: Measurement) -> tuple[str, str, str, str, str]:
    bar = "" if measurement.bar is None else f"{measurement.bar:g}"
    mark = "" if measurement.within else "[yellow]beyond[/yellow]"
    name, value = f"  {escape(measurement.name)}", f"{measurement.value:.3g}"
    return name, value, measurement.unit, bar, mark


def write(file: Path, checked: Checked, results: Sequence[ProbeResult]) -> Path:
    """Write the results as JSON; returns the path."""
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "model": checked.model.config.name,
        "trained": checked.trained,
        "origin": checked.origin,
        "probes": [result.to_dict() for result in results],
    }
    return write_json(file, content)
