"""A model's own minimum near the reference's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ase
from ase.calculators.calculator import Calculator, SCFError
from ase.optimize import BFGS

from bench.inference.calculator import STATE_KEYS, BenchCalculator
from bench.labels.keys import RELAXED_CONVERGED_KEY, RELAXED_ENERGY_KEY, RELAXED_POSITIONS_KEY
from bench.models.base import Point

LARGEST_FORCE = 0.02  # eV/Å
MOST_STEPS = 300
LONGEST_MOVE = 0.1  # Å in a step: the minimum of this basin, not of another


def write_minimum(model: Point, atoms: ase.Atoms) -> None:
    """Relax with a point of ours; as ``write_minimum_of``.

    Args:
        model: a trained point.
        atoms: a minimum of the reference.
    """
    write_minimum_of(BenchCalculator(model), atoms, {key: atoms.info[key] for key in STATE_KEYS})


def write_minimum_of(calculator: Calculator, atoms: ase.Atoms, info: Mapping[str, Any]) -> None:
    """Relax at fixed cell, charge and field, starting from where the structure is.

    Adds the positions, the energy there and whether it was reached to ``arrays`` and ``info``; the
    structure itself stays where it is.

    Args:
        calculator: of ase.
        atoms: a minimum of the reference.
        info: what the calculator reads beside the structure.
    """
    moving = ase.Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    moving.info = dict(info)
    moving.calc = calculator
    try:
        optimizer = BFGS(moving, logfile=None, maxstep=LONGEST_MOVE)
        reached = bool(optimizer.run(fmax=LARGEST_FORCE, steps=MOST_STEPS))
        energy = float(moving.get_potential_energy())
    except SCFError:
        reached, energy = False, float("nan")
    atoms.arrays[RELAXED_POSITIONS_KEY] = moving.positions.copy()
    atoms.info[RELAXED_ENERGY_KEY] = energy
    atoms.info[RELAXED_CONVERGED_KEY] = reached
