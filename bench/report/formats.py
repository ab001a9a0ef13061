"""How a table is printed, and what the ending of a file says of it."""

from __future__ import annotations

from pathlib import Path

FORMATS = ("terminal", "csv", "markdown", "latex")
ENDINGS = {".csv": "csv", ".md": "markdown", ".tex": "latex"}


def format_of(out: Path) -> str:
    """The format that a file's ending means; Markdown where it means none."""
    return ENDINGS.get(out.suffix, "markdown")
