"""Values of every label over a data set: tables of counts and ranges, and what figures draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from rich.table import Table

from bench.labels.keys import LABELS, SPLITS

Array = NDArray[np.float64]


def counts_table(frames: Sequence[Atoms]) -> Table:
    """Structures per subset and split."""
    table = Table("subset", *SPLITS, "charges (e)", title="structures")
    for subset in sorted({str(a.info["subset"]) for a in frames}):
        chosen = [a for a in frames if a.info["subset"] == subset]
        counts = Counter(a.info["split"] for a in chosen)
        charges = sorted({float(a.info["total_charge"]) for a in chosen})
        table.add_row(
            subset, *(str(counts[s]) for s in SPLITS), " ".join(f"{q:+g}" for q in charges)
        )
    return table


def ranges_table(frames: Sequence[Atoms]) -> Table:
    """Smallest, mean, largest value and standard deviation of every label."""
    table = Table("label", "unit", "structures", "least", "mean", "most", "deviation")
    for name, unit, values, count in label_values(frames):
        numbers = [f"{f(values):.4g}" for f in (np.min, np.mean, np.max, np.std)]
        table.add_row(name, unit, str(count), *numbers)
    return table


def label_values(
    frames: Sequence[Atoms], fitted_on: Sequence[Atoms] | None = None
) -> list[tuple[str, str, Array, int]]:
    """Name, unit, all numbers and number of structures of every label and of the field along z.

    The energy is shown less one energy per element, fitted on ``fitted_on`` (default: ``frames``).
    """
    found = []
    for label in LABELS.values():
        store = [a.arrays if label.per_atom else a.info for a in frames]
        values = [
            np.asarray(s[label.reference_key], float) for s in store if label.reference_key in s
        ]
        if not values:
            continue
        if label.name == "multipoles":
            charges, dipoles = (
                np.concatenate([v[:, c].ravel() for v in values])
                for c in (slice(0, 1), slice(1, 4))
            )
            found += [
                ("atomic charge", "e", charges, len(values)),
                ("atomic dipole", "e Å", dipoles, len(values)),
            ]
        elif label.name == "energy":
            found.append(
                (
                    "energy less E0, per atom",
                    "eV",
                    _less_elements(frames, fitted_on or frames),
                    len(values),
                )
            )
        elif label.name == "dipole":
            along_z = np.array([v[2] for v in values])
            found.append(("dipole along z", "e Å", along_z, len(values)))
        else:
            flat = np.concatenate([v.ravel() for v in values])
            found.append((label.name.replace("_", " "), label.unit, flat, len(values)))
    fields = np.array([np.asarray(a.info["electric_field"], float)[2] for a in frames])
    return [*found, ("field along z", "V/Å", fields, len(frames))]


def _less_elements(frames: Sequence[Atoms], fitted_on: Sequence[Atoms]) -> Array:
    """Energies per atom less the least-squares sum of one energy per element (eV)."""
    elements = sorted({int(z) for a in fitted_on for z in a.numbers})
    energies, counts = _energies(fitted_on, elements)
    per_element = np.linalg.lstsq(counts, energies, rcond=None)[0]
    own, composition = _energies(frames, elements)
    return np.asarray((own - composition @ per_element) / composition.sum(1), dtype=np.float64)


def _energies(frames: Sequence[Atoms], elements: Sequence[int]) -> tuple[Array, Array]:
    counts = np.array([[(a.numbers == z).sum() for z in elements] for a in frames], float)
    return np.array([a.info["REF_energy"] for a in frames], float), counts
