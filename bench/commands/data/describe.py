"""``bench data describe``: the page of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.config.options import call
from bench.paths import shipped


@dataclass
class Describe:
    """Write datasets/README.md and a picture of every system from their cards."""


def main(words: Sequence[str]) -> int:
    """Describe."""
    return call(words, Describe, run, verb="bench data describe")


def run(options: Describe) -> int:
    """Write the page, and print its path."""
    from bench.reference.describe import describe

    local = Path("datasets")
    print(describe(local if local.is_dir() else shipped("datasets")))
    return 0
