"""MACE alone: no density, no electrostatics."""

from __future__ import annotations

from typing import ClassVar

from bench.config.schema import Mode
from bench.data.batch import Batch
from bench.models.base import UNROLLING, Density, Inputs, Point, Unrolling
from bench.models.prediction import Prediction


class ShortRange(Point):
    """E = Σ ε_i; knows neither the field nor the total charge."""

    predicts: ClassVar[frozenset[str]] = frozenset()
    options: ClassVar[frozenset[str]] = frozenset()
    knows_total_charge: ClassVar[bool] = False

    def density(self, inputs: Inputs, mode: Mode) -> Density:
        """There is none."""
        raise NotImplementedError("short_range has no density")

    def predict(
        self,
        batch: Batch,
        mode: Mode,
        *,
        training: bool = False,
        unrolling: Unrolling = UNROLLING,
        report_response: bool = False,
    ) -> Prediction:
        """Energy only."""
        parts = {
            "baseline": self.baseline(batch),
            "short_range": batch.per_structure(self.backbone(batch).energy),
        }
        return Prediction(energy=parts["baseline"] + parts["short_range"], energy_parts=parts)
