"""``bench speed``: what electrostatics and self-consistency cost, as tables of ratios."""

from __future__ import annotations

from collections.abc import Sequence

from bench.config.options import call
from bench.console import make_console
from bench.speed.options import Speed


def main(words: Sequence[str]) -> int:
    """Measure and print."""
    return call(words, Speed, run, verb="bench speed")


def run(options: Speed) -> int:
    """Print the tables of every part and size as they are measured."""
    from bench.speed.tables import tables

    console = make_console(markup=True)
    for table in tables(options):
        console.print(table)
    return 0
