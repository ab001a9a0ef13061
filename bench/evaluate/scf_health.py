"""How the self-consistent solves went."""

from __future__ import annotations

from collections.abc import Sequence

import ase
import numpy as np

from bench.evaluate.record import record
from bench.evaluate.registry import SCF_GAP, SCF_RESPONSE, SCF_SOLVE, MetricInfo
from bench.evaluate.scoring import Array
from bench.evaluate.selection import converged
from bench.evaluate.values import non_finite
from bench.labels.keys import (
    CONVERGED_KEY,
    FERMI_LEVEL_GAP_KEY,
    ITERATIONS_KEY,
    RESIDUAL_KEY,
    RESPONSE_MAX_KEY,
    RESPONSE_MIN_KEY,
)
from bench.labels.quantities import QUANTITIES
from bench.runs.records import Evaluation, MetricRecord

# NaN is a Fermi level's way to say that nothing exchanges charge, not a failure.
MAY_BE_UNDEFINED = frozenset(q.predicted_key for q in QUANTITIES.values() if q.may_be_undefined)


def scf_health(frames: Sequence[ase.Atoms]) -> Evaluation:
    """Iterations, residual, convergence and stability; structures that cannot be scored, listed."""
    result = Evaluation(
        unconverged=[i for i, atoms in enumerate(frames) if not converged(atoms)],
        non_finite=non_finite(frames),
        structures=len(frames),
    )
    failed = {
        i for key, where in result.non_finite.items() if key not in MAY_BE_UNDEFINED for i in where
    }
    result.records.append(record("non_finite_count", len(failed), n=len(frames)))
    solved = [atoms for atoms in frames if CONVERGED_KEY in atoms.info]
    if not solved:
        reason = "the point has no self-consistent solve"
        _mark(result, (*SCF_SOLVE, *SCF_RESPONSE, *SCF_GAP), reason)
        return result
    result.records.extend(_solve_records(solved, result))
    result.records.extend(_response_records(solved, result))
    result.records.extend(_gap_records(solved, result))
    return result


def _solve_records(frames: Sequence[ase.Atoms], result: Evaluation) -> list[MetricRecord]:
    n = len(frames)
    fraction = float(np.mean([converged(a) for a in frames]))
    iterations = _column(frames, ITERATIONS_KEY)
    records = [
        record("scf_converged_fraction", fraction, n=n),
        record("scf_unconverged_count", len(result.unconverged), n=n),
        record("scf_iterations_mean", iterations.mean(), n=n),
        record("scf_iterations_max", iterations.max(), n=n),
    ]
    residual = _column(frames, RESIDUAL_KEY)
    if np.isfinite(residual).all():
        return [*records, record("scf_residual_max", residual.max(), n=n)]
    bad = np.flatnonzero(~np.isfinite(residual)).tolist()
    result.absent["scf_residual_max"] = f"NaN or infinite in {len(bad)} of {n} structures"
    return records


def _response_records(frames: Sequence[ase.Atoms], result: Evaluation) -> list[MetricRecord]:
    low, high = _column(frames, RESPONSE_MIN_KEY), _column(frames, RESPONSE_MAX_KEY)
    known = np.isfinite(low) & np.isfinite(high)
    n = int(known.sum())
    if n == 0:
        _mark(result, SCF_RESPONSE, "the response's eigenvalues were not computed")
        return []
    radius = np.maximum(np.abs(low), np.abs(high))[known]
    return [
        record("scf_spectral_radius_max", radius.max(), n=n),
        record("scf_unstable_count", int(np.sum(high[known] > 1.0)), n=n),
    ]


def _gap_records(frames: Sequence[ase.Atoms], result: Evaluation) -> list[MetricRecord]:
    gaps = np.array([float(a.info.get(FERMI_LEVEL_GAP_KEY, np.nan)) for a in frames])
    known = np.isfinite(gaps) & [converged(atoms) for atoms in frames]
    if not known.any():
        _mark(result, SCF_GAP, "μ is −∂E/∂Q by construction, or undefined")
        return []
    return [record("fermi_level_gap_mean", np.abs(gaps[known]).mean(), n=int(known.sum()))]


def _column(frames: Sequence[ase.Atoms], key: str) -> Array:
    return np.array([float(atoms.info[key]) for atoms in frames])


def _mark(result: Evaluation, metrics: Sequence[MetricInfo], reason: str) -> None:
    result.absent.update({metric.name: reason for metric in metrics})
