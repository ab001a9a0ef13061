"""A metric: the largest error of any force component, which an average hides."""

from __future__ import annotations

from collections.abc import Sequence

import ase
import numpy as np

from bench.evaluate.record import record
from bench.evaluate.registry import MetricInfo
from bench.evaluate.selection import converged
from bench.labels.quantities import FORCES
from bench.runs.records import Evaluation

# --8<-- [start:info]
LARGEST_FORCE = MetricInfo(
    "forces_largest", "meV/Å", "lower", "largest error of a force component (structures)"
)
# --8<-- [end:info]


# --8<-- [start:function]
def largest_force_error(frames: Sequence[ase.Atoms]) -> Evaluation:
    """Over all structures whose density converged, or the reason why there is none.

    Args:
        frames: the test set, as in predictions.extxyz.
    """
    result = Evaluation(structures=len(frames))
    errors = [
        1000 * np.abs(atoms.arrays[FORCES.predicted_key] - atoms.arrays[FORCES.reference_key])
        for atoms in frames
        if converged(atoms) and FORCES.reference_key in atoms.arrays
    ]  # meV/Å
    if errors:
        value = max(float(error.max()) for error in errors)
        result.records.append(record(LARGEST_FORCE.name, value, n=len(errors)))
    else:
        result.absent[LARGEST_FORCE.name] = "no structure with forces and a converged density"
    return result


# --8<-- [end:function]
