"""A few structures that stand for many."""

from __future__ import annotations

from collections.abc import Sequence

import ase
import numpy as np

from bench.labels.quantities import labels


def representative(frames: Sequence[ase.Atoms], size: int) -> list[ase.Atoms]:
    """Structures evenly spaced in size, and one with each element and label that those lack.

    Args:
        frames: of one split.
        size: how many, at least, where there are so many.
    """
    ordered = sorted(frames, key=len)
    places = (np.arange(size) + 0.5) / size * len(ordered)
    chosen = [ordered[i] for i in np.unique(places.astype(int)) if ordered]
    known = {what for atoms in chosen for what in _holds(atoms)}
    for atoms in ordered:
        if not known.issuperset(_holds(atoms)):
            chosen.append(atoms)
            known |= _holds(atoms)
    return chosen


def _holds(atoms: ase.Atoms) -> set[object]:
    """Elements and labels of a structure."""
    keys = {label.reference_key for label in labels().values()}
    return {*atoms.numbers.tolist(), *keys.intersection([*atoms.info, *atoms.arrays])}
