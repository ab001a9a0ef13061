"""``bench data relax``: a planned structure relaxed with CP2K."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from bench.config.key import key
from bench.config.options import call


@dataclass
class Relax:
    """Relax a planned structure with CP2K in its own charge and field; goes on where it ended.

    The frames are a trajectory: name its last step in recipe.yaml to have it labelled.
    """

    system: str = key(MISSING, "folder of datasets/ with a plan")
    uid: str = key(MISSING, "of the planned structure to start from")
    out: str = key(MISSING, "extended XYZ file of the frames")
    force: float = key(0.05, "largest one that may remain", "eV/Å", above=0)
    steps: int = key(60, "moves in this call", least=0)
    nice: int = key(19, "how far the calculations give way to others", least=0, most=19)
    scratch: str = key("", "folder of the calculations; empty: results/runs/data/<system>/<uid>")


def main(words: Sequence[str]) -> int:
    """Relax; 1 where it is not done yet."""
    return call(words, Relax, run, verb="bench data relax")


def run(options: Relax) -> int:
    """Find the structure, move it, and say how far it got."""
    from bench.reference.labelling import Worker, require_cp2k
    from bench.reference.relax import LARGEST_FORCE, ReferenceForces, relax
    from bench.reference.store import open_store
    from bench.storage import locked

    store = open_store(options.system)
    start = store.planned(options.uid)
    require_cp2k()
    scratch = Path(options.scratch or f"results/runs/data/{options.system}/{options.uid}")
    with locked(scratch):
        forces = ReferenceForces(Worker(scratch, niceness=options.nice), start.info)
        last = relax(start, forces, Path(options.out), force=options.force, steps=options.steps)
    largest = last.info[LARGEST_FORCE]
    print(f"step {last.info['step']}, largest force {largest:.3f} eV/Å: {options.out}")
    return 0 if largest <= options.force else 1
