"""One geometry at several total charges: energies, forces, charges, levels, against DFT."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import ase
import numpy as np

from bench.evaluate.added_charge import score_added_charge
from bench.evaluate.charge_groups import (
    CHARGE_BLIND,
    NO_GROUP,
    ChargeStates,
    charge_groups,
    is_charge_blind,
    state_pairs,
)
from bench.evaluate.record import mark_absent
from bench.evaluate.registry import (
    CHARGE_CURVATURE,
    CHARGE_DIFFERENCE,
    CHARGE_SPREAD,
    CHARGE_STATES,
    CHARGE_VALUES,
    EQUAL_GEOMETRY_VALUES,
    RELAXED,
    TRANSITION_LEVEL,
    TRANSITION_LEVELS,
    Family,
    MetricInfo,
)
from bench.evaluate.relaxed import score_relaxed
from bench.evaluate.scoring import Array, Sample, score_by_subset, sound_sample
from bench.evaluate.transition_levels import score_levels
from bench.labels.state import charge_name
from bench.runs.records import Evaluation


@dataclass(frozen=True)
class Difference:
    """A combination of energies of one geometry.

    Attributes:
        group: geometry.
        cell: composition and volume.
        subset: which charges, such as ``charge=+1``.
        values: [3] reference, predicted, baseline in eV.
        sound: whether all its predictions converged and are finite.
    """

    group: str
    cell: str
    subset: str
    values: Array
    sound: bool

    @property
    def sample(self) -> Sample:
        """For scoring: the baseline is what the training set alone says.

        Raises:
            Missing: a prediction is not sound.
        """
        return sound_sample(self.group, self.values, sound=self.sound)


def charge_states(frames: Sequence[ase.Atoms]) -> Evaluation:
    """Errors of everything that a total charge changes.

    E(Q) − E(0) holds a zero of the potential that a periodic cell does not define; less its mean
    over geometries it does not, nor does E(0) − 2E(+1) + E(+2) (a shift of the potential adds Q
    times a constant of the cell).
    """
    result = Evaluation()
    states = charge_groups(frames)
    if is_charge_blind(frames):
        _mark(result, (*CHARGE_STATES, *RELAXED), CHARGE_VALUES, CHARGE_BLIND)
        return result
    if states:
        _score(result, CHARGE_DIFFERENCE, differences(states), "geometry with charge 0")
        _score(result, CHARGE_SPREAD, spreads(states), "cell with two geometries in two charges")
        _score(result, CHARGE_CURVATURE, curvatures(states), "geometry with charges q, q+1, q+2")
        score_added_charge(result, list(state_pairs(states)))
        score_levels(result, TRANSITION_LEVEL, TRANSITION_LEVELS, states)
    else:
        _mark(result, CHARGE_STATES, EQUAL_GEOMETRY_VALUES, NO_GROUP)
    score_relaxed(result, frames)
    return result


def _mark(
    result: Evaluation, families: Sequence[Family], metrics: Sequence[MetricInfo], reason: str
) -> None:
    mark_absent(result.absent, families, reason)
    result.absent.update({metric.name: reason for metric in metrics})


def _score(result: Evaluation, family: Family, found: Sequence[Difference], wanted: str) -> None:
    score_by_subset(result, family, found, lambda difference: difference.sample, wanted)


def differences(states: Sequence[ChargeStates]) -> list[Difference]:
    """E(Q) − E(0) of every geometry that has both."""
    return [
        _combine(state, {charge: 1, 0: -1}, charge_name(charge))
        for state in states
        for charge in sorted(state.energies)
        if charge != 0 and 0 in state.energies
    ]


def curvatures(states: Sequence[ChargeStates]) -> list[Difference]:
    """E(Q) − 2 E(Q+1) + E(Q+2) of every geometry that has the three."""
    return [
        _combine(state, {q: 1, q + 1: -2, q + 2: 1}, charge_name(q, q + 1, q + 2))
        for state in states
        for q in sorted(state.energies)
        if {q + 1, q + 2} <= set(state.energies)
    ]


def spreads(states: Sequence[ChargeStates]) -> list[Difference]:
    """E(Q) − E(0) less its mean over the geometries of one cell and charge, where there are two."""
    alike: dict[tuple[str, str], list[Difference]] = defaultdict(list)
    for difference in differences(states):
        alike[difference.cell, difference.subset].append(difference)
    return [
        centred for members in alike.values() if len(members) > 1 for centred in _centre(members)
    ]


def _centre(members: Sequence[Difference]) -> list[Difference]:
    """Take the mean of those that are scored; a single one would score zero, so it is not."""
    sound = [d.values for d in members if d.sound]
    mean = np.mean(sound, axis=0) if sound else np.zeros(3)
    return [replace(d, values=d.values - mean, sound=d.sound and len(sound) > 1) for d in members]


def _combine(state: ChargeStates, weights: dict[float, int], subset: str) -> Difference:
    values = sum(weight * state.energies[charge] for charge, weight in weights.items())
    return Difference(
        state.group, state.cell, subset, np.asarray(values), set(weights) <= state.sound
    )
