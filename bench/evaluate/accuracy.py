"""Errors per structure: energy, forces, dipole, multipoles, Fermi level, total charge."""

from __future__ import annotations

from collections.abc import Sequence

import ase
import numpy as np

from bench.data.statistics import TrainingMeans
from bench.evaluate.record import mark_absent
from bench.evaluate.registry import ACCURACY
from bench.evaluate.scoring import Missing, Sample, error_records
from bench.evaluate.selection import converged, subsets
from bench.evaluate.values import SCORED, Scored
from bench.runs.records import Evaluation


def accuracy(frames: Sequence[ase.Atoms], means: TrainingMeans) -> Evaluation:
    """Errors of every quantity, of all structures and of each subset.

    Structures whose density did not converge are in none of them, nor is a prediction that is not
    finite; n says how many are left.
    """
    result = Evaluation()
    for subset, indices in subsets(frames, means.field_range).items():
        for name, scored in SCORED.items():
            family = ACCURACY[name]
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
        raise Missing("not predicted")
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


def _mark_missing_mean(
    absent: dict[str, str], wanted: Sequence[str], found: set[str], subset: str
) -> None:
    for name in wanted:
        if name not in found:
            key = name if subset == "all" else f"{name}[{subset}]"
            absent[key] = "the training set has no mean for these structures"
