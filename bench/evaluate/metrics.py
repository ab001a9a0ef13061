"""All metrics of a test set, from predicted frames alone."""

from __future__ import annotations

from collections.abc import Sequence

import ase

from bench.data.statistics import TrainingMeans
from bench.evaluate.accuracy import accuracy
from bench.evaluate.charge_states import charge_states
from bench.evaluate.field_response import field_response
from bench.evaluate.scf_health import scf_health
from bench.evaluate.selection import headline
from bench.runs.records import Evaluation


def evaluate(frames: Sequence[ase.Atoms], means: TrainingMeans) -> Evaluation:
    """Every metric that the frames allow, and the reason for each that they do not.

    Args:
        frames: the test set with reference (``REF_``) and predicted (``PRED_``) values, as in
            predictions.extxyz.
        means: of the training set.
    """
    health, counted = scf_health(frames), headline(frames)
    parts = [
        accuracy(frames, means),
        field_response(counted, means.field_range),
        charge_states(counted),
        health,
    ]
    return Evaluation(
        records=[record for part in parts for record in part.records],
        absent={name: reason for part in parts for name, reason in part.absent.items()},
        unconverged=health.unconverged,
        non_finite=health.non_finite,
        structures=len(frames),
    )
