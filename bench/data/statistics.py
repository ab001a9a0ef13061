"""What the training set alone says: the energy baseline, means, scale and neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from bench.labels import keys as names
from bench.labels.keys import DIPOLE, ENERGY, FERMI_LEVEL, FORCES, MULTIPOLES


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


@dataclass(frozen=True)
class TrainingMeans:
    """Means over the training set: the predictor that any model has to beat.

    Attributes:
        dipole: [3] in e Å, None where no structure defines it; 0 in undefined components.
        fermi_level: in eV, None where absent.
        multipoles: mean (q, d_y, d_z, d_x) by atomic number; empty where absent.
    """

    dipole: list[float] | None
    fermi_level: float | None
    multipoles: dict[str, list[float]]

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
    """Means of the labels that a set has."""
    with_dipole = [a for a in frames if DIPOLE.reference_key in a.info]
    fermi = [
        a.info[FERMI_LEVEL.reference_key] for a in frames if FERMI_LEVEL.reference_key in a.info
    ]
    return TrainingMeans(
        dipole=_mean_dipole(with_dipole),
        fermi_level=float(np.mean(fermi)) if fermi else None,
        multipoles=_mean_multipoles(frames),
    )


def _mean_dipole(frames: Sequence[ase.Atoms]) -> list[float] | None:
    if not frames:
        return None
    masks = np.stack([np.asarray(a.info[names.DIPOLE_MASK_KEY], dtype=float) for a in frames])
    values = np.stack([a.info[DIPOLE.reference_key] for a in frames])
    mean: list[float] = ((masks * values).sum(0) / masks.sum(0).clip(min=1.0)).tolist()
    return mean


def _mean_multipoles(frames: Sequence[ase.Atoms]) -> dict[str, list[float]]:
    labelled = [a for a in frames if MULTIPOLES.reference_key in a.arrays]
    if not labelled:
        return {}
    numbers = np.concatenate([a.numbers for a in labelled])
    values = np.concatenate([a.arrays[MULTIPOLES.reference_key] for a in labelled])
    return {str(z): values[numbers == z].mean(0).tolist() for z in sorted(set(numbers.tolist()))}


def force_scale(frames: Sequence[ase.Atoms]) -> float:
    """Root mean square of the force components in eV/Å: the scale of the backbone's energies."""
    forces = np.concatenate([a.arrays[FORCES.reference_key].ravel() for a in frames])
    return float(np.sqrt(np.mean(forces**2)))
