"""Where tables and lines are printed."""

from __future__ import annotations

import os

from rich.console import Console

ENDLESS = 10_000  # columns: tables take what they need


def make_console(*, markup: bool = False) -> Console:
    """A console that cuts nothing in a pipe or a file.

    On a terminal, or where COLUMNS says so, tables keep to its width.

    Args:
        markup: whether ``[bold]`` is bold; units are in brackets, too.
    """
    console = Console(markup=markup, highlight=False, soft_wrap=True)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = ENDLESS
    return console
