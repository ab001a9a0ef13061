"""Losses and errors: squared differences with their counts, masked where a label is undefined.

A training loss and a validation loss are the same formula, Σ_k w_k (Σ squares_k / count_k); over a
split the sums and the counts accumulate, so that an error never depends on how batches were cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import ase
import torch
from torch import Tensor

from bench.config.schema import Ensemble, Guess, LossWeights, ModelConfig
from bench.data.batch import Batch
from bench.errors import BenchError
from bench.labels.keys import (
    DIPOLE,
    DIPOLE_MASK_KEY,
    ENERGY,
    FERMI_LEVEL,
    FORCES,
    LABELS,
    MULTIPOLES,
    POLARIZABILITY,
    POTENTIAL,
    STRESS,
)
from bench.models.base import Point
from bench.models.prediction import Prediction
from bench.scf.report import ScfReport

TOTAL_CHARGE = "total_charge"
STABILITY = "stability"
# Labels that a part of the structures may lack: an insulator's Fermi level, a slab's stress.
SOME_HAVE = (FERMI_LEVEL.name, STRESS.name, POLARIZABILITY.name)

# How errors are shown: the unit and the factor from eV, e, Å to it.
ERROR_UNITS: dict[str, tuple[str, float]] = {
    "energy": ("meV/atom", 1000.0),
    "forces": ("meV/Å", 1000.0),
    STRESS.name: ("meV/Å³", 1000.0),
    "multipoles": ("e, e Å", 1.0),
    TOTAL_CHARGE: ("e", 1.0),
    "dipole": ("e Å", 1.0),
    "fermi_level": ("eV", 1.0),
    POTENTIAL.name: ("V", 1.0),
    POLARIZABILITY.name: ("e Å²/V", 1.0),
}


@dataclass(frozen=True)
class Squares:
    """A sum of squared errors (scalar float64 tensor) and the number of terms in it."""

    total: Tensor
    count: int


def squared_errors(
    prediction: Prediction, batch: Batch, *, stable_range: tuple[float, float]
) -> dict[str, Squares]:
    """Squared errors of everything that is predicted and has a reference, by name of the loss.

    Energies are per atom, (E − E_ref) / n.  ``density_residual`` takes the place of the multipole
    error where direct training gives one.  A Fermi level that the model leaves undefined (NaN) is
    not compared.

    Args:
        prediction: of ``batch``.
        batch: with reference labels.
        stable_range: smallest and largest Re λ of the response that are not penalised.
    """
    found = {name: _label_squares(name, prediction, batch) for name in LABELS}
    known = batch.has[MULTIPOLES.name][batch.structure]
    if prediction.density_residual is not None:
        found[MULTIPOLES.name] = _squares(prediction.density_residual, known)
    if prediction.potential_error is not None:
        found[POTENTIAL.name] = _squares(prediction.potential_error, known)
    if prediction.total_charge is not None:
        found[TOTAL_CHARGE] = _squares(prediction.total_charge - batch.total_charge)
    if prediction.scf is not None:
        found[STABILITY] = stability_penalty(prediction.scf, stable_range)
    return {name: squares for name, squares in found.items() if squares is not None}


def _label_squares(name: str, prediction: Prediction, batch: Batch) -> Squares | None:
    """Squares of one label over the structures and components that have it."""
    predicted: Tensor | None = getattr(prediction, name)
    if predicted is None:
        return None
    reference, known = batch.labels[name], batch.has[name]
    if name in (STRESS.name, POLARIZABILITY.name):
        predicted = predicted.flatten(1)  # [g, 9]
    if name == MULTIPOLES.name:
        reference = reference[:, : predicted.shape[1]]  # charges alone at l_max = 0
    difference = predicted.double() - reference
    if name == ENERGY.name:
        difference = difference / batch.num_atoms
    if name == FERMI_LEVEL.name:
        known = known & ~predicted.isnan()
    return _squares(difference, known[batch.structure] if LABELS[name].per_atom else known)


def _squares(difference: Tensor, known: Tensor | None = None) -> Squares:
    """Sum and count over the entries, or rows, where ``known`` holds."""
    kept = difference if known is None else difference[known]
    return Squares(kept.double().square().sum(), kept.numel())


def stability_penalty(report: ScfReport, stable_range: tuple[float, float]) -> Squares:
    """Squared excess of the response eigenvalues over the stable range, one term per structure.

    Structures whose eigenvalues were not computed (NaN) do not count.
    """
    low, high = stable_range
    excess = (report.response_max - high).relu().square()
    excess = excess + (low - report.response_min).relu().square()  # [g]
    known = ~excess.isnan()
    return Squares(excess[known].double().sum(), int(known.sum()))


def check_stability_loss(weights: Mapping[str, float], report: ScfReport | None) -> None:
    """Refuse a stability loss that would change no weight.

    Raises:
        BenchError: the solve gives no differentiable eigenvalues.
    """
    if STABILITY in weights and report is not None and not report.response_max.requires_grad:
        raise BenchError(
            f"training.loss.stability={weights[STABILITY]:g}: this point's solve gives no "
            "differentiable response eigenvalues.",
            "Leave it out: training.loss.stability=0",
        )


def stable_range(mixing: float) -> tuple[float, float]:
    """Re λ for which linear mixing with ``mixing`` contracts: 1 − 2/α < λ < 1 (physics, 5)."""
    return 1.0 - 2.0 / mixing, 1.0


def weighted_loss(squares: Mapping[str, Squares], weights: Mapping[str, float]) -> Tensor:
    """Σ w (Σ squares / count), differentiable, over the losses that have a term in this batch."""
    terms = [weights[k] * s.total / s.count for k, s in squares.items() if k in weights and s.count]
    if not terms:
        raise BenchError(
            f"no loss has a reference value in this batch (losses: {', '.join(weights)}).",
            "Give the energy or the forces a weight: training.loss.energy=1.",
        )
    return torch.stack(terms).sum()


@dataclass(frozen=True)
class Losses:
    """The losses of a run.

    Attributes:
        weights: by name, only those that act.
        dropped: name of a weighted loss that does not act, and why.
        partial: name of a weighted loss that acts on a part of the training set, and how many.
    """

    weights: dict[str, float]
    dropped: dict[str, str]
    partial: dict[str, str] = field(default_factory=dict)


def allowed_losses(model: Point) -> frozenset[str]:
    """Names of the losses that a point's predictions allow."""
    allowed = {ENERGY.name, FORCES.name, STRESS.name, *model.predicts}
    allowed |= {TOTAL_CHARGE, POTENTIAL.name} if MULTIPOLES.name in model.predicts else set()
    return frozenset(allowed | ({STABILITY} if model.modes else set()))


