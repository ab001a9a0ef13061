"""Multipoles read off the local features; their sum is free (LC-MACE; LES without their loss)."""

from __future__ import annotations

from typing import ClassVar

import torch

from bench.config.schema import Mode, ModelConfig
from bench.models.base import Density, Inputs, Point
from bench.models.facts import TrainingFacts
from bench.models.heads import MultipoleHead


class LocalCharges(Point):
    """Charges from a network of all layers' invariants, dipoles linear in their vectors.

    The field acts on the density but does not change it.
    """

    knows_total_charge: ClassVar[bool] = False

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        super().__init__(config, facts, dtype=dtype)
        self.multipoles = MultipoleHead(
            self.backbone.num_scalars,
            self.backbone.num_vectors,
            mean_charges=self.mean_charges,
            l_max=config.l_max,
        )

    def density(self, inputs: Inputs, mode: Mode) -> Density:
        """Local multipoles, whatever the mode."""
        local = self.multipoles(inputs.nodes, inputs.batch.node_attrs)
        return Density(inputs.padded(local))
