"""What a self-consistent point says of the reference's density: direct training's own errors."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.config.schema import Mode
from bench.data.batch import Batch
from bench.labels.quantities import ENERGY, FORCES, MULTIPOLES
from bench.models.base import Point
from bench.models.prediction import Prediction


def at_reference(model: Point, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
    """Energy and forces at the reference multipoles, and what one update makes of these.

    The density does not follow the atoms, as in direct training: without a variational energy the
    forces leave out what it would do.  Of a variational point the update is a step down the
    energy's gradient (``VariationalPoint.at_reference``).

    Args:
        model: a point, in evaluation mode.
        batch: g structures with n atoms in all.

    Returns:
        Energy [g] in eV, forces [n, 3] in eV/Å and multipoles [n, 4] in e and e Å by the names of
        their quantities, of a point that takes a density; and [g] bool, which structures have one.
    """
    known = batch.has_density(model.config.l_max)
    if Mode.direct not in model.modes or not known.any():
        return {}, torch.zeros_like(known)
    prediction: Prediction = model(batch, mode=Mode.direct)
    reference, residual = prediction.multipoles, prediction.density_residual
    assert prediction.forces is not None and reference is not None and residual is not None
    values = {
        ENERGY.name: prediction.energy,
        FORCES.name: prediction.forces,
        MULTIPOLES.name: reference + residual,
    }
    return values, known
