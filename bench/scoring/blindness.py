"""Whether predictions notice the total charge and the field at all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import ase
import numpy as np

from bench.evaluate.selection import felt_field, total_charge
from bench.labels.quantities import ENERGY

SAME = (1e-6, 1e-9)  # eV and relative: what a calculator repeats for the same input
CHARGE, FIELD = "the total charge", "the electric field"


def unnoticed(frames: Sequence[ase.Atoms]) -> dict[str, str]:
    """What makes no difference to the predicted energies, with two structures that show it.

    Structures of one geometry in several fields, or at several charges, must not have one energy.

    Args:
        frames: with state and predicted energies, of any split.
    """
    found = {}
    for name, differs, equal in (
        (CHARGE, total_charge, felt_field),
        (FIELD, felt_field, total_charge),
    ):
        pairs = [
            (one, other)
            for alike in _geometries(frames)
            for one, other in combinations(alike, 2)
            if not np.allclose(differs(one), differs(other), rtol=0, atol=1e-9)
            and np.allclose(equal(one), equal(other), rtol=0, atol=1e-9)
        ]
        if pairs and all(same_energy(*pair) for pair in pairs):
            one, other = (str(atoms.info["uid"]) for atoms in pairs[0])
            found[name] = f"{len(pairs)} pairs of one geometry, such as {one} and {other}"
    return found


def _geometries(frames: Sequence[ase.Atoms]) -> list[list[ase.Atoms]]:
    found: dict[tuple[bytes, ...], list[ase.Atoms]] = {}
    for atoms in frames:
        if ENERGY.predicted_key in atoms.info:
            parts = (atoms.positions.round(4) + 0.0, atoms.cell.array.round(4) + 0.0)
            key = (atoms.numbers.tobytes(), *(part.tobytes() for part in parts))
            found.setdefault(key, []).append(atoms)
    return list(found.values())


def same_energy(one: ase.Atoms, other: ase.Atoms) -> bool:
    """Whether two predicted energies are one, but for the last digits."""
    energies = [float(atoms.info[ENERGY.predicted_key]) for atoms in (one, other)]
    absolute, relative = SAME
    return bool(abs(energies[0] - energies[1]) <= absolute + relative * abs(energies[0]))
