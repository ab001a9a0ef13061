"""How the dipole answers to a field: series of at least three fields at one geometry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import ase
import numpy as np

from bench.evaluate.record import mark_absent, record
from bench.evaluate.registry import DIPOLE_SLOPE, FIELD_RESPONSE, INDUCED_DIPOLE, SLOPES
from bench.evaluate.scoring import Array, Sample, error_records
from bench.evaluate.selection import charge_name, converged, felt_field, total_charge
from bench.labels.keys import DIPOLE_MASK_KEY
from bench.labels.quantities import DIPOLE
from bench.runs.records import Evaluation, MetricRecord

FEWEST_FIELDS = 3
SAME_FIELD = 1e-6  # V/Å


@dataclass(frozen=True)
class FieldSeries:
    """Dipoles of one geometry and total charge in several fields along one axis.

    Attributes:
        name: ``group=g0``, with the charge where the group has several.
        group: geometry.
        axis: 0, 1 or 2: along which the field varies.
        field: [k] felt field along the axis in V/Å, ascending.
        reference: [k] dipole along the axis in e Å.
        predicted: [k] the same of the model; None where it predicts no dipole.
        sound: [k] bool, converged and finite predictions.
    """

    name: str
    group: str
    axis: int
    field: Array
    reference: Array
    predicted: Array | None
    sound: np.ndarray

    @property
    def scored(self) -> bool:
        """Whether enough predictions are sound."""
        return self.predicted is not None and _distinct(self.field[self.sound]) >= FEWEST_FIELDS

    def sound_values(self) -> tuple[Array, Array, Array]:
        """Field, reference and predicted dipole of the sound members.

        Raises:
            ValueError: the model predicts no dipole.
        """
        if self.predicted is None:
            raise ValueError(f"{self.name} has no predicted dipole")
        return self.field[self.sound], self.reference[self.sound], self.predicted[self.sound]


def slope(field: Array, dipole: Array) -> float:
    """Least-squares dM/dE in e Å²/V: a polarisability, screening by the cell's own slab included.

    Args:
        field: [k] felt field in V/Å.
        dipole: [k] in e Å.
    """
    centred = field - field.mean()
    return float(centred @ dipole / (centred @ centred))


def field_response(frames: Sequence[ase.Atoms]) -> Evaluation:
    """Slopes per series, their errors, and errors of the dipole less its mean over the series."""
    result = Evaluation()
    series = field_series(frames)
    scored = [s for s in series if s.scored]
    if not scored:
        reason = why_not(series)
        mark_absent(result.absent, FIELD_RESPONSE, reason)
        result.absent.update({metric.name: reason for metric in SLOPES})
        return result
    slopes, induced = [], []
    for one in scored:
        slopes.append(_slopes(one))
        induced.append(_induced(one))
        result.records.extend(_slope_records(one, slopes[-1]))
    result.records.extend(error_records(DIPOLE_SLOPE, "all", slopes))
    result.records.extend(error_records(INDUCED_DIPOLE, "all", induced))
    for one in series:
        if not one.scored:
            for metric in SLOPES:
                result.absent[f"{metric.name}[{one.name}]"] = why_not([one])
    return result


def why_not(series: Sequence[FieldSeries]) -> str:
    """Why none of them is scored."""
    if not series:
        return "no field series in the test set"
    if all(s.predicted is None for s in series):
        return "not predicted"
    return f"fewer than {FEWEST_FIELDS} fields of a series are converged and finite"


def _slopes(series: FieldSeries) -> Sample:
    field, reference, predicted = series.sound_values()
    return Sample(
        series.group,
        np.array([slope(field, reference)]),
        np.array([slope(field, predicted)]),
        np.zeros(1),  # the training mean does not answer to a field
    )


def _induced(series: FieldSeries) -> Sample:
    _, reference, predicted = series.sound_values()
    centred = reference - reference.mean()
    return Sample(series.group, centred, predicted - predicted.mean(), np.zeros_like(centred))


def _slope_records(series: FieldSeries, slopes: Sample) -> list[MetricRecord]:
    n = int(series.sound.sum())
    values = (float(slopes.predicted[0]), float(slopes.reference[0]))
    return [
        record(metric.name, value, subset=series.name, n=n) for metric, value in zip(SLOPES, values)
    ]


def field_series(frames: Sequence[ase.Atoms]) -> list[FieldSeries]:
    """All series of at least three fields along one axis, where the reference has the dipole."""
    members: dict[tuple[str, float], list[ase.Atoms]] = defaultdict(list)
    for atoms in frames:
        if DIPOLE.reference_key in atoms.info:
            members[str(atoms.info["group"]), total_charge(atoms)].append(atoms)
    groups = [group for group, _ in members]
    found = []
    for (group, charge), alike in members.items():
        several = groups.count(group) > 1
        name = f"group={group}, {charge_name(charge)}" if several else f"group={group}"
        series = _series(name, group, alike)
        found.extend([series] if series else [])
    return found


def _series(name: str, group: str, frames: list[ase.Atoms]) -> FieldSeries | None:
    fields = np.stack([felt_field(a) for a in frames])  # [k, 3]
    varying = np.flatnonzero(np.ptp(fields, axis=0) > SAME_FIELD)
    if len(varying) != 1:  # several axes at once have no single slope
        return None
    axis = int(varying[0])
    if _distinct(fields[:, axis]) < FEWEST_FIELDS or not all(
        np.atleast_1d(a.info[DIPOLE_MASK_KEY])[axis] for a in frames
    ):
        return None
    order = np.argsort(fields[:, axis])
    frames = [frames[i] for i in order]
    predicted = None
    if any(DIPOLE.predicted_key in a.info for a in frames):
        predicted = np.array(
            [a.info.get(DIPOLE.predicted_key, np.full(3, np.nan))[axis] for a in frames]
        )
    reference = np.array([a.info[DIPOLE.reference_key][axis] for a in frames])
    sound = np.array([converged(a) for a in frames])
    if predicted is not None:
        sound &= np.isfinite(predicted)
    return FieldSeries(name, group, axis, fields[order, axis], reference, predicted, sound)


def _distinct(field: Array) -> int:
    return 1 + int(np.sum(np.diff(np.sort(field)) > SAME_FIELD)) if len(field) else 0
