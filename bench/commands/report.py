"""``bench report``: all runs as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.config.key import key
from bench.config.options import call
from bench.errors import BenchError


@dataclass
class Report:
    """All runs as one HTML file that opens from the disk, without a network or a server.

    bench report
    bench report results/study out=study.html

    Per system a leaderboard with intervals over seeds, sorted and filtered in the page, figures
    with captions, health of self-consistency, verdicts of probes, the configuration that any two
    rows differ in, and where numbers come from, with links to the folders of the runs.
    """

    places: list[str] = key(
        ["results/runs"], "folders of runs, searched with all below", positional=True
    )
    out: str = key("results/report.html", "file to write; links to runs are relative to it")
    title: str = key("electromlip-bench", "of the page")


def main(argv: Sequence[str]) -> int:
    """Write the page."""
    return call(argv, Report, write, verb="bench report")


def write(options: Report) -> int:
    """Write the page and print where it is."""
    from bench.report.page.page import render
    from bench.runs.collection import collect
    from bench.storage import write_text

    found = collect(map(Path, options.places))
    if found.runs.empty:
        raise BenchError(
            f"No run in {', '.join(options.places)}.", "bench run makes one; bench status has them."
        )
    page = Path(options.out)
    print(write_text(page, render(found, page, title=options.title)))
    return 0
