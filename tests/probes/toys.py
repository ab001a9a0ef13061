"""Models whose answers to the probes are known on paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ase
import numpy as np
import torch
from ase.calculators.calculator import Calculator

from bench.models.prediction import Prediction
from bench.probes.subject import Subject

ALL = frozenset({"H", "O", "Si", "Pt"})


def prediction(energy: float = 0.0, *, baseline: float = 0.0, **values: Any) -> Prediction:
    """A prediction for one structure; arrays as they are per structure or per atom."""
    tensors = {
        name: torch.as_tensor(np.array(value), dtype=torch.float64)
        for name, value in values.items()
    }
    if "dipole" in tensors:
        tensors["dipole"] = tensors["dipole"][None]
    return Prediction(
        energy=torch.tensor([energy], dtype=torch.float64),
        energy_parts={"baseline": torch.tensor([baseline], dtype=torch.float64)},
        **tensors,
    )


def toy(
    predict: Callable[[ase.Atoms], Prediction],
    *,
    point: str = "toy",
    trained: bool = True,
    knows_total_charge: bool = True,
    predicts: frozenset[str] = frozenset({"multipoles", "dipole"}),
    elements: frozenset[str] = ALL,
    calculator: Callable[[], Calculator] = Calculator,
) -> Subject:
    return Subject(
        point=point,
        elements=elements,
        predicts=predicts,
        knows_total_charge=knows_total_charge,
        trained=trained,
        smearing_width=1.5,
        predict=predict,
        calculator=calculator,
    )


def value(observed: Any, name: str) -> float:
    (found,) = [m.value for m in observed.measurements if m.name == name]
    return found


def field_of(atoms: ase.Atoms) -> np.ndarray:
    return np.asarray(atoms.info["electric_field"])
