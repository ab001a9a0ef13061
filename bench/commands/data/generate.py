"""``bench data generate``: label what a plan lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from bench.config.key import key
from bench.config.options import call


@dataclass
class Generate:
    """Label what the plan of a system lacks with CP2K, then write structures.extxyz and card.yaml.

    It may be interrupted at any time and called again.
    """

    system: str = key(MISSING, "folder of datasets/ with a plan")
    workers: int = key(2, "calculations at a time", least=1)
    limit: int = key(0, "structures in this call; 0: all", least=0)
    nice: int = key(19, "how far the calculations give way to others", least=0, most=19)
    retry_failed: bool = key(False, "try again what failed before")
    keep_densities: bool = key(True, "keep them for bench data repartition")
    scratch: str = key("", "folder of the calculations; empty: results/runs/data/<system>")


def main(words: Sequence[str]) -> int:
    """Generate; 1 where a structure failed."""
    return call(words, Generate, run, verb="bench data generate")


def run(options: Generate) -> int:
    """Label, validate, build, and say how far it got."""
    from bench.reference.build import build, read_about
    from bench.reference.labelling import require_cp2k
    from bench.reference.run import generate
    from bench.reference.store import open_store
    from bench.reference.validate import validate

    store = open_store(options.system)
    read_about(store.folder)  # what the card lacks is told before anything is calculated
    require_cp2k()
    outcome = generate(
        store,
        workers=options.workers,
        scratch=Path(options.scratch or f"results/runs/data/{options.system}"),
        keep_densities=options.keep_densities,
        niceness=options.nice,
        retry_failed=options.retry_failed,
        limit=options.limit or None,
    )
    if store.labelled():
        validate(store)  # the error bars that are free grow with the labels
    build(store)
    print(
        f"{outcome.labelled} labelled now, {len(outcome.failed)} failed, "
        f"{len(store.labelled())} of {len(store.plan())} in all: {store.folder}"
    )
    return 1 if outcome.failed else 0
