"""``bench data validate``: error bars of the labels of a system."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from bench.config.key import key
from bench.config.options import call


@dataclass
class Validate:
    """Error bars of a system's labels: forces and dipoles against differences of the energy.

    And label noise by tighter settings, more vacuum, other spins: what they need is calculated
    with CP2K where it is missing, and the card told.
    """

    system: str = key(MISSING, "folder of datasets/ with labels")
    run: bool = key(True, "calculate what is missing; false: only what is there")
    workers: int = key(2, "calculations at a time", least=1)
    limit: int = key(0, "calculations in this call; 0: all", least=0)
    nice: int = key(19, "how far the calculations give way to others", least=0, most=19)
    scratch: str = key(
        "", "folder of the calculations; empty: results/runs/data/<system>-validation"
    )


def main(words: Sequence[str]) -> int:
    """Validate."""
    return call(words, Validate, run, verb="bench data validate")


def run(options: Validate) -> int:
    """Calculate what is missing, print the error bars, and build."""
    from bench.reference.build import build
    from bench.reference.labelling import require_cp2k
    from bench.reference.run import generate
    from bench.reference.store import open_store
    from bench.reference.validate import plan_validation, validate, validation_store

    store = open_store(options.system)
    extra = validation_store(store)
    if options.run:
        require_cp2k()
        if not (extra.folder / "plan.extxyz").is_file():
            extra.write_plan(plan_validation(store))
        generate(
            extra,
            workers=options.workers,
            scratch=Path(options.scratch or f"results/runs/data/{options.system}-validation"),
            keep_densities=False,
            niceness=options.nice,
            limit=options.limit or None,
        )
    print(json.dumps(validate(store), indent=1))
    build(store)
    return 0