def choose_losses(
    config: LossWeights, predicts: Iterable[str], frames: Mapping[str, Sequence[ase.Atoms]]
) -> Losses:
    """Which losses act, given what the point predicts and what the data have.

    Args:
        config: weights; zero switches a loss off.
        predicts: names of the losses that the point's predictions allow.
        frames: structures by split: those to train and to validate on.

    Raises:
        BenchError: a weighted label that some structures lack, or no loss left.
    """
    predicted = {*predicts}
    weights, dropped, partial = {}, {}, {}
    for name, weight in asdict(config).items():
        if weight and name not in predicted:
            dropped[name] = "not predicted by this point"
        elif weight and name == DIPOLE.name and not _any_dipole(frames["train"]):
            dropped[name] = "no component is defined in the training set"
        elif weight and name == FERMI_LEVEL.name and not _any_label(frames["train"], name):
            dropped[name] = "no training structure has one"
        elif weight:
            _check_labels(name, frames)
            weights[name] = weight
            if name in SOME_HAVE:
                have = sum(_has_label(atoms, name) for atoms in frames["train"])
                partial[name] = f"{have} of {len(frames['train'])} training structures"
    if not weights:
        raise BenchError("no loss is left to train on.", "Set training.loss.energy=1.")
    return Losses(weights, dropped, partial)


def check_reference_density(
    model: ModelConfig, direct: bool, frames: Mapping[str, Sequence[ase.Atoms]]
) -> None:
    """Refuse to start from reference multipoles that are not there: they would be zeros.

    Args:
        model: where its iterations start.
        direct: whether the density is the reference in some epochs.
        frames: structures by split.
    """
    if model.initial_density is Guess.reference:
        reason, splits = "model.initial_density=reference", tuple(frames)
        mend = "model.initial_density=local"
    elif direct:
        reason, splits = "direct training", ("train",)
        mend = "training.mode=implicit"
    else:
        return
    for split in splits:
        missing = _lacking(frames[split], MULTIPOLES.name)
        if missing:
            told = _told_missing(MULTIPOLES.name, missing, frames[split], split)
            raise BenchError(f"{reason} needs {told}", f"Add the label, or: {mend}")


def refuse_fixed_fermi_level(model: ModelConfig) -> None:
    """Labels are energies at fixed charge, and one Fermi level for all of them means nothing."""
    if model.ensemble is Ensemble.constant_fermi_level:
        raise BenchError(
            "model.ensemble=constant_fermi_level: a run is trained and scored on structures of "
            "given total charge.",
            "Train at constant charge; BenchCalculator.from_run(FOLDER, chemical_potential=EV) "
            "holds a level.",
        )


def _any_label(frames: Sequence[ase.Atoms], name: str) -> bool:
    return any(_has_label(atoms, name) for atoms in frames)


def _any_dipole(frames: Sequence[ase.Atoms]) -> bool:
    return any(any(atoms.info.get(DIPOLE_MASK_KEY, ())) for atoms in frames)


def _check_labels(name: str, frames: Mapping[str, Sequence[ase.Atoms]]) -> None:
    """Refuse a loss on a label that is missing somewhere; a masked dipole is not missing.

    Of labels that some structures may lack, one training structure has to have it.
    """
    if name in (TOTAL_CHARGE, STABILITY):
        return
    needed = MULTIPOLES.name if name == POTENTIAL.name else name
    for split, structures in frames.items():
        missing = _lacking(structures, needed)
        enough = name in SOME_HAVE and (split != "train" or len(missing) < len(structures))
        if missing and not enough:
            raise BenchError(
                f"the loss on {name} needs {_told_missing(needed, missing, structures, split)}",
                f"Add the label, or switch the loss off: training.loss.{name}=0",
            )


def _lacking(structures: Sequence[ase.Atoms], name: str) -> list[int]:
    return [i for i, atoms in enumerate(structures) if not _has_label(atoms, name)]


def _told_missing(
    name: str, missing: Sequence[int], structures: Sequence[ase.Atoms], split: str
) -> str:
    return (
        f"REF_{name}, missing in {len(missing)} of {len(structures)} structures of split {split} "
        f"(first: index {missing[0]})."
    )


def _has_label(atoms: ase.Atoms, name: str) -> bool:
    """Whether a structure states the label, and it means something there.

    A dipole without any defined component need not be stated.
    """
    present = f"REF_{name}" in atoms.info or f"REF_{name}" in atoms.arrays
    has_dipole = any(atoms.info.get(DIPOLE_MASK_KEY, (1,)))
    if name == DIPOLE.name:
        return present or not has_dipole
    if name == POLARIZABILITY.name:
        return present and has_dipole
    return present and (name != STRESS.name or bool(atoms.pbc.all()))
