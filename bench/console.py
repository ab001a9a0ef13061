"""Where tables and lines are printed."""

from __future__ import annotations

import os

from rich.console import Console

ENDLESS = 10_000  # columns: tables take what they need


def make_console() -> Console:
    """A console that cuts nothing in a pipe or a file, and does not read brackets as markup.

    On a terminal, or where COLUMNS says so, tables keep to its width.
    """
    console = Console(markup=False, highlight=False, soft_wrap=True)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = ENDLESS
    return console
