"""Losses and errors: squared differences with their counts, masked where a label is undefined.

A training loss and a validation loss are the same formula, Σ_k f_k (Σ squares_k / count_k), with
f_k the weight of a loss over the square of its label's spread (``bench.train.targets``); over a
split the sums and the counts accumulate, so that an error never depends on how batches were cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.data.batch import Batch
from bench.errors import BenchError
from bench.labels.quantities import (
    CHARGE_DIFFERENCE,
    ENERGY,
    QUANTITIES,
    Quantity,
    Source,
)
from bench.models.prediction import Prediction
from bench.scf.report import ScfReport

STABILITY = "stability"


@dataclass(frozen=True)
class Squares:
    """A sum of squared errors (scalar float64 tensor) and the number of terms in it."""

    total: Tensor
    count: int


def squared_errors(
    prediction: Prediction, batch: Batch, *, stable_range: tuple[float, float]
) -> dict[str, Squares]:
    """Squared errors of everything that is predicted and has a reference, by part of a quantity.

    Energies are per atom, (E − E_ref) / n; between charge states of one geometry they are not.
    What the model finds itself takes the place of predicted less reference: the density's residual
    in direct training, the potential's error.  A Fermi level that the model leaves undefined (NaN)
    is not compared.

    Args:
        prediction: of ``batch``.
        batch: with reference labels.
        stable_range: smallest and largest Re λ of the response that are not penalised.
    """
    own = prediction.differences()
    found: dict[str, Squares] = {}
    for name, quantity in QUANTITIES.items():
        if name in own:
            known = _known_of_own(quantity, own[name], prediction, batch)
            found |= _squares(quantity, own[name], known)
        elif quantity.source is not Source.derived and prediction.of(name) is not None:
            found |= _squares(quantity, *_difference(quantity, prediction, batch))
    found[CHARGE_DIFFERENCE.name] = _charge_differences(prediction, batch)
    if prediction.scf is not None:
        found[STABILITY] = stability_penalty(prediction.scf, stable_range)
    return found


def _difference(quantity: Quantity, prediction: Prediction, batch: Batch) -> tuple[Tensor, Tensor]:
    """[g or n, c] predicted less reference, and where it counts; without c where c is 1."""
    predicted = prediction.of(quantity.name)
    assert predicted is not None
    reference, known = batch.labels[quantity.name], batch.has[quantity.name]
    known = known[batch.structure] if quantity.per_atom else known
    if quantity.components > 1:
        predicted = predicted.flatten(1)  # a point may predict the first ones alone: charges
        reference, known = reference[:, : predicted.shape[1]], known[:, : predicted.shape[1]]
    difference = predicted.double() - reference
    if quantity.extensive:
        difference = difference / batch.num_atoms
    if quantity.may_be_undefined:
        known = known & ~predicted.isnan()
    return difference, known


def _known_of_own(
    quantity: Quantity, error: Tensor, prediction: Prediction, batch: Batch
) -> Tensor:
    """Where an error that the model found itself counts, shaped as the error.

    That of a derived quantity needs every predicted component of what it is made from.
    """
    if not quantity.made_from:
        return batch.has[quantity.name][batch.structure, : error.shape[1]]
    source = prediction.of(quantity.made_from)
    columns = None if source is None else source.shape[1]
    return batch.has[quantity.made_from][:, :columns].all(1)[batch.structure]


def _squares(quantity: Quantity, difference: Tensor, known: Tensor) -> dict[str, Squares]:
    """By part, sum and count over the entries where ``known`` holds."""
    rows, counted = (x.reshape(len(x), -1) for x in (difference, known))  # [g or n, c]
    return {
        part.name: _sum(rows[:, part.components][counted[:, part.components]])
        for part in quantity.parts
    }


def _sum(errors: Tensor) -> Squares:
    return Squares(errors.double().square().sum(), errors.numel())


def _charge_differences(prediction: Prediction, batch: Batch) -> Squares:
    """Of E(Q) − E(Q') in eV, over every two charge states of a geometry in the batch."""
    first, second = batch.charge_pairs()
    known = batch.has[ENERGY.name]
    error = prediction.energy.double() - batch.labels[ENERGY.name]
    return _sum((error[first] - error[second])[known[first] & known[second]])


def stability_penalty(report: ScfReport, stable_range: tuple[float, float]) -> Squares:
    """Squared excess of the response eigenvalues over the stable range, one term per structure.

    Structures whose eigenvalues were not computed (NaN) do not count.
    """
    low, high = stable_range
    excess = (report.response_max - high).relu().square()
    excess = excess + (low - report.response_min).relu().square()  # [g]
    known = ~excess.isnan()
    return Squares(excess[known].double().sum(), int(known.sum()))


def stable_range(mixing: float) -> tuple[float, float]:
    """The λ for which mixing a fraction α contracts: |1 − α + αλ| < 1, that is 1 − 2/α < λ < 1."""
    return 1.0 - 2.0 / mixing, 1.0


def weighted_loss(squares: Mapping[str, Squares], factors: Mapping[str, float]) -> Tensor:
    """Σ f (Σ squares / count), differentiable, over the losses that have a term in this batch."""
    terms = [factors[k] * s.total / s.count for k, s in squares.items() if k in factors and s.count]
    if not terms:
        raise BenchError(
            f"no loss has a reference value in this batch (losses: {', '.join(factors)}).",
            "Give the energy or the forces a weight: training.loss.energy=1.",
        )
    return torch.stack(terms).sum()
