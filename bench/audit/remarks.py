"""What a person should look at in structures before training on them, one line per kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from bench.data.pairs import pairs
from bench.labels.keys import TOTAL_CHARGE_KEY
from bench.labels.quantities import FORCES

NEIGHBOURLESS = 5.0  # Å, the backbone's default r_max: beyond it an atom has no edge
TOO_CLOSE = 0.5  # of the sum of two covalent radii: 0.31 Å for H-H, 0.66 Å for O-O
_SHOWN = 5
_NOBLE_GASES = (0, 2, 10, 18, 36, 54, 86)


def structure_remarks(frames: Sequence[Atoms], names: Sequence[str]) -> list[str]:
    """One line for each kind of oddity, with how many structures show it and the first few.

    Args:
        frames: structures with the data set's keys.
        names: how to call them, such as ``structure 3`` or a uid.
    """
    lines = []
    for what, look in _KINDS.items():
        told = [(name, found) for name, atoms in zip(names, frames) if (found := look(atoms))]
        if told:
            which = listed([f"{name} ({found})" for name, found in told])
            lines.append(f"{what}: {len(told)} of {len(frames)} structures: {which}")
    return lines


def listed(items: Sequence[str]) -> str:
    """The first few of many: ``a, b and 7 more``."""
    shown = ", ".join(items[:_SHOWN])
    return shown if len(items) <= _SHOWN else f"{shown} and {len(items) - _SHOWN} more"


def zero_forces(atoms: Atoms) -> str:
    """What is odd: every force of several atoms is exactly zero, as of a filler."""
    forces = atoms.arrays.get(FORCES.reference_key)
    filled = forces is not None and len(atoms) > 1 and not np.any(forces)
    return f"{len(atoms)} atoms" if filled else ""


def close_pair(atoms: Atoms) -> str:
    """What is odd: the nearest pair, where it is below half the sum of the covalent radii."""
    found = pairs(atoms, 2 * TOO_CLOSE * covalent_radii[atoms.numbers].max(initial=0.0) + 0.01)
    radii = covalent_radii[atoms.numbers]
    relative = found.distance / (radii[found.first] + radii[found.second])
    if not len(relative) or relative.min() >= TOO_CLOSE:
        return ""
    at = int(relative.argmin())
    i, j = int(found.first[at]), int(found.second[at])
    return f"{atoms.symbols[i]} {i} and {atoms.symbols[j]} {j}, {found.distance[at]:.2f} Å"


def isolated(atoms: Atoms) -> str:
    """What is odd: atoms that no model sees neighbours of."""
    for cutoff in (3.0, NEIGHBOURLESS):  # most structures end with the short list
        lonely = np.setdiff1d(np.arange(len(atoms)), pairs(atoms, cutoff).first)
        if not len(lonely):
            return ""
    return listed([f"{atoms.symbols[i]} {i}" for i in lonely.tolist()])


def impossible_charge(atoms: Atoms) -> str:
    """What is odd: more charge than the neutral atoms have valence electrons."""
    charge = float(atoms.info[TOTAL_CHARGE_KEY])
    electrons = sum(map(valence_electrons, atoms.numbers.tolist()))
    return f"{charge:+g} e, {electrons} valence electrons" if abs(charge) > electrons else ""


def valence_electrons(number: int) -> int:
    """Electrons outside the noble gas core and outside closed d and f shells.

    Args:
        number: atomic number.
    """
    core = max(gas for gas in _NOBLE_GASES if gas < number or gas == 0)
    electrons = number - core
    if core >= 54:
        if electrons <= 16:  # an open f shell
            return electrons
        electrons -= 14
    return electrons - 10 if core >= 18 and electrons > 12 else electrons


_KINDS: dict[str, Callable[[Atoms], str]] = {
    "all forces exactly zero, a filler?": zero_forces,
    f"atoms nearer than {TOO_CLOSE:g} of their covalent radii": close_pair,
    f"atoms without a neighbour within {NEIGHBOURLESS:g} Å": isolated,
    "more total charge than valence electrons": impossible_charge,
}
