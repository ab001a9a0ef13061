"""Values of every label over a data set: tables of counts and ranges, and what figures draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from rich.table import Table

from bench.labels.keys import ELECTRIC_FIELD_KEY, SPLITS, TOTAL_CHARGE_KEY
from bench.labels.quantities import ENERGY, Part, Quantity, labels
from bench.labels.stored import is_stated, known, labelled_values

Array = NDArray[np.float64]


def counts_table(frames: Sequence[Atoms]) -> Table:
    """Structures per subset and split."""
    table = Table("subset", *SPLITS, "charges (e)", title="structures")
    for subset in sorted({str(a.info["subset"]) for a in frames}):
        chosen = [a for a in frames if a.info["subset"] == subset]
        counts = Counter(a.info["split"] for a in chosen)
        charges = sorted({float(a.info[TOTAL_CHARGE_KEY]) for a in chosen})
        table.add_row(
            subset, *(str(counts[s]) for s in SPLITS), " ".join(f"{q:+g}" for q in charges)
        )
    return table


def ranges_table(frames: Sequence[Atoms]) -> Table:
    """Smallest, mean, largest value and standard deviation of every label."""
    table = Table("label", "unit", "structures", "least", "mean", "most", "deviation")
    for name, unit, values, count, _ in label_values(frames):
        numbers = [f"{f(values):.4g}" for f in (np.min, np.mean, np.max, np.std)]
        table.add_row(name, unit, str(count), *numbers)
    return table


class LabelValues(NamedTuple):
    """All numbers of a label.

    Attributes:
        name: of it, for people.
        unit: of the numbers.
        numbers: [k].
        structures: how many have it.
        per_atom: whether there are some for every atom.
    """

    name: str
    unit: str
    numbers: Array
    structures: int
    per_atom: bool


def label_values(
    frames: Sequence[Atoms], fitted_on: Sequence[Atoms] | None = None
) -> list[LabelValues]:
    """The known numbers of every label, and the field along z.

    The energy is shown less one energy per element, fitted on ``fitted_on`` (default: ``frames``).
    """
    found = []
    for label in labels().values():
        for part in label.parts:
            values = [v for atoms in frames if (v := _known_of(part, label, atoms)).size]
            if not values:
                continue
            numbers = part.factor * np.concatenate(values)
            name = part.label
            if label.extensive:
                name = f"{label.name} less E0, per atom"
                numbers = part.factor * _less_elements(frames, fitted_on or frames)
            found.append(LabelValues(name, part.unit, numbers, len(values), label.per_atom))
    fields = np.array([np.asarray(a.info[ELECTRIC_FIELD_KEY], float)[2] for a in frames])
    return [*found, LabelValues("field along z", "V/Å", fields, len(frames), False)]


def _known_of(part: Part, label: Quantity, atoms: Atoms) -> Array:
    """[k] labelled numbers of a part."""
    mask = known(atoms, label)[part.components]
    return labelled_values(atoms, label)[..., part.components][..., mask].ravel()


def _less_elements(frames: Sequence[Atoms], fitted_on: Sequence[Atoms]) -> Array:
    """Energies per atom less the least-squares sum of one energy per element (eV)."""
    elements = sorted({int(z) for a in fitted_on for z in a.numbers})
    energies, counts = _energies(fitted_on, elements)
    per_element = np.linalg.lstsq(counts, energies, rcond=None)[0]
    own, composition = _energies(frames, elements)
    return np.asarray((own - composition @ per_element) / composition.sum(1), dtype=np.float64)


def _energies(frames: Sequence[Atoms], elements: Sequence[int]) -> tuple[Array, Array]:
    labelled = [a for a in frames if is_stated(a, ENERGY)]
    counts = np.array([[(a.numbers == z).sum() for z in elements] for a in labelled], float)
    return np.array([a.info[ENERGY.reference_key] for a in labelled], float), counts
