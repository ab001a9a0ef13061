"""Defects at the minimum of each charge: geometries, levels and formation energies.

Structures with ``subset=relaxed`` are minima of the reference; predictions hold the model's minimum
of the same basin (:mod:`bench.inference.relax`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import ase
import numpy as np
from ase.geometry import find_mic

from bench.evaluate.charge_groups import ChargeStates, states_of
from bench.evaluate.record import mark_absent
from bench.evaluate.registry import (
    FORMATION_ENERGIES,
    FORMATION_ENERGY,
    RELAXED,
    RELAXED_LEVEL,
    RELAXED_LEVELS,
    RELAXED_POSITIONS,
    RELAXED_VALUES,
    VACANCY_OPENING,
    VACANCY_OPENINGS,
)
from bench.evaluate.scoring import UNSOUND, Array, Missing, Sample, score_by_subset
from bench.evaluate.selection import total_charge
from bench.evaluate.transition_levels import NO_DIELECTRIC, correction, score_levels
from bench.labels.keys import (
    RELAXED_CONVERGED_KEY,
    RELAXED_ENERGY_KEY,
    RELAXED_POSITIONS_KEY,
    RELAXED_SUBSET,
    VACANCY_SITE_KEY,
)
from bench.labels.state import charge_name
from bench.runs.records import Evaluation

NO_RELAXED = f"no relaxed geometry (subset={RELAXED_SUBSET}) in the test set"
SAME_CELL = 1e-3  # relative: volumes of a defect's cell and of its host's


@dataclass(frozen=True)
class Minimum:
    """One relaxed structure.

    Attributes:
        atoms: at the reference's minimum, the model's beside it.
    """

    atoms: ase.Atoms

    @property
    def subset(self) -> str:
        """Which charge, such as ``charge=+1``."""
        return charge_name(total_charge(self.atoms))

    def model_displacements(self) -> Array:
        """[n, 3] in Å from the reference's minimum to the model's, less their mean.

        Raises:
            Missing: the model has none, or did not reach it.
        """
        if RELAXED_POSITIONS_KEY not in self.atoms.arrays:
            raise Missing("not relaxed by the model")
        moved = self.atoms.arrays[RELAXED_POSITIONS_KEY] - self.atoms.positions
        if not self.atoms.info.get(RELAXED_CONVERGED_KEY, True) or not np.isfinite(moved).all():
            raise Missing("the model's relaxation did not converge")
        nearest, _ = find_mic(moved, self.atoms.cell, self.atoms.pbc)
        return np.asarray(nearest - nearest.mean(0))


def score_relaxed(result: Evaluation, frames: Sequence[ase.Atoms]) -> None:
    """Add everything that relaxed geometries tell, or the reason why nothing."""
    minima = [Minimum(atoms) for atoms in frames if atoms.info["subset"] == RELAXED_SUBSET]
    if not minima:
        mark_absent(result.absent, RELAXED, NO_RELAXED)
        result.absent.update({metric.name: NO_RELAXED for metric in RELAXED_VALUES})
        return
    score_by_subset(result, RELAXED_POSITIONS, minima, _positions, "relaxed geometry")
    defects = [m for m in minima if VACANCY_SITE_KEY in m.atoms.info]
    wanted = "relaxed vacancy"
    score_by_subset(result, VACANCY_OPENING, defects, _opening, wanted, named=VACANCY_OPENINGS)
    states = relaxed_states(frames)
    score_levels(result, RELAXED_LEVEL, RELAXED_LEVELS, states, relaxed=True)
    energies = formation_energies(states, frames)
    wanted = "neutral relaxed vacancy with its relaxed host"
    score_by_subset(
        result,
        FORMATION_ENERGY,
        energies,
        lambda energy: energy.sample,
        wanted,
        named=FORMATION_ENERGIES,
    )


def _positions(minimum: Minimum) -> Sample:
    moved = minimum.model_displacements().ravel()
    return Sample(str(minimum.atoms.info["group"]), np.zeros(moved.shape), moved, None)


def _opening(minimum: Minimum) -> Sample:
    """Distance of the two atoms next to the vacancy: in quartz a bond of 2.4 Å or a gap.

    Both are of the element that is nearest: at charge +2 a silicon of quartz retreats through the
    plane of its oxygens, further from the vacancy than other oxygens are.  The distance is that
    across the vacancy: in a small cell another image of the second may be nearer to the first.
    """
    atoms, moved = minimum.atoms, minimum.model_displacements()
    away = atoms.positions - atoms.info[VACANCY_SITE_KEY]
    from_vacancy, distances = find_mic(away, atoms.cell, atoms.pbc)
    outwards = np.argsort(distances)
    pair = outwards[atoms.numbers[outwards] == atoms.numbers[outwards[0]]][:2]
    apart = np.diff(from_vacancy[pair], axis=0)
    changed = apart + np.diff(moved[pair], axis=0)
    reference, predicted = (np.linalg.norm(x, axis=1) for x in (apart, changed))
    return Sample(str(atoms.info["group"]), reference, predicted, None)


def relaxed_states(frames: Sequence[ase.Atoms]) -> list[ChargeStates]:
    """Every relaxed vacancy in its cell, by charge; predicted energies are the model's minima."""
    cells: dict[str, list[ase.Atoms]] = defaultdict(list)
    for atoms in frames:
        if atoms.info["subset"] == RELAXED_SUBSET and VACANCY_SITE_KEY in atoms.info:
            cells[f"{atoms.get_chemical_formula()} {atoms.cell.volume:.1f}"].append(atoms)
    return [
        states_of(f"relaxed {cell}", members, predicted_key=RELAXED_ENERGY_KEY)
        for cell, members in cells.items()
    ]


