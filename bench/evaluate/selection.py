"""Which test structures belong together, and which can be scored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import ase
import numpy as np

from bench.labels.keys import APPLIED_FIELD_KEY, CONVERGED_KEY, ELECTRIC_FIELD_KEY, TOTAL_CHARGE_KEY

NO_APPLIED_FIELD = 1e-3  # V/Å


def converged(atoms: ase.Atoms) -> bool:
    """Whether its density converged; True where the point has no density to converge."""
    return bool(atoms.info.get(CONVERGED_KEY, True))


def total_charge(atoms: ase.Atoms) -> int | float:
    """Total charge in e, an integer where it is one."""
    charge = float(atoms.info[TOTAL_CHARGE_KEY])
    return int(charge) if charge.is_integer() else charge


def charge_name(*charges: float) -> str:
    """``charge=+1`` or ``charge=0,+1,+2``."""
    return "charge=" + ",".join(f"{charge:+g}" if charge else "0" for charge in charges)


def felt_field(atoms: ase.Atoms) -> np.ndarray:
    """[3] in V/Å: the field of the labels, which the system feels."""
    return np.asarray(atoms.info[ELECTRIC_FIELD_KEY], dtype=float)


def without_applied_field(atoms: ase.Atoms) -> bool:
    """Whether nobody applied a field to it.

    A slab calculated in a periodic cell feels its images' dipoles beside the field that was applied
    (datasets/README.md), so the data state both; where they state one only, it is the one felt.
    """
    applied = atoms.info.get(APPLIED_FIELD_KEY, felt_field(atoms))
    return bool(np.linalg.norm(applied) < NO_APPLIED_FIELD)


def subsets(frames: Sequence[ase.Atoms]) -> dict[str, list[int]]:
    """Indices by subset: all, those of the data, without applied field, per total charge.

    The last two are there where fields, or charges, differ within the test set.
    """
    chosen: dict[str, list[int]] = defaultdict(list)
    chosen["all"] = list(range(len(frames)))
    for index, atoms in enumerate(frames):
        name = str(atoms.info["subset"])
        chosen["subset=all" if name == "all" else name].append(index)
    if any(np.any(felt_field(a)) for a in frames):
        chosen["no_applied_field"] = [i for i, a in enumerate(frames) if without_applied_field(a)]
    charges = [total_charge(a) for a in frames]
    for charge in sorted(set(charges)) if len(set(charges)) > 1 else []:
        chosen[charge_name(charge)] = [i for i, q in enumerate(charges) if q == charge]
    return dict(chosen)
