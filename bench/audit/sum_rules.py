"""Sum rules of atomic charges and dipoles, judged by the precision that their labels have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from bench.data.box import centre_of
from bench.labels.keys import CARTESIAN_FROM_SPHERICAL, DIPOLE_MASK_KEY, TOTAL_CHARGE_KEY
from bench.labels.quantities import DIPOLE, MULTIPOLES

Array = NDArray[np.float64]

UNITS = {"charge": "e", "dipole": "e Å"}
TEXTS = {"charge": "Σq = Q", "dipole": "Σ(q r + d) = dipole"}
FLOOR = 1e-6  # e and e Å: eight decimals of a file, summed
SIGMAS = 5.0  # of the sum of many rounding errors, each uniform
_DECIMALS = 10  # beyond them a number counts as exact


@dataclass(frozen=True)
class SumRule:
    """One kind of sum rule over a data set.

    Attributes:
        kind: ``charge`` or ``dipole``.
        checked: structures that have what it compares.
        broken: indices of structures off by more than their labels' precision.
        worst: largest deviation in e or e Å.
        worst_index: of that structure.
        tolerance: what rounding explains there.
    """

    kind: str
    checked: int
    broken: list[int]
    worst: float
    worst_index: int
    tolerance: float

    def line(self, names: Sequence[str]) -> str:
        """The finding in one line.

        Args:
            names: how to call the structures.
        """
        unit = UNITS[self.kind]
        worst = f"worst {self.worst:.1e} {unit} in {names[self.worst_index]}"
        if not self.broken:
            return f"{TEXTS[self.kind]} holds in all {self.checked} structures ({worst})"
        return (
            f"{TEXTS[self.kind]} is broken in {len(self.broken)} of {self.checked} structures "
            f"({worst}; the labels' rounding explains {self.tolerance:.1e} {unit})"
        )


def sum_rules(
    frames: Sequence[Atoms], resolutions: Mapping[str, float] | None = None
) -> list[SumRule]:
    """Both sum rules over a data set, where it has the labels.

    Args:
        frames: structures with the data set's keys.
        resolutions: step between neighbouring values of a label in its unit, by reference key, as
            a card may state; others are read off the decimals of the values.
    """
    steps = {
        key: (resolutions or {}).get(key) or _resolution(frames, key)
        for key in (MULTIPOLES.reference_key, DIPOLE.reference_key)
    }
    found: dict[str, list[tuple[int, float, float]]] = {"charge": [], "dipole": []}
    for index, atoms in enumerate(frames):
        off = deviations(atoms)
        allowed = tolerances(atoms, steps) if off else {}
        for kind, value in off.items():
            found[kind].append((index, value, allowed[kind]))
    return [_summarised(kind, rows) for kind, rows in found.items() if rows]


def stated_resolutions(card: Mapping[str, Any]) -> dict[str, float]:
    """Steps that a card states by reference key: units that were converted hide the decimals."""
    labels = card.get("labels", {}).items()
    return {key: float(entry["resolution"]) for key, entry in labels if "resolution" in entry}


def _summarised(kind: str, rows: Sequence[tuple[int, float, float]]) -> SumRule:
    index, worst, tolerance = max(rows, key=lambda row: row[1] / row[2])
    broken = [i for i, value, allowed in rows if value > allowed]
    return SumRule(kind, len(rows), broken, worst, index, tolerance)


def deviations(atoms: Atoms) -> dict[str, float]:
    """|Σq − Q| in e and the largest |Σ(q r + d) − dipole| in e Å over the defined components.

    Charged structures are compared about their box's centre, as models are.  Empty where the labels
    are absent; charges alone, without atomic dipoles, obey no rule of the dipole.
    """
    if MULTIPOLES.reference_key not in atoms.arrays:
        return {}
    rows = np.reshape(atoms.arrays[MULTIPOLES.reference_key], (len(atoms), -1))
    found = {"charge": abs(float(rows[:, 0].sum() - atoms.info[TOTAL_CHARGE_KEY]))}
    mask = np.reshape(np.asarray(atoms.info.get(DIPOLE_MASK_KEY, (0, 0, 0)), dtype=bool), 3)
    if DIPOLE.reference_key in atoms.info and mask.any() and rows.shape[1] >= 4:
        total = (
            rows[:, 0] @ (atoms.positions - centre_of(atoms))
            + rows[:, 1:4].sum(0)[CARTESIAN_FROM_SPHERICAL]
        )
        off = np.abs(total - np.reshape(atoms.info[DIPOLE.reference_key], 3))
        found["dipole"] = float(off[mask].max())
    return found


def tolerances(atoms: Atoms, steps: Mapping[str, float]) -> dict[str, float]:
    """Deviations that rounding explains: five standard deviations of its sum.

    A value rounded to a step h is off by h/√12.  So Σq is off by h √(n/12), and Σ(q r + d) − M by
    √((h² (Σr² + n) + h_M²)/12), r along the component.

    Args:
        atoms: a structure with multipoles.
        steps: h by reference key.
    """
    count = len(atoms)
    own, whole = steps[MULTIPOLES.reference_key], steps[DIPOLE.reference_key]
    reach = float(((atoms.positions - centre_of(atoms)) ** 2).sum(0).max()) + count
    errors = {"charge": own * np.sqrt(count), "dipole": np.hypot(own * np.sqrt(reach), whole)}
    return {kind: max(FLOOR, SIGMAS * float(e) / np.sqrt(12.0)) for kind, e in errors.items()}


def resolution(values: ArrayLike) -> float:
    """The step of decimal numbers: 1e-4 for 0.1234 and 0.5; 0 beyond ten decimals."""
    array = np.asarray(values, dtype=float).ravel()
    for decimals in range(_DECIMALS + 1):
        scaled = array * 10.0**decimals
        if np.abs(scaled - scaled.round()).max(initial=0.0) < 1e-12 * 10.0**decimals + 1e-9:
            return float(10.0**-decimals)
    return 0.0


def _resolution(frames: Sequence[Atoms], key: str) -> float:
    """Of all values under a key; the finest column of charges and dipoles together."""
    values = [np.ravel(s[key]) for a in frames for s in (a.arrays, a.info) if key in s]
    return resolution(np.concatenate(values)) if values else 0.0
