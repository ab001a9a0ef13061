"""``bench data``: make, check and describe reference data; one file per verb."""

from __future__ import annotations

from collections.abc import Sequence

from bench.verbs import Verb, dispatch

_HERE = "bench.commands.data"
VERBS = {
    "import": Verb(f"{_HERE}.import_file", "a system from an extxyz file of your own"),
    "export": Verb(f"{_HERE}.export", "the splits of a system as files, for codes elsewhere"),
    "audit": Verb(f"{_HERE}.audit", "counts, ranges, leakage, sum rules, outliers of a system"),
    "sample slab": Verb(f"{_HERE}.sample_slab", "geometries of a metal with water, to be labelled"),
    "sample vacancy": Verb(
        f"{_HERE}.sample_vacancy", "geometries of a crystal with an atom missing"
    ),
    "relax": Verb(f"{_HERE}.relax", "a planned structure relaxed with CP2K, step by step"),
    "plan": Verb(f"{_HERE}.plan", "order and extend a plan by its recipe and trajectories"),
    "propose": Verb(f"{_HERE}.propose", "frames to label next, by what trained runs disagree on"),
    "generate": Verb(f"{_HERE}.generate", "label what a plan lacks with CP2K"),
    "build": Verb(f"{_HERE}.build", "structures.extxyz and card.yaml from plan and labels"),
    "validate": Verb(f"{_HERE}.validate", "error bars: forces, dipoles, label noise, vacuum, spin"),
    "proatoms": Verb(f"{_HERE}.proatoms", "free atoms for the partition of densities"),
    "repartition": Verb(f"{_HERE}.repartition", "multipoles again from stored densities"),
    "describe": Verb(f"{_HERE}.describe", "datasets/README.md and pictures from the cards"),
}


def main(words: Sequence[str]) -> int:
    """Run one verb of ``bench data``; 0 done, 1 a violation or a failed structure."""
    about = "Reference data: import your own, or generate, check and describe."
    return dispatch(words, VERBS, command="bench data", about=about)
