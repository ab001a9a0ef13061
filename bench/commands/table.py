"""``bench table``: runs beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config.key import key
from bench.config.options import call
from bench.console import make_console
from bench.errors import BenchError
from bench.evaluate.registry import METRICS
from bench.report.formats import FORMATS, format_of

if TYPE_CHECKING:
    from bench.runs.collection import Collection


@dataclass
class Table:
    """Models (or whatever else differs) beside each other: mean ± standard deviation over seeds.

    One table per system; the best of a column is bold (starred in a pipe) where its 95 % interval
    overlaps no other's. Runs without numbers are told below.
    """

    places: list[str] = key(
        ["results/runs"], "folders of runs, searched with all below", positional=True
    )
    split: str = key(
        "test",
        "valid: errors on validation structures, which choose; train: on training structures, "
        "beside those on the test set, of runs that bench evaluate split=train has scored",
        choices=("test", "valid", "train"),
    )
    metrics: list[str] = key([], "names or patterns such as *_rmse; the headline", optional=True)
    subsets: list[str] = key(["all"], "of the test set, names or patterns such as charge=*")
    claims: bool = key(False, "what a paper says of the models, each number with its error bar")
    format: str = key("terminal", "how it is printed", choices=FORMATS)
    out: str = key("", "file to write instead; .csv, .md and .tex say the format")


def main(argv: Sequence[str]) -> int:
    """Print or write the tables."""
    return call(argv, Table, show, verb="bench table", more=_metrics)


def show(options: Table) -> int:
    """Print or write the tables of what was found."""
    from bench.report.leaderboard import as_text, leaderboards
    from bench.runs import validation
    from bench.runs.collection import collect
    from bench.storage import write_text

    found, metrics, subsets = collect(map(Path, options.places)), options.metrics, options.subsets
    if options.claims:
        return _claims(options, found)
    if options.split == "valid":
        found, subsets = validation.validated(found), [validation.SUBSET]
        metrics = metrics or list(validation.HEADLINE)
    if options.split == "train":
        found, subsets = validation.trained(found), [validation.TRAINING, "all"]
    boards = leaderboards(found, metrics=metrics, subsets=subsets)
    if not boards:
        raise BenchError(
            f"No finished run in {', '.join(options.places)} has such numbers.",
            "bench list metrics has the names; bench status has the runs.",
        )
    kind = format_of(Path(options.out)) if options.out else options.format
    if options.out:
        print(write_text(Path(options.out), as_text(boards, kind, found)))
    elif kind != "terminal":
        print(as_text(boards, kind, found), end="")
    else:
        console = make_console()
        for board in boards:
            console.print(board)
        console.print("\n".join(found.told()), style="dim")
    return 0


def _claims(options: Table, found: Collection) -> int:
    """Print or write the claims that the runs say something of."""
    from bench.report.claims import as_text, claims
    from bench.storage import write_text

    kind = format_of(Path(options.out)) if options.out else options.format
    text = as_text(claims(found), kind, options.places)
    print(write_text(Path(options.out), text) if options.out else text.rstrip("\n"))
    return 0


def _metrics() -> str:
    width = max(map(len, METRICS))
    lines = [f"  {m.name:<{width}}  [{m.unit or '1'}] {m.description}" for m in METRICS.values()]
    return "\n".join(["metrics:", *lines])
