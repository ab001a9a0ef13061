"""Predicted beside reference labels, one structure at a time on the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ase
import torch

from bench.data.batch import Batch, make_loader
from bench.inference.at_reference import at_reference
from bench.inference.relax import write_minimum
from bench.labels.keys import (
    CHARGE_BLIND_KEY,
    CHEMICAL_POTENTIAL_KEY,
    CONVERGED_KEY,
    FERMI_LEVEL_GAP_KEY,
    ITERATIONS_KEY,
    RELAXED_SUBSET,
    RESIDUAL_KEY,
    RESPONSE_MAX_KEY,
    RESPONSE_MIN_KEY,
    SMEARING_WIDTH_KEY,
    energy_part_key,
)
from bench.labels.quantities import MULTIPOLES, QUANTITIES, Quantity, Source
from bench.labels.stored import can_have, known
from bench.models.base import Point
from bench.models.prediction import Prediction
from bench.runs.predictions import at_reference_key


@torch.inference_mode(False)
@torch.enable_grad()
def predict_frames(
    model: Point, frames: Sequence[ase.Atoms], *, batch_size: int
) -> list[ase.Atoms]:
    """Copies of ``frames`` that hold the model's predictions under ``PRED_`` keys.

    Args:
        model: a trained point; its evaluation mode is restored afterwards.
        frames: structures as the dataset gives them, reference labels included.
        batch_size: structures per batch.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    predicted: list[ase.Atoms] = []
    for batch in make_loader(frames, model.graph_settings, batch_size=batch_size):
        batch = batch.to(device)
        prediction = model(batch, **_asked_for(batch), report_response=True)
        given, has_density = at_reference(model, batch)
        for row in range(batch.num_structures):
            atoms = frames[int(batch.index[row])].copy()
            _write(atoms, batch, prediction, row)
            if has_density[row]:
                _write_at_reference(atoms, batch, given, row)
            atoms.info[CHARGE_BLIND_KEY] = not model.knows_total_charge
            if MULTIPOLES.predicted_key in atoms.arrays:
                atoms.info[SMEARING_WIDTH_KEY] = model.config.smearing_width
            if atoms.info.get("subset") == RELAXED_SUBSET:
                write_minimum(model, atoms)
            predicted.append(atoms)
    model.train(was_training)
    return predicted


def _asked_for(batch: Batch) -> dict[str, bool]:
    """Which of what a model computes on request has a reference in the batch."""
    on_request = (name for name, quantity in QUANTITIES.items() if quantity.on_request)
    return {f"compute_{name}": bool(batch.has[name].any()) for name in on_request}


def _write(atoms: ase.Atoms, batch: Batch, prediction: Prediction, row: int) -> None:
    """Put one structure's predictions into its info and arrays."""
    here = batch.structure == row
    for name, energy in prediction.energy_parts.items():
        atoms.info[energy_part_key(name)] = float(energy[row])
    errors = prediction.differences()
    for name, quantity in QUANTITIES.items():
        value = prediction.of(name)
        if value is None or not _is_written(atoms, quantity):
            continue
        _store(atoms, quantity, quantity.predicted_key, value[here if quantity.per_atom else row])
        if name in errors and _has_source(atoms, quantity, prediction):
            reference = value[here] - errors[name][here]
            _store(atoms, quantity, quantity.reference_key, reference)
    _write_solve(atoms, prediction, row)


def _write_at_reference(
    atoms: ase.Atoms, batch: Batch, given: Mapping[str, torch.Tensor], row: int
) -> None:
    """Put what the model says of one structure's reference density into its info and arrays."""
    for name, value in given.items():
        quantity = QUANTITIES[name]
        where = batch.structure == row if quantity.per_atom else row
        _store(atoms, quantity, at_reference_key(quantity), value[where])


def _is_written(atoms: ase.Atoms, quantity: Quantity) -> bool:
    """What is computed where it is asked for is asked for by structures that have the label."""
    return bool(known(atoms, quantity).any()) if quantity.on_request else can_have(atoms, quantity)


def _has_source(atoms: ase.Atoms, quantity: Quantity, prediction: Prediction) -> bool:
    """Whether the label that a derived reference is made from is known as far as predicted."""
    if quantity.source is not Source.derived:
        return False
    source = prediction.of(quantity.made_from)
    columns = None if source is None else source.shape[1]
    return bool(known(atoms, QUANTITIES[quantity.made_from])[:columns].all())


def _store(atoms: ase.Atoms, quantity: Quantity, key: str, value: torch.Tensor) -> None:
    if quantity.per_atom:
        atoms.arrays[key] = _numpy(value)
    else:
        atoms.info[key] = float(value) if value.ndim == 0 else _numpy(value)


def _write_solve(atoms: ase.Atoms, prediction: Prediction, row: int) -> None:
    """Levels, and how the solve went."""
    levels = {
        CHEMICAL_POTENTIAL_KEY: prediction.chemical_potential,
        FERMI_LEVEL_GAP_KEY: prediction.fermi_level_gap,
    }
    atoms.info |= {key: float(level[row]) for key, level in levels.items() if level is not None}
    if prediction.scf is not None:
        atoms.info[ITERATIONS_KEY] = int(prediction.scf.iterations[row])
        atoms.info[RESIDUAL_KEY] = float(prediction.scf.residual[row])
        atoms.info[CONVERGED_KEY] = bool(prediction.scf.converged[row])
        atoms.info[RESPONSE_MIN_KEY] = float(prediction.scf.response_min[row])
        atoms.info[RESPONSE_MAX_KEY] = float(prediction.scf.response_max[row])


def _numpy(tensor: torch.Tensor) -> object:
    return tensor.detach().cpu().double().numpy()
