"""``bench status``: what has become of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.config.key import key
from bench.config.options import call


@dataclass
class Show:
    """Every run with its status, reason, age and, while it trains, its progress.

    bench status FOLDER        all runs there
    bench status study=NAME    those of a study, and which of its cells nobody has begun

    running, done, interrupted (by a signal, or no process holds its lock any longer), failed,
    diverged; damaged: its files cannot be read; duplicate: the same run as one found before.
    """

    places: list[str] = key(
        [],
        "folders of runs, searched with all below; results/runs, or the study's",
        positional=True,
        optional=True,
    )
    study: str = key("", "cells of a study, conf/study/NAME.yaml, alone")


def main(argv: Sequence[str]) -> int:
    """Print a line per run."""
    return call(argv, Show, show, verb="bench status")


def show(options: Show) -> int:
    """Print the table of what was found."""
    from bench.report.status import status_lines
    from bench.runs.cells import of_study, places_of
    from bench.runs.collection import collect

    if not options.study:
        print("\n".join(status_lines(collect(map(Path, options.places or ["results/runs"])))))
        return 0
    there = [Path(place) for place in options.places or places_of(options.study)]
    found = collect(place for place in there if options.places or place.is_dir())
    print("\n".join(status_lines(of_study(options.study, found))))
    return 0
