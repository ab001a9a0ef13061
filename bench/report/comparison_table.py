"""A comparison as lines of text: settings on top, then what changed, then the verdict."""

from __future__ import annotations

import numpy as np

from bench.report.compare import Comparison, Verdict

HEADING = ("", "system", "metric", "subset", "unit", "before", "after", "change", "noise")
SIGNS = {"better": "+", "worse": "!", "changed": "~", "unknown": "?", "same": " "}


def lines(found: Comparison, *, everything: bool = False) -> list[str]:
    """What a person reads of a comparison.

    Args:
        found: the comparison.
        everything: also the numbers that did not change.
    """
    settings = [f"{key}: {one} → {other}" for key, (one, other) in found.settings.items()]
    top = settings or ["the same settings"]
    if found.verdict is Verdict.incomparable:
        return [*top, f"not comparable: {found.reason}"]
    rows = found.rows if everything else found.changed
    table: list[tuple[str, ...]] = [HEADING]
    for row in rows.to_dict("records"):
        numbers = [_number(row[key]) for key in ("before", "after", "change", "noise")]
        words = [row[key] or "1" for key in ("system", "name", "subset", "unit")]
        table.append((SIGNS[row["verdict"]], *words, *numbers))
    shown = _aligned(table) if len(table) > 1 else []
    return [*top, "", *shown, *(f"! lost: {name}" for name in found.lost), _summary(found)]


def _summary(found: Comparison) -> str:
    counts = found.rows["verdict"].value_counts()
    said = [f"{counts[word]} {word}" for word in SIGNS if word in counts]
    lost = [f"{len(found.lost)} lost"] if found.lost else []
    return f"{len(found.rows)} numbers: {', '.join([*said, *lost])} (better +, worse !, noise ?)"


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "unknown"


def _aligned(table: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table)]
    return [
        "  ".join(
            cell.ljust(width) if place < 5 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in table
    ]
