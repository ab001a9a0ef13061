"""Errors per structure: energy, forces, dipole, multipoles, Fermi level, total charge."""

from __future__ import annotations

from collections.abc import Sequence

import ase
import numpy as np

from bench.data.statistics import TrainingMeans
from bench.evaluate.record import mark_absent
from bench.evaluate.registry import ACCURACY, ACCURACY_AT_REFERENCE
from bench.evaluate.scoring import Missing, Sample, error_records
from bench.evaluate.selection import converged, subsets
from bench.evaluate.values import SCORED, SCORED_AT_REFERENCE, Scored
from bench.labels.keys import CONVERGED_KEY
from bench.labels.quantities import MULTIPOLES
from bench.labels.stored import known
from bench.runs.records import Evaluation

_SCORED = [
    *((ACCURACY[name], scored) for name, scored in SCORED.items()),
    *((ACCURACY_AT_REFERENCE[name], scored) for name, scored in SCORED_AT_REFERENCE.items()),
]


def accuracy(frames: Sequence[ase.Atoms], means: TrainingMeans) -> Evaluation:
    """Errors of every quantity, of all structures and of each subset.

    Structures whose density did not converge are in none of them, nor is a prediction that is not
    finite; n says how many are left.  Errors at the reference density are of the same structures.
    """
    result = Evaluation()
    for subset, indices in subsets(frames, means.field_range).items():
        for family, scored in _SCORED:
            if subset != "all" and family.names[0] in result.absent:
                continue  # absent everywhere, and said so once
            try:
                samples = _samples(frames, indices, scored, means)
            except Missing as missing:
                mark_absent(result.absent, [family], str(missing), subset=subset)
                continue
            records = error_records(family, subset, samples)
            result.records.extend(records)
            _mark_missing_mean(result.absent, family.names, {r.name for r in records}, subset)
    return result


def _samples(
    frames: Sequence[ase.Atoms], indices: Sequence[int], scored: Scored, means: TrainingMeans
) -> list[Sample]:
    """What can be scored.

    Raises:
        Missing: nothing can.
    """
    if not indices:
        raise Missing("no such structure in the test set")
    references = {i: r for i in indices if (r := scored.reference(frames[i], i)) is not None}
    if not references:
        raise Missing("no reference in the test set")
    predictions = {i: p for i in references if (p := scored.predicted(frames[i])) is not None}
    if not predictions:
        raise Missing(_why_unpredicted(scored, [frames[i] for i in references]))
    sound = [i for i in predictions if converged(frames[i])]
    if not sound:
        raise Missing(f"not converged in any of {len(predictions)} structures")
    finite = [i for i in sound if np.isfinite(predictions[i]).all()]
    if not finite:
        raise Missing(f"predicted as NaN or infinite in all of {len(sound)} structures")
    return [
        Sample(
            str(frames[i].info["group"]),
            references[i],
            predictions[i],
            scored.of_mean(frames[i], means),
        )
        for i in finite
    ]


def _why_unpredicted(scored: Scored, frames: Sequence[ase.Atoms]) -> str:
    if scored not in SCORED_AT_REFERENCE.values():
        return "not predicted"
    if not any(CONVERGED_KEY in atoms.info for atoms in frames):
        return "no training mode of the point takes a given density"
    if not any(known(atoms, MULTIPOLES).any() for atoms in frames):
        return "no reference multipoles in the test set"
    return "not in these predictions: bench evaluate run=FOLDER predict=true"


def _mark_missing_mean(
    absent: dict[str, str], wanted: Sequence[str], found: set[str], subset: str
) -> None:
    for name in wanted:
        if name not in found:
            key = name if subset == "all" else f"{name}[{subset}]"
            absent[key] = "the training set has no mean for these structures"
