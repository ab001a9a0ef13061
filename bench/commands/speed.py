"""``bench speed``: what electrostatics and self-consistency cost, as tables of ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config.options import call
from bench.console import make_console
from bench.speed.options import ACCURACY, Speed

if TYPE_CHECKING:
    from bench.speed.marks import Mark

FILE = "time_to_accuracy"


def main(words: Sequence[str]) -> int:
    """Measure and print."""
    return call(words, Speed, run, verb="bench speed")


def run(options: Speed) -> int:
    """Print the tables of every part and size as they are measured."""
    from bench.speed.tables import accuracy_table, tables

    console = make_console(markup=True)
    parts = [part for part in options.part if part != ACCURACY]
    if parts:
        for table in tables(replace(options, part=parts)):
            console.print(table)
    if ACCURACY in options.part:
        from bench.speed.accuracy import time_to_accuracy

        marks = time_to_accuracy(epochs=options.epochs)
        console.print(accuracy_table(marks))
        if options.out:
            for path in write(marks, Path(options.out)):
                console.print(str(path))
    return 0


def write(marks: Sequence[Mark], folder: Path) -> list[Path]:
    """The table of a time to accuracy as CSV, and its figure as PNG and PDF."""
    from bench.report.accuracy_by_time import accuracy_by_time
    from bench.report.drawing import save, styled
    from bench.speed.marks import write_marks

    table = folder / f"{FILE}.csv"
    write_marks(table, marks)
    with styled():
        figure = accuracy_by_time(marks, "pt_water test set, 16 channels, one thread")
        return [table, *save(figure, folder / FILE)]
