"""Predicted beside reference labels, one structure at a time on the disk."""

from __future__ import annotations

from collections.abc import Sequence

import ase
import torch

from bench.data.batch import Batch, make_loader
from bench.density.geometry import Boundary
from bench.labels.keys import (
    DIPOLE,
    ENERGY,
    FERMI_LEVEL,
    FORCES,
    MULTIPOLES,
    POLARIZABILITY,
    POTENTIAL,
    STRESS,
    energy_part_key,
)
from bench.models.base import Point
from bench.models.prediction import Prediction


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
        prediction = model(
            batch.to(device),
            compute_stress=bool(batch.has[STRESS.name].any()),
            compute_polarizability=bool(batch.has[POLARIZABILITY.name].any()),
            report_response=True,
        )
        for row in range(batch.num_structures):
            atoms = frames[int(batch.index[row])].copy()
            _write(atoms, batch, prediction, row)
            atoms.info["charge_blind"] = not model.knows_total_charge
            predicted.append(atoms)
    model.train(was_training)
    return predicted


def _write(atoms: ase.Atoms, batch: Batch, prediction: Prediction, row: int) -> None:
    """Put one structure's predictions into its info and arrays."""
    here = batch.structure == row
    atoms.info[ENERGY.predicted_key] = float(prediction.energy[row])
    for name, energy in prediction.energy_parts.items():
        atoms.info[energy_part_key(name)] = float(energy[row])
    if prediction.forces is not None:
        atoms.arrays[FORCES.predicted_key] = _numpy(prediction.forces[here])
    if prediction.multipoles is not None:
        atoms.arrays[MULTIPOLES.predicted_key] = _numpy(prediction.multipoles[here])
    if prediction.electrostatic_potential is not None:
        _write_potential(atoms, prediction.electrostatic_potential[here], prediction, here)
    if prediction.total_charge is not None:
        atoms.info["PRED_total_charge"] = float(prediction.total_charge[row])
    if prediction.dipole is not None and batch.boundary[row] != Boundary.BULK:
        atoms.info[DIPOLE.predicted_key] = _numpy(prediction.dipole[row])
    if prediction.stress is not None and batch.boundary[row] == Boundary.BULK:
        atoms.info[STRESS.predicted_key] = _numpy(prediction.stress[row])
    if prediction.polarizability is not None and batch.has[POLARIZABILITY.name][row].any():
        atoms.info[POLARIZABILITY.predicted_key] = _numpy(prediction.polarizability[row])
    _write_solve(atoms, prediction, row)


def _write_solve(atoms: ase.Atoms, prediction: Prediction, row: int) -> None:
    """Levels, and how the solve went."""
    levels = {
        FERMI_LEVEL.predicted_key: prediction.fermi_level,
        "PRED_chemical_potential": prediction.chemical_potential,
        "SCF_fermi_level_gap": prediction.fermi_level_gap,
    }
    atoms.info |= {key: float(level[row]) for key, level in levels.items() if level is not None}
    if prediction.scf is not None:
        atoms.info["SCF_iterations"] = int(prediction.scf.iterations[row])
        atoms.info["SCF_residual"] = float(prediction.scf.residual[row])
        atoms.info["SCF_converged"] = bool(prediction.scf.converged[row])
        atoms.info["SCF_response_min"] = float(prediction.scf.response_min[row])
        atoms.info["SCF_response_max"] = float(prediction.scf.response_max[row])


def _write_potential(
    atoms: ase.Atoms, potential: torch.Tensor, prediction: Prediction, here: torch.Tensor
) -> None:
    """The potential at the atoms, and what the reference multipoles make of it."""
    atoms.arrays[POTENTIAL.predicted_key] = _numpy(potential)
    if prediction.potential_error is not None and MULTIPOLES.reference_key in atoms.arrays:
        reference = potential - prediction.potential_error[here]
        atoms.arrays[POTENTIAL.reference_key] = _numpy(reference)


def _numpy(tensor: torch.Tensor) -> object:
    return tensor.detach().cpu().double().numpy()
