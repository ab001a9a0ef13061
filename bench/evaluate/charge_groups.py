"""Geometries that the test set has at several total charges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import ase
import numpy as np

from bench.evaluate.scoring import Array
from bench.evaluate.selection import converged, felt_field, total_charge
from bench.labels.keys import BASELINE_KEY, CHARGE_BLIND_KEY
from bench.labels.quantities import ENERGY
from bench.labels.state import charge_name

CHARGE_BLIND = "the point does not know the total charge"
NO_GROUP = "no geometry with several total charges in the test set"


@dataclass(frozen=True)
class ChargeStates:
    """One geometry in one field, by total charge; or one defect, each charge at its own minimum.

    Attributes:
        group: geometry.
        cell: composition and volume: what a zero of the potential depends on.
        frames: total charge to structure.
        energies: total charge to (reference, predicted, baseline) in eV.
        sound: total charges whose prediction converged and is finite.
    """

    group: str
    cell: str
    frames: dict[float, ase.Atoms]
    energies: dict[float, Array]
    sound: frozenset[float]


@dataclass(frozen=True)
class StatePair:
    """A geometry with a charge and without.

    Attributes:
        group: geometry.
        charge: in e.
        charged: the structure with the charge.
        neutral: the structure without.
    """

    group: str
    charge: float
    charged: ase.Atoms
    neutral: ase.Atoms

    @property
    def subset(self) -> str:
        """Which charge, such as ``charge=+1``."""
        return charge_name(self.charge)


def is_charge_blind(frames: Sequence[ase.Atoms]) -> bool:
    """Whether predictions come from a point that does not know the total charge."""
    return any(atoms.info.get(CHARGE_BLIND_KEY, False) for atoms in frames)


def state_pairs(states: Sequence[ChargeStates]) -> Iterator[StatePair]:
    """Every charged state of a geometry that has the neutral one, too."""
    for state in states:
        for charge in sorted(state.frames):
            if charge != 0 and 0 in state.frames:
                yield StatePair(state.group, charge, state.frames[charge], state.frames[0])


def charge_groups(frames: Sequence[ase.Atoms]) -> list[ChargeStates]:
    """Geometries with more than one total charge in the same field.

    Of several states with one charge (spin multiplicities) the one of lowest energy counts.
    """
    members: dict[tuple[str, str, bytes], list[ase.Atoms]] = defaultdict(list)
    for atoms in frames:
        if ENERGY.reference_key in atoms.info:
            field = str(felt_field(atoms).round(6).tolist())
            geometry = (atoms.positions.round(3) + 0.0).tobytes()  # no −0
            members[str(atoms.info["group"]), field, geometry].append(atoms)
    found = [states_of(key[0], members[key]) for key in sorted(members)]
    return [states for states in found if len(states.frames) > 1]


def states_of(
    group: str, frames: Sequence[ase.Atoms], *, predicted_key: str = ENERGY.predicted_key
) -> ChargeStates:
    """The state of lowest reference energy at each total charge.

    Args:
        group: geometry or defect.
        frames: of one composition and cell.
        predicted_key: in ``info``, of the predicted energy.
    """
    keys = (ENERGY.reference_key, predicted_key, BASELINE_KEY)
    by_charge = {total_charge(a): a for a in sorted(frames, key=_reference_energy, reverse=True)}
    energies = {
        charge: np.array([float(atoms.info.get(key, np.nan)) for key in keys])
        for charge, atoms in by_charge.items()
    }
    some = frames[0]
    return ChargeStates(
        group,
        f"{some.get_chemical_formula()} {some.cell.volume:.1f}",
        by_charge,
        energies,
        frozenset(
            charge
            for charge, atoms in by_charge.items()
            if converged(atoms) and np.isfinite(energies[charge]).all()
        ),
    )


def _reference_energy(atoms: ase.Atoms) -> float:
    return float(atoms.info[ENERGY.reference_key])
