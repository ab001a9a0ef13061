"""``bench data describe``: the page of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.config.key import key
from bench.config.options import call
from bench.paths import shipped


@dataclass
class Describe:
    """Write datasets/README.md and a picture of every system from their cards.

    bench data describe runs=results/study/runs

    Runs of several training-set sizes (bench run -m study=train_size) add to the cards which test
    errors more data lower most; a card keeps that until its data change.
    """

    runs: list[str] = key([], "folders of runs, searched with all below", optional=True)


def main(words: Sequence[str]) -> int:
    """Describe."""
    return call(words, Describe, run, verb="bench data describe")


def run(options: Describe) -> int:
    """Write the page, and print its path."""
    from bench.reference.describe import describe
    from bench.runs.collection import collect

    local = Path("datasets")
    runs = collect(Path(place) for place in options.runs) if options.runs else None
    print(describe(local if local.is_dir() else shipped("datasets"), runs))
    return 0
