"""The quantities that are compared structure by structure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ase
import numpy as np

from bench.data.statistics import TrainingMeans
from bench.errors import BenchError
from bench.evaluate.scoring import Array
from bench.labels.keys import (
    BASELINE_KEY,
    DIPOLE,
    DIPOLE_MASK_KEY,
    ENERGY,
    FERMI_LEVEL,
    FORCES,
    LABELS,
    MULTIPOLES,
    POLARIZABILITY,
    POTENTIAL,
    STRESS,
    TOTAL_CHARGE_KEY,
)

PER_ATOM = {
    key
    for label in (*LABELS.values(), POTENTIAL)
    if label.per_atom
    for key in (label.reference_key, label.predicted_key)
}


def stored(atoms: ase.Atoms, key: str) -> Any | None:
    """A value under a ``REF_`` or ``PRED_`` key; None where it is missing."""
    return (atoms.arrays if key in PER_ATOM else atoms.info).get(key)


@dataclass(frozen=True)
class Quantity:
    """One family of errors: where its values are and what of them counts.

    Attributes:
        family: key of ``ACCURACY``.
        reference_key: of the reference value.
        predicted_key: of the predicted value.
        take: (value, atoms) to the numbers that count, in the family's unit.
        mean: the training mean as such a value; None where the training set has none.
    """

    family: str
    reference_key: str
    predicted_key: str
    take: Callable[[Array, ase.Atoms], Array]
    mean: Callable[[ase.Atoms, TrainingMeans], Any | None]

    def reference(self, atoms: ase.Atoms, index: int) -> Array | None:
        """[k] reference values; None where the structure has none.

        Raises:
            BenchError: a reference that is not finite.
        """
        values = self._values(atoms, stored(atoms, self.reference_key))
        if values is None or values.size == 0:
            return None
        if not np.isfinite(values).all():
            raise BenchError(
                f"structure {index} ({atoms.info.get('uid')}): {self.reference_key} is not finite.",
                "Remove the structure or the label from the data set.",
            )
        return values

    def predicted(self, atoms: ase.Atoms) -> Array | None:
        """[k] predicted values, possibly not finite; None where the point does not predict it."""
        values = self._values(atoms, stored(atoms, self.predicted_key))
        return None if values is None or values.size == 0 else values

    def of_mean(self, atoms: ase.Atoms, means: TrainingMeans) -> Array | None:
        """[k] values of the training mean; None where the training set has none."""
        return self._values(atoms, self.mean(atoms, means))

    def _values(self, atoms: ase.Atoms, value: Any | None) -> Array | None:
        if value is None:
            return None
        return self.take(np.asarray(value, dtype=float), atoms).reshape(-1)


def _above_baseline(energy: Array, atoms: ase.Atoms) -> Array:
    """meV per atom; without the baseline, composition would drown the deviation."""
    return np.asarray(1000.0 * (energy - atoms.info[BASELINE_KEY]) / len(atoms))


def _defined(dipole: Array, atoms: ase.Atoms) -> Array:
    mask = np.asarray(atoms.info.get(DIPOLE_MASK_KEY, np.zeros(3)), dtype=bool)
    return np.asarray(dipole[mask])


def _both_defined(tensor: Array, atoms: ase.Atoms) -> Array:
    mask = np.asarray(atoms.info.get(DIPOLE_MASK_KEY, np.zeros(3)), dtype=bool)
    return np.asarray(tensor.reshape(3, 3)[np.ix_(mask, mask)])


def _of_bulk(stress: Array, atoms: ase.Atoms) -> Array:
    """meV/Å³; a strain means nothing where an axis is open."""
    return 1000.0 * stress if atoms.pbc.all() else np.empty(0)


def _rows(multipoles: Array, atoms: ase.Atoms) -> Array:
    """A row per atom: extxyz gives charges alone, of a point with l_max = 0, back without rows."""
    return multipoles.reshape(len(atoms), -1)


def _mean_multipoles(atoms: ase.Atoms, means: TrainingMeans) -> Any | None:
    try:
        return [means.multipoles[str(number)] for number in atoms.numbers]
    except KeyError:  # an element that the training set does not hold
        return None


_MULTIPOLES = (MULTIPOLES.reference_key, MULTIPOLES.predicted_key)

QUANTITIES = (
    Quantity(
        "energy",
        ENERGY.reference_key,
        ENERGY.predicted_key,
        take=_above_baseline,
        mean=lambda atoms, _: atoms.info[BASELINE_KEY],
    ),
    Quantity(
        "forces",
        FORCES.reference_key,
        FORCES.predicted_key,
        take=lambda forces, _: 1000.0 * forces,
        mean=lambda atoms, _: np.zeros((len(atoms), 3)),
    ),
    Quantity(
        "dipole",
        DIPOLE.reference_key,
        DIPOLE.predicted_key,
        take=_defined,
        mean=lambda _, means: means.dipole,
    ),
    Quantity("charges", *_MULTIPOLES, take=lambda p, a: _rows(p, a)[:, 0], mean=_mean_multipoles),
    Quantity(
        "atomic_dipoles",
        *_MULTIPOLES,
        take=lambda p, a: _rows(p, a)[:, 1:],
        mean=_mean_multipoles,
    ),
    Quantity(
        "fermi_level",
        FERMI_LEVEL.reference_key,
        FERMI_LEVEL.predicted_key,
        take=lambda level, _: level,
        mean=lambda _, means: means.fermi_level,
    ),
    Quantity(
        "potential",
        POTENTIAL.reference_key,
        POTENTIAL.predicted_key,
        take=lambda potential, _: potential,
        mean=lambda *_: None,
    ),
    Quantity(
        "stress",
        STRESS.reference_key,
        STRESS.predicted_key,
        take=_of_bulk,
        mean=lambda *_: None,
    ),
    Quantity(
        "polarizability",
        POLARIZABILITY.reference_key,
        POLARIZABILITY.predicted_key,
        take=_both_defined,
        mean=lambda *_: None,
    ),
    Quantity(
        "total_charge",
        TOTAL_CHARGE_KEY,
        "PRED_total_charge",
        take=lambda charge, _: charge,
        mean=lambda *_: None,
    ),
)


def non_finite(frames: Sequence[ase.Atoms]) -> dict[str, list[int]]:
    """Predicted key to the indices of structures where it is NaN or infinite."""
    found: dict[str, list[int]] = {}
    for quantity in QUANTITIES:
        for index, atoms in enumerate(frames):
            values = quantity.predicted(atoms)
            if values is not None and not np.isfinite(values).all():
                known = found.setdefault(quantity.predicted_key, [])
                known.extend([index] if index not in known else [])
    return found
