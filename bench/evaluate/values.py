"""The numbers of a structure that are scored and drawn: reference, prediction, training mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ase
import numpy as np

from bench.data.statistics import TrainingMeans
from bench.errors import BenchError
from bench.evaluate.scoring import Array
from bench.labels.keys import BASELINE_KEY
from bench.labels.quantities import QUANTITIES, Mean, Part, Quantity, parts
from bench.labels.stored import defined, stored
from bench.runs.predictions import AT_REFERENCE, at_reference_key


@dataclass(frozen=True)
class Scored:
    """A part of a quantity, in the unit in which it is shown.

    Attributes:
        quantity: whose values.
        part: which of its components.
        predicted_key: where the predicted values are.
    """

    quantity: Quantity
    part: Part
    predicted_key: str

    def reference(self, atoms: ase.Atoms, index: int) -> Array | None:
        """[k] reference values; None where the structure has none.

        Raises:
            BenchError: a reference that is not finite.
        """
        key = self.quantity.reference_key
        values = self._shown(atoms, stored(atoms, self.quantity, key))
        if values is not None and not np.isfinite(values).all():
            raise BenchError(
                f"structure {index} ({atoms.info.get('uid')}): {key} is not finite.",
                "Remove the structure or the label from the data set.",
            )
        return values

    def predicted(self, atoms: ase.Atoms) -> Array | None:
        """[k] predicted values, possibly not finite; None where the point does not predict it."""
        return self._shown(atoms, stored(atoms, self.quantity, self.predicted_key))

    def of_mean(self, atoms: ase.Atoms, means: TrainingMeans) -> Array | None:
        """[k] values of the training mean; None where the training set has none."""
        values = self._shown(atoms, self._mean(atoms, means))
        return None if values is None or np.isnan(values).any() else values

    def _mean(self, atoms: ase.Atoms, means: TrainingMeans) -> Array | None:
        quantity = self.quantity
        if quantity.mean is Mean.none:
            return None
        if quantity.mean is Mean.baseline:
            return np.array([float(atoms.info[BASELINE_KEY])])
        if quantity.mean is Mean.zero:
            return np.zeros((len(atoms), quantity.components))
        return means.of(atoms, quantity)

    def _shown(self, atoms: ase.Atoms, values: Array | None) -> Array | None:
        """Those that count, in the shown unit; None where nothing does."""
        if values is None:
            return None
        chosen = values[..., self.part.components]
        mask = defined(atoms, self.quantity)[self.part.components][: chosen.shape[-1]]
        chosen = chosen[..., mask].reshape(-1)
        if self.quantity.extensive:  # without the baseline, composition would drown the deviation
            chosen = self.part.factor * (chosen - atoms.info[BASELINE_KEY]) / len(atoms)
        else:
            chosen = self.part.factor * chosen
        return np.asarray(chosen) if chosen.size else None


SCORED = {name: Scored(q, part, q.predicted_key) for name, (q, part) in parts().items()}
SCORED_AT_REFERENCE = {
    part.name: Scored(quantity, part, at_reference_key(quantity))
    for quantity in AT_REFERENCE
    for part in quantity.parts
}


def non_finite(frames: Sequence[ase.Atoms]) -> dict[str, list[int]]:
    """Predicted key to the indices of structures where it is NaN or infinite."""
    found = {}
    for quantity in QUANTITIES.values():
        scored = [SCORED[part.name] for part in quantity.parts]
        broken = [
            index for index, atoms in enumerate(frames) if any(map(_broken, _values(scored, atoms)))
        ]
        found.update({quantity.predicted_key: broken} if broken else {})
    return found


def _values(scored: Sequence[Scored], atoms: ase.Atoms) -> list[Array]:
    return [values for one in scored if (values := one.predicted(atoms)) is not None]


def _broken(values: Array) -> bool:
    return not np.isfinite(values).all()
