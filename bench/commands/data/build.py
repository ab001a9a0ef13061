"""``bench data build``: a dataset from a plan and its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from omegaconf import MISSING

from bench.config.key import key
from bench.config.options import call


@dataclass
class Build:
    """Write structures.extxyz and card.yaml of a system from its plan and labels."""

    system: str = key(MISSING, "folder of datasets/ with a plan")


def main(words: Sequence[str]) -> int:
    """Build."""
    return call(words, Build, run, verb="bench data build")


def run(options: Build) -> int:
    """Build, and say how many structures there are."""
    from bench.reference.build import build
    from bench.reference.store import open_store

    store = open_store(options.system)
    print(f"{len(build(store))} structures: {store.folder}")
    return 0
