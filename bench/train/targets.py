"""Which losses act in a run, given what its point predicts and what its data have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import ase

from bench.config.schema import Ensemble, Guess, LossWeights, ModelConfig
from bench.errors import BenchError
from bench.labels.quantities import ENERGY, MULTIPOLES, QUANTITIES, Quantity, Source
from bench.labels.stored import can_have, defined, known
from bench.models.base import Point
from bench.scf.report import ScfReport
from bench.train.losses import STABILITY


@dataclass(frozen=True)
class Losses:
    """The losses of a run.

    Attributes:
        weights: by name, only those that act.
        dropped: name of a weighted loss that does not act, and why.
        partial: what a loss has in a part of the training set alone, and how many have it.
    """

    weights: dict[str, float]
    dropped: dict[str, str]
    partial: dict[str, str] = field(default_factory=dict)


def allowed_losses(model: Point) -> frozenset[str]:
    """Names of the losses that a point's predictions allow."""
    predicted = {ENERGY.name, *model.predicts}
    allowed = {q.name for q in QUANTITIES.values() if (q.predicted_with or q.name) in predicted}
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
    losses = Losses({}, {})
    for name, weight in asdict(config).items():
        if not weight:
            continue
        reason = _why_not(name, predicted, frames["train"])
        if reason:
            losses.dropped[name] = reason
            continue
        label = _label_of(name)
        if label is not None:
            _check_labels(name, label, frames)
            losses.partial.update(_partial(label, frames["train"]))
        losses.weights[name] = weight
    if not losses.weights:
        raise BenchError("no loss is left to train on.", "Set training.loss.energy=1.")
    return losses


def _label_of(name: str) -> Quantity | None:
    """The label that a loss needs; None where it needs nothing that may be missing."""
    quantity = QUANTITIES.get(name)
    if quantity is None or quantity.source is Source.state:
        return None
    return QUANTITIES[quantity.made_from] if quantity.made_from else quantity


def _why_not(name: str, predicted: set[str], train: Sequence[ase.Atoms]) -> str:
    """Why a weighted loss does not act; empty if it does.

    What acts by default does not act where the data cannot have it; what was asked for is refused.
    """
    if name not in predicted:
        return "not predicted by this point"
    quantity = QUANTITIES.get(name)
    if quantity is None or not quantity.weight:
        return ""
    if not any(defined(atoms, quantity).any() for atoms in train):
        return "no component is defined in the training set"
    if quantity.sparse and not any(known(atoms, quantity).any() for atoms in train):
        return "no training structure has one"
    return ""


def _partial(label: Quantity, train: Sequence[ase.Atoms]) -> dict[str, str]:
    """What a part of the training set has: labels that some may lack, charges without dipoles."""
    masks = [known(atoms, label) for atoms in train]
    found = {part.name: sum(m[part.components].any() for m in masks) for part in label.parts}
    return {
        name: f"{have} of {len(train)} training structures"
        for name, have in found.items()
        if label.sparse or have < len(train)
    }


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
    components = (model.l_max + 1) ** 2
    for split in splits:
        whole = [known(atoms, MULTIPOLES)[:components].all() for atoms in frames[split]]
        missing = [index for index, has in enumerate(whole) if not has]
        if missing:
            told = _told_missing(MULTIPOLES, missing, frames[split], split)
            raise BenchError(
                f"{reason} needs {told}",
                f"Add the label ({components} columns at model.l_max={model.l_max}), or: {mend}",
            )


def refuse_fixed_fermi_level(model: ModelConfig) -> None:
    """Labels are energies at fixed charge, and one Fermi level for all of them means nothing."""
    if model.ensemble is Ensemble.constant_fermi_level:
        raise BenchError(
            "model.ensemble=constant_fermi_level: a run is trained and scored on structures of "
            "given total charge.",
            "Train at constant charge; BenchCalculator.from_run(FOLDER, chemical_potential=EV) "
            "holds a level.",
        )


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


def _check_labels(name: str, label: Quantity, frames: Mapping[str, Sequence[ase.Atoms]]) -> None:
    """Refuse a loss on a label that is missing somewhere.

    Of labels that some structures may lack, one training structure has to have it.
    """
    for split, structures in frames.items():
        missing = [i for i, atoms in enumerate(structures) if _lacks(atoms, label)]
        enough = label.sparse and (split != "train" or len(missing) < len(structures))
        if missing and not enough:
            raise BenchError(
                f"the loss on {name} needs {_told_missing(label, missing, structures, split)}",
                f"Add the label, or switch the loss off: training.loss.{name}=0",
            )


def _told_missing(
    label: Quantity, missing: Sequence[int], structures: Sequence[ase.Atoms], split: str
) -> str:
    return (
        f"{label.reference_key}, missing in {len(missing)} of {len(structures)} structures of "
        f"split {split} (first: index {missing[0]})."
    )


def _lacks(atoms: ase.Atoms, label: Quantity) -> bool:
    """Whether the label should be there and is not; a dipole is no label of a crystal."""
    if known(atoms, label).any():
        return False
    return label.sparse or can_have(atoms, label)
