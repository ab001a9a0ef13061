"""Field series: one geometry in at least three fields, and what its properties do per field."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ase
import numpy as np

from bench.evaluate.scoring import Array, Missing
from bench.evaluate.selection import converged, felt_field, total_charge
from bench.labels.state import SAME_FIELD, charge_name

FEWEST_FIELDS = 3
SAME_PLACE = 1e-4  # Å

Take = Callable[[ase.Atoms], Array | None]


@dataclass(frozen=True)
class FieldSeries:
    """One geometry and total charge in several fields along one axis.

    Attributes:
        name: ``group=g0``, with the charge where the group has several.
        group: geometry.
        axis: 0, 1 or 2: along which the field varies.
        field: [k] felt field along the axis in V/Å, ascending.
        frames: k structures in that order.
    """

    name: str
    group: str
    axis: int
    field: Array
    frames: tuple[ase.Atoms, ...]

    @property
    def atoms(self) -> ase.Atoms:
        """Its geometry."""
        return self.frames[0]


@dataclass(frozen=True)
class SoundValues:
    """A property in the fields of a series whose predictions can be trusted.

    Attributes:
        field: [s] felt field along the series' axis in V/Å, ascending.
        reference: [s, ...] of the reference.
        predicted: [s, ...] of the model; its shape may be another one.
    """

    field: Array
    reference: Array
    predicted: Array

    @property
    def slopes(self) -> tuple[Array, Array]:
        """Least-squares change per field of the reference and of the prediction."""
        return slope(self.field, self.reference), slope(self.field, self.predicted)


def slope(field: Array, values: Array) -> Array:
    """[...] least-squares d(values)/dE; of a dipole in e Å it is a polarisability in e Å²/V.

    Args:
        field: [k] felt field in V/Å; what a slab's cell adds to an applied field is in it.
        values: [k, ...].
    """
    centred = field - field.mean()
    return np.asarray(np.tensordot(centred, values, axes=1) / (centred @ centred))


def sound_values(series: FieldSeries, reference: Take, predicted: Take) -> SoundValues:
    """A property of every member whose density converged and whose prediction is finite.

    Args:
        series: whose members.
        reference: gives the reference's values of one member; None where it has none.
        predicted: the model's, likewise.

    Raises:
        Missing: the reference or the model does not have it, or fewer than three fields are left.
    """
    references = [reference(atoms) for atoms in series.frames]
    if any(values is None for values in references):
        raise Missing("no reference in the test set")
    predictions = [predicted(atoms) for atoms in series.frames]
    if all(values is None for values in predictions):
        raise Missing("not predicted")
    sound = [
        k
        for k, (atoms, values) in enumerate(zip(series.frames, predictions))
        if converged(atoms) and values is not None and np.isfinite(values).all()
    ]
    if _distinct(series.field[sound]) < FEWEST_FIELDS:
        raise Missing(f"fewer than {FEWEST_FIELDS} fields of a series are converged and finite")
    return SoundValues(
        series.field[sound],
        np.stack([np.asarray(references[k], dtype=float) for k in sound]),
        np.stack([np.asarray(predictions[k], dtype=float) for k in sound]),
    )


def field_series(frames: Sequence[ase.Atoms]) -> list[FieldSeries]:
    """All series of at least three fields along one axis at one geometry."""
    members: dict[tuple[str, float], list[ase.Atoms]] = defaultdict(list)
    for atoms in frames:
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
    if _distinct(fields[:, axis]) < FEWEST_FIELDS or not _one_geometry(frames):
        return None
    order = np.argsort(fields[:, axis])
    return FieldSeries(name, group, axis, fields[order, axis], tuple(frames[i] for i in order))


def _one_geometry(frames: Sequence[ase.Atoms]) -> bool:
    return all(
        len(atoms) == len(frames[0])
        and np.allclose(atoms.positions, frames[0].positions, rtol=0.0, atol=SAME_PLACE)
        for atoms in frames
    )


def _distinct(field: Array) -> int:
    return 1 + int(np.sum(np.diff(np.sort(field)) > SAME_FIELD)) if len(field) else 0