@dataclass(frozen=True)
class FormationEnergy:
    """Energy of a charged vacancy over its host's, at ε_F = 0.

    The atom taken away counts with the energy that the training set's baseline gives it.

    Attributes:
        group: defect.
        charge: in e.
        values: [2] reference and predicted in eV, the images' correction included.
        reason: why it cannot be scored; empty where it can.
    """

    group: str
    charge: float
    values: Array
    reason: str

    @property
    def subset(self) -> str:
        """Which charge, such as ``charge=+1``."""
        return charge_name(self.charge)

    @property
    def sample(self) -> Sample:
        """For scoring.

        Raises:
            Missing: it cannot be.
        """
        if self.reason:
            raise Missing(self.reason)
        return Sample(self.group, self.values[:1], self.values[1:], None)


def formation_energies(
    states: Sequence[ChargeStates], frames: Sequence[ase.Atoms]
) -> list[FormationEnergy]:
    """Of every relaxed vacancy whose neutral state and host are relaxed, too.

    E(Q) + ΔE(Q) − E(host) above the baselines of the neutral vacancy and of the host: the element's
    chemical potential is that of the baseline, its zero, the same for DFT and model.
    """
    hosts = [
        atoms
        for atoms in frames
        if atoms.info["subset"] == RELAXED_SUBSET
        and VACANCY_SITE_KEY not in atoms.info
        and total_charge(atoms) == 0
    ]
    found = []
    for state in states:
        volume = next(iter(state.frames.values())).cell.volume
        alike = [a for a in hosts if abs(a.cell.volume - volume) < SAME_CELL * volume]
        if alike and 0 in state.energies:
            host = states_of("host", alike, predicted_key=RELAXED_ENERGY_KEY)
            found += [_formation_energy(state, charge, host) for charge in sorted(state.energies)]
    return found


def _formation_energy(state: ChargeStates, charge: float, host: ChargeStates) -> FormationEnergy:
    shift = correction(state.frames[charge], relaxed=True)
    sound = charge in state.sound and 0 in host.sound
    zero = state.energies[0][2] + (host.energies[0][:2] - host.energies[0][2])
    values = state.energies[charge][:2] - zero + (shift or 0.0)
    reason = "" if sound else UNSOUND
    return FormationEnergy(state.group, charge, values, NO_DIELECTRIC if shift is None else reason)
