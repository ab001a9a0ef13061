"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(heading: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> str:
    """A table of Markdown; bars within cells are escaped.

    Args:
        heading: cells.
        rows: as many cells each.
        numbers: whether all columns but the first are aligned right.
    """
    rule = ["---", *["---:" if numbers else "---"] * (len(heading) - 1)]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |"
        for line in (heading, rule, *rows)
    )
