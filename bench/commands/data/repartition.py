"""``bench data repartition``: multipoles again from stored densities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from omegaconf import MISSING

from bench.config.key import key
from bench.config.options import call


@dataclass
class Repartition:
    """Multipoles of a system again from its stored densities, for other free atoms; all or none."""

    system: str = key(MISSING, "folder of datasets/ with labels")
    densities: str = key(MISSING, "folder of the stored densities")


def main(words: Sequence[str]) -> int:
    """Partition again."""
    return call(words, Repartition, run, verb="bench data repartition")


def run(options: Repartition) -> int:
    """Replace the labels' multipoles, and build."""
    from bench.reference.build import build
    from bench.reference.repartition import repartition
    from bench.reference.store import open_store

    store = open_store(options.system)
    count = repartition(store, Path(options.densities), report=partial(print, flush=True))
    build(store)
    print(f"{count} labels replaced: {store.folder}")
    return 0
