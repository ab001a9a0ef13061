"""How much labels vary over the training set: the units in which losses count errors."""

from __future__ import annotations

from collections.abc import Sequence

import ase
import numpy as np
from numpy.typing import NDArray

from bench.data.groups import charge_pairs
from bench.data.statistics import Baseline, TrainingMeans, fit_baseline, label_means
from bench.labels.keys import TOTAL_CHARGE_KEY
from bench.labels.quantities import (
    CHARGE_DIFFERENCE,
    ENERGY,
    MULTIPOLES,
    TOTAL_CHARGE,
    Mean,
    Quantity,
    labels,
)
from bench.labels.stored import is_stated, known, labelled_values

CONSTANT = 1e-8  # in a quantity's own unit, below it there is nothing to learn but a constant
Array = NDArray[np.float64]


def label_spreads(frames: Sequence[ase.Atoms]) -> dict[str, float]:
    """Root mean square of what predicting the mean leaves, by part, in the quantity's own unit.

    The mean is the element's of what atoms have, zero of forces, the baseline of energies, which
    are compared per atom; of differences between charge states, in eV, that of the baseline.
    Without that, composition would drown the deviations that a model has to learn.  Of what does
    not vary the spread is one unit.

    Args:
        frames: the training set.

    Returns:
        Without the parts that no structure has.
    """
    elements = tuple(sorted({int(z) for atoms in frames for z in atoms.numbers}))
    baseline, means = fit_baseline(frames, elements), label_means(frames)
    found: dict[str, float] = {}
    for quantity in labels().values():
        stated = [atoms for atoms in frames if is_stated(atoms, quantity)]
        rows = [_deviations(atoms, quantity, means, baseline) for atoms in stated]
        for part in quantity.parts:
            values = [r[:, part.components].ravel() for r in rows]
            varied = np.concatenate(values) if values else np.empty(0)
            varied = varied[~np.isnan(varied)]
            found.update({part.name: rms(varied)} if varied.size else {})
    found[TOTAL_CHARGE.name] = _total_charge(frames, means, found)
    gaps = [_energy_gap(frames[i], frames[j], baseline) for i, j in charge_pairs(frames)]
    return found | ({CHARGE_DIFFERENCE.name: rms(np.array(gaps))} if gaps else {})


def rms(values: Array) -> float:
    """Root mean square, or one where the values do not vary."""
    spread = float(np.sqrt(np.mean(np.square(values))))
    return spread if spread > CONSTANT else 1.0


def _deviations(
    atoms: ase.Atoms, quantity: Quantity, means: TrainingMeans, baseline: Baseline
) -> Array:
    """[n, c] or [1, c] reference values less what predicting the mean says, NaN where unknown."""
    values = labelled_values(atoms, quantity)
    if quantity.extensive:
        values = (values - baseline.energy(atoms)) / len(atoms)
    elif quantity.mean is not Mean.zero:
        mean = means.of(atoms, quantity)
        values = values - (0.0 if mean is None else mean)
    return np.where(known(atoms, quantity), np.atleast_2d(values), np.nan)


def _total_charge(
    frames: Sequence[ase.Atoms], means: TrainingMeans, spreads: dict[str, float]
) -> float:
    """What the sum of the elements' mean charges misses, in e.

    At least what independent errors of the atoms' charges would add up to: in neutral structures of
    one composition the means miss nothing.
    """
    charges = np.array([float(atoms.info[TOTAL_CHARGE_KEY]) for atoms in frames])
    sums = [means.of(atoms, MULTIPOLES) for atoms in frames]
    told = [0.0 if row is None else float(row[:, 0].sum()) for row in sums]
    one_atom = spreads.get(MULTIPOLES.parts[0].name)
    if one_atom is None:
        return rms(charges - charges.mean())
    independent = one_atom * float(np.sqrt(np.mean([len(atoms) for atoms in frames])))
    return max(independent, float(np.sqrt(np.mean(np.square(charges - told)))))


def _energy_gap(one: ase.Atoms, other: ase.Atoms, baseline: Baseline) -> float:
    """Difference of two energies in eV, less the baseline's."""
    first, second = (
        float(labelled_values(atoms, ENERGY)[0]) - baseline.energy(atoms) for atoms in (one, other)
    )
    return first - second
