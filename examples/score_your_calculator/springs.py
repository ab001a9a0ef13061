"""A calculator of one's own: springs between near atoms, and charges that a field moves."""

from __future__ import annotations

from collections.abc import Sequence

import ase
import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.neighborlist import neighbor_list

LENGTH = 2.0  # Å, at which a spring is at rest
ELECTRONEGATIVE = {"O": -0.6, "H": 0.3}  # e


class Springs(Calculator):  # type: ignore[misc]  # ase has no types
    """½ k (r − 2 Å)² of atoms within 2 Å, and −M·E of fixed charges in a field.

    Args:
        stiffness: k in eV/Å².
    """

    implemented_properties = ["energy", "forces", "dipole", "charges"]

    def __init__(self, stiffness: float) -> None:
        super().__init__()
        self.stiffness = stiffness

    def calculate(
        self,
        atoms: ase.Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Energy (eV), forces (eV/Å), dipole (e Å) and charges (e)."""
        super().calculate(atoms, properties, system_changes)
        assert atoms is not None
        first, distance, vector = neighbor_list("idD", atoms, LENGTH)
        field = np.asarray(atoms.info["electric_field"])  # V/Å; the total charge likewise
        charges = np.array([ELECTRONEGATIVE.get(symbol, 0.0) for symbol in atoms.symbols])
        charges += (atoms.info["total_charge"] - charges.sum()) / len(atoms)
        pull = self.stiffness * (distance - LENGTH)
        forces = charges[:, None] * field
        np.add.at(forces, first, (pull / distance)[:, None] * vector)
        dipole = charges @ atoms.positions
        energy = 0.25 * self.stiffness * ((distance - LENGTH) ** 2).sum() - dipole @ field
        self.results = {"energy": energy, "forces": forces, "dipole": dipole, "charges": charges}


def make(stiffness: float = 1.0) -> Springs:
    """What `bench evaluate` calls."""
    return Springs(stiffness)
