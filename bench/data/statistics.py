"""What the training set alone says: the energy baseline, means, scale and neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

import ase
import numpy as np
from numpy.typing import NDArray

from bench.labels import keys as names
from bench.labels.quantities import ENERGY, FORCES, Mean, Quantity, labels
from bench.labels.stored import is_stated, known, labelled_values

Row: TypeAlias = list[float | None]


@dataclass(frozen=True)
class Baseline:
    """Energy that needs no model: Σ E0 + Q Σ s_Z / V, fitted once and frozen, equal in every point.

    s_Z is the shift of the average potential that one atom of an element's core makes (V Å³): a
    DFT's zero of potential differs from that of smeared charges by Σ s_Z / V, and charge states
    would otherwise be compared on that artefact.

    Attributes:
        elements: atomic numbers, ascending.
        atomic_energies: [z] in eV.
        potential_shifts: [z] in eV Å³ / e.
    """

    elements: tuple[int, ...]
    atomic_energies: tuple[float, ...]
    potential_shifts: tuple[float, ...]

    def energy(self, atoms: ase.Atoms) -> float:
        """The baseline of one structure in eV."""
        row = _baseline_row(atoms, self.elements)
        return float(row @ np.array([*self.atomic_energies, *self.potential_shifts]))


FieldRange: TypeAlias = list[list[float]]  # [2][3]: least and largest felt field in V/Å


@dataclass(frozen=True)
class TrainingMeans:
    """Means over the training set: the predictor that any model has to beat; and what it has seen.

    Attributes:
        structure: by quantity, [c] means over the structures that define a component; None where
            none does.
        element: by quantity and atomic number, [c] means over atoms, likewise.
        field_range: least and largest felt field, [2][3] in V/Å; None where it was not recorded.
    """

    structure: dict[str, Row]
    element: dict[str, dict[str, Row]]
    field_range: FieldRange | None = None

    def of(self, atoms: ase.Atoms, quantity: Quantity) -> NDArray[np.float64] | None:
        """[n, c] or [c] means as values of a structure, NaN where there is none.

        None where no component has one, or the training set lacks an element of the structure.
        """
        if not quantity.per_atom:
            row = self.structure.get(quantity.name)
            return None if row is None else np.array(row, dtype=float)
        rows = self.element.get(quantity.name, {})
        if any(str(number) not in rows for number in atoms.numbers):
            return None
        return np.array([rows[str(number)] for number in atoms.numbers], dtype=float)

    def to_dict(self) -> dict[str, Any]:
        """Plain types for training_means.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainingMeans:
        """The inverse of ``to_dict``."""
        return cls(**values)


def fit_baseline(frames: Sequence[ase.Atoms], elements: tuple[int, ...]) -> Baseline:
    """Least squares of the energies, of minimum norm where compositions are degenerate.

    Args:
        frames: the training set.
        elements: atomic numbers, ascending.
    """
    rows = np.stack([_baseline_row(atoms, elements) for atoms in frames])  # [structures, 2 z]
    energies = np.array([float(atoms.info[ENERGY.reference_key]) for atoms in frames])
    solution = np.linalg.lstsq(rows, energies, rcond=1e-10)[0]
    z = len(elements)
    return Baseline(elements, tuple(solution[:z].tolist()), tuple(solution[z:].tolist()))


def _baseline_row(atoms: ase.Atoms, elements: tuple[int, ...]) -> NDArray[np.float64]:
    """[2 z]: atoms per element, and Q / V times them (0 in open boundaries: no average there)."""
    counts = np.array([np.count_nonzero(atoms.numbers == z) for z in elements], dtype=float)
    if not atoms.pbc.any():
        return np.concatenate([counts, 0.0 * counts])
    charge = float(atoms.info[names.TOTAL_CHARGE_KEY])
    return np.concatenate([counts, charge / atoms.get_volume() * counts])


def training_means(frames: Sequence[ase.Atoms]) -> TrainingMeans:
    """Means of the labels that a set has, as far as a model has to beat them."""
    means = label_means(frames)
    beaten = {name for name, quantity in labels().items() if quantity.mean is Mean.training}
    return replace(
        means,
        structure={name: row for name, row in means.structure.items() if name in beaten},
        element={name: rows for name, rows in means.element.items() if name in beaten},
    )


def label_means(frames: Sequence[ase.Atoms]) -> TrainingMeans:
    """Means of all labels that a set has."""
    structure: dict[str, Row] = {}
    element: dict[str, dict[str, Row]] = {}
    for name, quantity in labels().items():
        labelled = [a for a in frames if is_stated(a, quantity)]
        if not labelled:
            continue
        values, counted = (np.concatenate(x) for x in zip(*(_rows(a, quantity) for a in labelled)))
        if quantity.per_atom:
            numbers = np.concatenate([a.numbers for a in labelled])
            of_element = ((z, numbers == z) for z in sorted(set(numbers.tolist())))
            element[name] = {str(z): _mean(values[own], counted[own]) for z, own in of_element}
        else:
            structure[name] = _mean(values, counted)
    return TrainingMeans(structure, element, _field_range(frames))


def _field_range(frames: Sequence[ase.Atoms]) -> FieldRange:
    fields = np.stack([a.info[names.ELECTRIC_FIELD_KEY] for a in frames])
    return [fields.min(0).tolist(), fields.max(0).tolist()]


def _rows(atoms: ase.Atoms, quantity: Quantity) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """[n, c] (or [1, c]) reference values, zero where unknown, and which are known."""
    values, mask = labelled_values(atoms, quantity), known(atoms, quantity)
    rows = np.atleast_2d(values)
    return np.where(mask, rows, 0.0), np.broadcast_to(mask, rows.shape)


def _mean(values: NDArray[np.float64], counted: NDArray[np.bool_]) -> Row:
    """[c] means over the rows that count; None where none does."""
    numbers = counted.sum(0)
    means = values.sum(0) / numbers.clip(min=1)
    return [float(mean) if number else None for mean, number in zip(means, numbers)]


def force_scale(frames: Sequence[ase.Atoms]) -> float:
    """Root mean square of the force components in eV/Å: the scale of the backbone's energies.

    One where no structure has forces.
    """
    forces = [a.arrays[FORCES.reference_key].ravel() for a in frames if is_stated(a, FORCES)]
    return float(np.sqrt(np.mean(np.concatenate(forces) ** 2))) if forces else 1.0
