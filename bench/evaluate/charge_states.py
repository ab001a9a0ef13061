"""Energies of one geometry at several total charges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import ase
import numpy as np

from bench.evaluate.record import mark_absent
from bench.evaluate.registry import (
    CHARGE_CURVATURE,
    CHARGE_DIFFERENCE,
    CHARGE_SPREAD,
    CHARGE_STATES,
    Family,
)
from bench.evaluate.scoring import Array, Sample, error_records
from bench.evaluate.selection import charge_name, converged, felt_field, total_charge
from bench.labels.keys import BASELINE_KEY, CHARGE_BLIND_KEY
from bench.labels.quantities import ENERGY
from bench.runs.records import Evaluation

CHARGE_BLIND = "the point does not know the total charge"


@dataclass(frozen=True)
class ChargeStates:
    """Energies of one geometry in one field, by total charge.

    Attributes:
        group: geometry.
        cell: composition and volume: what a zero of the potential depends on.
        energies: total charge to (reference, predicted, baseline) in eV.
        sound: total charges whose prediction converged and is finite.
    """

    group: str
    cell: str
    energies: dict[float, Array]
    sound: frozenset[float]


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
        """For scoring: the baseline is what the training set alone says."""
        reference, predicted, baseline = (self.values[k : k + 1] for k in range(3))
        return Sample(self.group, reference, predicted, baseline)


def charge_states(frames: Sequence[ase.Atoms]) -> Evaluation:
    """Errors of E(Q) − E(0), raw and less its mean over geometries, and of E(0) − 2E(+1) + E(+2).

    The raw difference holds a zero of the potential that a periodic cell does not define; the
    other two are free of it (a shift of the potential adds Q times a constant of the cell).
    """
    result = Evaluation()
    states = charge_groups(frames)
    if not states:
        reason = "no geometry with several total charges in the test set"
        mark_absent(result.absent, CHARGE_STATES, reason)
    elif any(a.info.get(CHARGE_BLIND_KEY, False) for a in frames):
        mark_absent(result.absent, CHARGE_STATES, CHARGE_BLIND)
    else:
        _score(result, CHARGE_DIFFERENCE, differences(states), "geometry with charge 0")
        _score(result, CHARGE_SPREAD, spreads(states), "cell with two geometries in two charges")
        _score(result, CHARGE_CURVATURE, curvatures(states), "geometry with charges q, q+1, q+2")
    return result


def _score(result: Evaluation, family: Family, found: Sequence[Difference], wanted: str) -> None:
    if not found:
        mark_absent(result.absent, [family], f"no {wanted} in the test set")
        return
    by_subset: dict[str, list[Difference]] = defaultdict(list)
    for difference in found:
        by_subset["all"].append(difference)
        by_subset[difference.subset].append(difference)
    for subset, members in by_subset.items():
        samples = [d.sample for d in members if d.sound]
        if samples:
            result.records.extend(error_records(family, subset, samples))
        else:
            unsound = f"not converged or not finite in all of {len(members)} geometries"
            mark_absent(result.absent, [family], unsound, subset=subset)


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


def charge_groups(frames: Sequence[ase.Atoms]) -> list[ChargeStates]:
    """Geometries with more than one total charge in the same field.

    Of several states with one charge (spin multiplicities) the one of lowest energy counts.
    """
    members: dict[tuple[str, ...], dict[float, ase.Atoms]] = defaultdict(dict)
    labelled = [a for a in frames if ENERGY.reference_key in a.info]
    for atoms in sorted(labelled, key=_reference_energy, reverse=True):
        key = (str(atoms.info["group"]), str(felt_field(atoms).round(6).tolist()))
        members[key][total_charge(atoms)] = atoms
    groups = {key: by_charge for key, by_charge in members.items() if len(by_charge) > 1}
    return [_charge_states(key[0], groups[key]) for key in sorted(groups)]


def _reference_energy(atoms: ase.Atoms) -> float:
    return float(atoms.info[ENERGY.reference_key])


def _charge_states(group: str, by_charge: dict[float, ase.Atoms]) -> ChargeStates:
    keys = (ENERGY.reference_key, ENERGY.predicted_key, BASELINE_KEY)
    energies = {
        charge: np.array([float(atoms.info[key]) for key in keys])
        for charge, atoms in by_charge.items()
    }
    some = next(iter(by_charge.values()))
    return ChargeStates(
        group,
        f"{some.get_chemical_formula()} {some.cell.volume:.1f}",
        energies,
        frozenset(
            charge
            for charge, atoms in by_charge.items()
            if converged(atoms) and np.isfinite(energies[charge]).all()
        ),
    )
