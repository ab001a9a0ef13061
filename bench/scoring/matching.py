"""Which structure of a file is which of ours: by name, or by geometry and state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ase
import numpy as np
from numpy.typing import NDArray

from bench.data.checks import numbers
from bench.errors import BenchError
from bench.evaluate.selection import felt_field, total_charge
from bench.labels.quantities import TOTAL_CHARGE
from bench.scoring.foreign import Speech

NEAR = 1e-3  # Å, which rounding in files stays below
SAME_STATE = 1e-4  # e, V/Å
_SHOWN = 10


class Matcher:
    """Finds structures of a file among ours.

    Args:
        ours: the structures that are asked for.
        speech: keys and units of the file.
        path: of the file, for messages.
    """

    def __init__(self, ours: Sequence[ase.Atoms], speech: Speech, path: Path) -> None:
        self._speech, self._path = speech, path
        self._by_uid = {str(atoms.info["uid"]): atoms for atoms in ours}
        self._alike: dict[bytes, list[ase.Atoms]] = {}
        for atoms in ours:
            self._alike.setdefault(atoms.numbers.tobytes(), []).append(atoms)

    def match(self, given: ase.Atoms, index: int) -> ase.Atoms | None:
        """Ours that a structure of the file is; None where it is none of them.

        Args:
            given: as the file has it.
            index: in the file, for messages.

        Raises:
            BenchError: a name of ours with another geometry or state, or a structure that might be
                several of ours.
        """
        where = f"{self._path}, structure {index}"
        uid = str(given.info.get("uid", ""))
        candidates = self._candidates(given, where)
        if uid in self._by_uid:
            if not any(atoms is self._by_uid[uid] for atoms in candidates):
                raise BenchError(
                    f"{where}: uid={uid}, but elements, positions, charge or field are not those "
                    "of that structure.",
                    f"Positions have to agree to {NEAR} Å, in the same order of atoms.",
                )
            return self._by_uid[uid]
        if len(candidates) > 1:
            told = ", ".join(str(atoms.info["uid"]) for atoms in candidates[:_SHOWN])
            raise BenchError(
                f"{where} might be {told}, which differ in charge or field alone.",
                "State uid in the file, or charge and field: key.total_charge=KEY key.field=KEY.",
            )
        return candidates[0] if candidates else None

    def _candidates(self, given: ase.Atoms, where: str) -> list[ase.Atoms]:
        """Ours of the same geometry and, as far as the file states it, state."""
        length = self._speech.stated.factors["length"]
        positions = length * given.positions
        alike = self._alike.get(given.numbers.tobytes(), [])
        near = [a for a in alike if _apart(a, positions) < NEAR]
        return [a for a in near if self._same_state(a, given, where)]

    def _same_state(self, ours: ase.Atoms, given: ase.Atoms, where: str) -> bool:
        """Whether the file's charge and field, where it states them, are ours."""
        apart = []
        for name, own in ((TOTAL_CHARGE.name, total_charge(ours)), ("field", felt_field(ours))):
            key = next((key for key in self._speech.keys[name] if key in given.info), None)
            if key is not None:
                value = numbers(given.info[key], f"{where}: {key}").ravel()
                if name == "field" and value.size == 1:
                    value = np.array([0.0, 0.0, value.item()])
                if value.size != np.size(own):
                    raise BenchError(f"{where}: {key} has {value.size} numbers.")
                apart.append(np.abs(value * self._speech.stated.factors[name] - own).max())
        return max(apart, default=0.0) < SAME_STATE


def _apart(ours: ase.Atoms, positions: NDArray[np.float64]) -> float:
    """Largest distance in Å of an atom from its place, images along periodic axes being equal."""
    moved = positions - ours.positions
    if ours.cell.rank == 3 and ours.pbc.any():
        fractional = moved @ np.linalg.inv(ours.cell.array)
        moved = (fractional - ours.pbc * fractional.round()) @ ours.cell.array
    return float(np.linalg.norm(moved, axis=1).max())
