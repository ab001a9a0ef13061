"""The model that is probed, and the electrostatics of what it predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import ase
import torch
from ase.calculators.calculator import Calculator
from ase.data import chemical_symbols
from torch import Tensor

from bench.data.batch import Batch, GraphSettings, build_graph, collate
from bench.density.coulomb import Maps, assemble
from bench.inference.calculator import BenchCalculator
from bench.models.base import Point
from bench.models.prediction import Prediction
from bench.probes.result import NotApplicable


@dataclass(frozen=True)
class Subject:
    """A model as the probes see it: one structure in, everything that the model says of it out.

    Attributes:
        point: name of the point of the design space.
        elements: chemical symbols that the model knows.
        predicts: label names beside energy and forces.
        knows_total_charge: whether its energy depends on the total charge asked for.
        trained: whether its weights were trained.
        smearing_width: σ of its density in Å.
        predict: the prediction, forces included, for a structure with charge and field in its
            info; raises SCFError where the density does not converge.
        calculator: the same as a new ASE calculator.
        model: the point itself; None for what is no ``Point``.
    """

    point: str
    elements: frozenset[str]
    predicts: frozenset[str]
    knows_total_charge: bool
    trained: bool
    smearing_width: float
    predict: Callable[[ase.Atoms], Prediction]
    calculator: Callable[[], Calculator]
    model: Point | None = None

    @classmethod
    def of(cls, model: Point, *, trained: bool) -> Subject:
        """A point of the design space."""
        return cls(
            point=model.config.name,
            elements=frozenset(chemical_symbols[z] for z in model.facts.elements),
            predicts=model.predicts,
            knows_total_charge=model.knows_total_charge,
            trained=trained,
            smearing_width=model.config.smearing_width,
            predict=BenchCalculator(model).predict,
            calculator=lambda: BenchCalculator(model),
            model=model,
        )

    def needs(self, label: str) -> None:
        """Stop a probe of what the point does not predict.

        Raises:
            NotApplicable: naming it.
        """
        if label not in self.predicts:
            raise NotApplicable(f"{self.point} predicts no {label}")


def bare_batch(*frames: ase.Atoms, width: float) -> Batch:
    """A batch for the electrostatics alone; width in Å."""
    elements = tuple(sorted({int(z) for atoms in frames for z in atoms.numbers}))
    settings = GraphSettings(elements, 1.0, width, 1.5, torch.float64)
    return collate([build_graph(atoms, settings) for atoms in frames])


def coulomb_maps(batch: Batch, multipoles: Tensor, *, width: float) -> tuple[Maps, Tensor]:
    """The maps of one structure, differentiable in the batch's positions, and p [1, m].

    Args:
        batch: of one structure.
        multipoles: [n, 1 or 4] in e, e Å.
        width: σ of the density in Å.
    """
    l_max = 1 if multipoles.shape[1] > 1 else 0
    maps = assemble(batch.geometry(), smearing_width=width, l_max=l_max)
    return maps, multipoles.reshape(1, -1)
