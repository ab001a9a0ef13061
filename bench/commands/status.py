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

    running, done, interrupted, failed, diverged; stopped: it says running, but no process holds its
    lock; damaged: its files cannot be read; duplicate: the same run as one found before.
    """

    places: list[str] = key(
        ["results/runs"], "folders of runs, searched with all below", positional=True
    )


def main(argv: Sequence[str]) -> int:
    """Print a line per run."""
    return call(argv, Show, show, verb="bench status")


def show(options: Show) -> int:
    """Print the table of what was found."""
    from bench.report.status import status_lines
    from bench.runs.collection import collect

    print("\n".join(status_lines(collect(map(Path, options.places)))))
    return 0
