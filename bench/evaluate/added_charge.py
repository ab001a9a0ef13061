"""What a charge does at equal geometry: where it goes, and which forces it makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ase
import numpy as np

from bench.evaluate.charge_groups import StatePair
from bench.evaluate.registry import (
    ADDED_CHARGE,
    CHARGE_FORCES,
    RADIAL_CHARGE,
    VACANCY_CHARGE,
    VACANCY_CHARGES,
    Family,
)
from bench.evaluate.scoring import UNSOUND, Array, Missing, Sample, score_by_subset
from bench.evaluate.selection import converged
from bench.labels.keys import VACANCY_SITE_KEY
from bench.labels.quantities import FORCES, MULTIPOLES, Quantity
from bench.runs.records import Evaluation

NEAR = 3.0  # Å: a vacancy's neighbours and theirs, in quartz 2 silicon and 6 oxygen atoms
RADII = np.arange(0.25, 5.01, 0.25)  # Å


@dataclass(frozen=True)
class RadialCharge:
    """How an added charge is spread around a vacancy.

    Attributes:
        distance: [n] of each atom's nearest image from the vacancy in Å.
        reference: [n] q(Q) − q(0) of each atom in e.
        predicted: [n] of the model.
    """

    distance: Array
    reference: Array
    predicted: Array

    def within(self, radii: Array) -> tuple[Array, Array]:
        """[r] reference and predicted added charge (e) of the atoms within radii (Å)."""
        inside = self.distance <= np.asarray(radii)[:, None]
        return inside @ self.reference, inside @ self.predicted


def score_added_charge(result: Evaluation, pairs: Sequence[StatePair]) -> None:
    """Add the errors of F(Q) − F(0), of q(Q) − q(0) and of its spread around a vacancy."""
    comparisons: dict[Family, Callable[[StatePair], Sample]] = {
        CHARGE_FORCES: _forces,
        ADDED_CHARGE: _charges,
        VACANCY_CHARGE: lambda pair: _sample(pair, *radial_charge(pair).within(np.array([NEAR]))),
        RADIAL_CHARGE: lambda pair: _sample(pair, *radial_charge(pair).within(RADII)),
    }
    wanted = "geometry with charge 0"
    for family, compare in comparisons.items():
        named = VACANCY_CHARGES if family is VACANCY_CHARGE else ()
        score_by_subset(result, family, pairs, compare, wanted, named=named)


def radial_charge(pair: StatePair) -> RadialCharge:
    """The added charge of one geometry.

    Raises:
        Missing: no vacancy, no charges, or a prediction that is not sound.
    """
    if VACANCY_SITE_KEY not in pair.neutral.info:
        raise Missing(f"no {VACANCY_SITE_KEY} in the test set")
    reference, predicted = _difference(pair, MULTIPOLES)
    return RadialCharge(distance_from_vacancy(pair.neutral), reference[:, 0], predicted[:, 0])


def distance_from_vacancy(atoms: ase.Atoms) -> Array:
    """[n] distance in Å of each atom's nearest image from ``vacancy_site``."""
    marked = atoms + ase.Atoms("X", [atoms.info[VACANCY_SITE_KEY]])
    distances: Array = marked.get_distances(-1, range(len(atoms)), mic=True)
    return distances


def _forces(pair: StatePair) -> Sample:
    reference, predicted = _difference(pair, FORCES)
    return _sample(pair, 1000.0 * reference.ravel(), 1000.0 * predicted.ravel())


def _charges(pair: StatePair) -> Sample:
    reference, predicted = _difference(pair, MULTIPOLES)
    return _sample(pair, reference[:, 0], predicted[:, 0])


def _sample(pair: StatePair, reference: Array, predicted: Array) -> Sample:
    """The training mean does not know of charges."""
    return Sample(pair.group, reference, predicted, np.zeros(reference.shape))


def _difference(pair: StatePair, label: Quantity) -> tuple[Array, Array]:
    """[n, c] charged less neutral, of the reference and of the model.

    Raises:
        Missing: either does not have it, or the model's is not sound.
    """
    both = (pair.charged, pair.neutral)
    differences = []
    reasons = {
        label.reference_key: "no reference in the test set",
        label.predicted_key: "not predicted",
    }
    for key, reason in reasons.items():
        if any(key not in atoms.arrays for atoms in both):
            raise Missing(reason)
        charged, neutral = (atoms.arrays[key].reshape(len(atoms), -1) for atoms in both)
        differences.append(charged - neutral)
    if not all(converged(atoms) for atoms in both) or not np.isfinite(differences[1]).all():
        raise Missing(UNSOUND)
    return differences[0], differences[1]
