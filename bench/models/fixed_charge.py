"""Formal charges that no environment changes: the baseline of electrostatic models."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.config.schema import Mode, ModelConfig
from bench.errors import BenchError
from bench.models.base import Density, Inputs, Point
from bench.models.facts import TrainingFacts
from bench.models.formal_charges import formal_charges


class FixedCharge(Point):
    """q_i = z_i + (Q − Σz) / n: a formal charge per element, what is left spread uniformly.

    It has no dipoles and says so: l_max is 0, and only charges are predicted and scored.

    Raises:
        BenchError: l_max other than 0, or an element without a formal charge.
    """

    formal: Tensor  # [z] e

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        if config.l_max != 0:
            raise BenchError(
                f"model.l_max={config.l_max}: model={config.name} has charges alone.",
                "Set model.l_max=0.",
            )
        super().__init__(config, facts, dtype=dtype)
        self.register_buffer("formal", formal_charges(facts.elements, config.name))

    def density(self, inputs: Inputs, mode: Mode) -> Density:
        """The same charges in any geometry and field."""
        batch = inputs.batch
        formal = batch.node_attrs.double() @ self.formal  # [n]
        missing = (batch.total_charge - batch.per_structure(formal)) / batch.num_atoms  # [g]
        charges = formal + missing[batch.structure]
        return Density(inputs.padded(charges[:, None]))
