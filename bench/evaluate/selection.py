"""Which test structures belong together, and which can be scored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import ase
import numpy as np
from numpy.typing import NDArray

from bench.data.statistics import FieldRange
from bench.evaluate.registry import BEYOND
from bench.labels.keys import (
    APPLIED_FIELD_KEY,
    ASIDE_KEY,
    CONVERGED_KEY,
    ELECTRIC_FIELD_KEY,
    TOTAL_CHARGE_KEY,
)
from bench.labels.state import SAME_FIELD, charge_name

NO_APPLIED_FIELD = 1e-3  # V/Å


def converged(atoms: ase.Atoms) -> bool:
    """Whether its density converged; True where the point has no density to converge."""
    return bool(atoms.info.get(CONVERGED_KEY, True))


def headline(frames: Sequence[ase.Atoms]) -> list[ase.Atoms]:
    """Those that numbers over all test structures are made of: none that the data set aside."""
    return [atoms for atoms in frames if not aside(atoms)]


def aside(atoms: ase.Atoms) -> bool:
    """Whether the data set it aside: no number but that of its own subset counts it."""
    return bool(atoms.info.get(ASIDE_KEY, False))


def total_charge(atoms: ase.Atoms) -> int | float:
    """Total charge in e, an integer where it is one."""
    charge = float(atoms.info[TOTAL_CHARGE_KEY])
    return int(charge) if charge.is_integer() else charge


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


def beyond(
    field: np.ndarray, field_range: FieldRange, axis: int | None = None
) -> NDArray[np.bool_]:
    """[k] whether felt fields lie outside of those that training has seen.

    Args:
        field: [k] along ``axis``, or [k, 3], in V/Å.
        field_range: least and largest felt field of the training set, [2][3] in V/Å.
        axis: 0, 1 or 2; None for fields with three components.
    """
    low, high = np.array(field_range) if axis is None else np.array(field_range)[:, axis]
    outside = (field < low - SAME_FIELD) | (field > high + SAME_FIELD)
    return np.asarray(outside.any(axis=-1) if axis is None else outside)


def subsets(
    frames: Sequence[ase.Atoms], field_range: FieldRange | None = None
) -> dict[str, list[int]]:
    """Indices by subset: all, those of the data, by field, per total charge.

    The last ones are there where fields, or charges, differ within the test set.  Structures that
    the data set aside are in their own subset alone.

    Args:
        frames: the test set.
        field_range: as of ``beyond``; None leaves that subset out.
    """
    chosen: dict[str, list[int]] = defaultdict(list)
    chosen["all"] = [i for i, atoms in enumerate(frames) if not aside(atoms)]
    for index, atoms in enumerate(frames):
        name = str(atoms.info["subset"])
        chosen["subset=all" if name == "all" else name].append(index)
    counted = {i: frames[i] for i in chosen["all"]}
    if any(np.any(felt_field(a)) for a in counted.values()):
        chosen["no_applied_field"] = [i for i, a in counted.items() if without_applied_field(a)]
        if field_range is not None:
            outside = beyond(np.stack([felt_field(a) for a in counted.values()]), field_range)
            chosen[BEYOND] = [i for i, out in zip(counted, outside) if out]
    charges = {i: total_charge(a) for i, a in counted.items()}
    several = sorted(set(charges.values()))
    for charge in several if len(several) > 1 else []:
        chosen[charge_name(charge)] = [i for i, q in charges.items() if q == charge]
    return dict(chosen)
