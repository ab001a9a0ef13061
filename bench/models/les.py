"""Latent Ewald summation: charges that only energies and forces teach (Cheng, 2025)."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch

from bench.config.schema import Mode, ModelConfig
from bench.data.batch import Batch
from bench.models.base import UNROLLING, Unrolling
from bench.models.facts import TrainingFacts
from bench.models.local_charges import LocalCharges
from bench.models.prediction import Prediction


class Les(LocalCharges):
    """The density and the energy of ``local_charges``, without any label of the density.

    The latent multipoles are no prediction of the reference's, so they are neither reported nor
    scored, their sum and dipole included, and the losses on those do not act.  For the same reason
    they do not start from the elements' mean reference charges.
    """

    predicts: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        super().__init__(config, facts, dtype=dtype)
        torch.nn.init.zeros_(self.multipoles.charge.offset)

    def predict(
        self,
        batch: Batch,
        mode: Mode,
        *,
        training: bool = False,
        unrolling: Unrolling = UNROLLING,
        report_response: bool = False,
    ) -> Prediction:
        """Energy alone."""
        latent = super().predict(
            batch, mode, training=training, unrolling=unrolling, report_response=report_response
        )
        return replace(
            latent,
            multipoles=None,
            total_charge=None,
            dipole=None,
            electrostatic_potential=None,
            potential_error=None,
        )
