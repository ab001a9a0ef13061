"""Total charge and field as inputs of the features; no electrostatics.

What UMA and MACE-OMOL do with the total charge, and field-conditioned MACE models with the field.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from bench.config.schema import Mode, ModelConfig
from bench.data.batch import Batch
from bench.models.base import UNROLLING, Density, Inputs, Point, Unrolling
from bench.models.facts import TrainingFacts
from bench.models.prediction import Prediction

WIDTH = 16  # of the network of the total charge
FIELD_SCALE = 0.3  # Å/V: messages are of order one, fields of a few tenths V/Å


class GlobalEmbedding(Point):
    """E = Σ ε_i of features whose messages hold what acts on each atom from outside.

    A_i ← A_i + a_Z(Q) for the scalars, a_Z(0) = 0, and A_i ← A_i + w_Z E for the vectors, in every
    layer.  The dipole is M = −∂E/∂E_field, so that it and the forces follow from one energy.  In
    charged structures a dipole depends on its origin; this one is the part that does not change as
    a structure moves, and the force Q E on the whole is missing.
    """

    predicts: ClassVar[frozenset[str]] = frozenset({"dipole", "polarizability"})
    options: ClassVar[frozenset[str]] = frozenset()
    dipole_is_derivative: ClassVar[bool] = True

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        super().__init__(config, facts, dtype=dtype)
        self.shape = len(facts.elements), config.num_channels
        elements, channels = self.shape
        self.charge = nn.Sequential(
            nn.Linear(1, WIDTH, dtype=torch.float64),
            nn.SiLU(),
            nn.Linear(WIDTH, elements * channels, bias=False, dtype=torch.float64),
        )
        field = torch.randn(elements, channels, dtype=torch.float64)
        self.field = nn.Parameter(FIELD_SCALE * field)

    def density(self, inputs: Inputs, mode: Mode) -> Density:
        """There is none."""
        raise NotImplementedError("global_embedding has no density")

    def predict(
        self,
        batch: Batch,
        mode: Mode,
        *,
        training: bool = False,
        unrolling: Unrolling = UNROLLING,
        report_response: bool = False,
    ) -> Prediction:
        """Energy, and the dipole as its derivative."""
        with torch.enable_grad():
            field = batch.electric_field
            field = field if field.requires_grad else field.detach().requires_grad_()
            batch = replace(batch, electric_field=field)
            sites = self.backbone(batch, self.acting(batch)).energy
            parts = {"baseline": self.baseline(batch), "short_range": batch.per_structure(sites)}
            energy = parts["baseline"] + parts["short_range"]
            (slope,) = torch.autograd.grad(energy.sum(), field, create_graph=True)
        return Prediction(energy=energy, energy_parts=parts, dipole=-slope)

    def acting(self, batch: Batch) -> Tensor:
        """[n, 4, c] what total charge and field add to the messages, order (1, x, y, z)."""
        zero = torch.zeros_like(batch.total_charge)[:, None]
        charge = self.charge(batch.total_charge[:, None]) - self.charge(zero)  # [g, z c]
        charge = charge.reshape(-1, *self.shape)[batch.structure]  # [n, z, c]
        element = batch.node_attrs.double()  # [n, z]
        scalars = torch.einsum("nz,nzc->nc", element, charge)[:, None]
        field = batch.electric_field[batch.structure]
        vectors = torch.einsum("nz,zc,nx->nxc", element, self.field, field)
        return torch.cat([scalars, vectors], dim=1).to(batch.node_attrs.dtype)
