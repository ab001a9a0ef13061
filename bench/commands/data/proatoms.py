"""``bench data proatoms``: free atoms for the partition of densities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from omegaconf import MISSING

from bench.config.key import key
from bench.config.options import call


@dataclass
class Proatoms:
    """Calculate free atoms with CP2K, which share a density out among the atoms of a system."""

    elements: list[str] = key(MISSING, "symbols, as in Cu,Ag")


def main(words: Sequence[str]) -> int:
    """Make free atoms."""
    return call(words, Proatoms, run, verb="bench data proatoms")


def run(options: Proatoms) -> int:
    """Add the atoms to those of the package."""
    from bench.reference.proatoms import make_proatoms

    path = make_proatoms(options.elements)
    print(f"free atoms of {', '.join(options.elements)}: {path}")
    return 0
