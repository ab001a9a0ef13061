"""Which losses act in a run, given what its point predicts and what its data have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace

import ase

from bench.config.schema import (
    Ensemble,
    Guess,
    LossWeights,
    Mode,
    ModelConfig,
    TrainingConfig,
)
from bench.data.groups import charge_pairs
from bench.errors import BenchError
from bench.labels.quantities import (
    CHARGE_DIFFERENCE,
    ENERGY,
    MULTIPOLES,
    POLARIZABILITY,
    QUANTITIES,
    Quantity,
    Source,
)
from bench.labels.stored import can_have, known
from bench.models.base import Point
from bench.scf.report import ScfReport
from bench.train.losses import STABILITY

_SPLIT_WORDS = {"train": "training", "valid": "validation"}


@dataclass(frozen=True)
class Losses:
    """The losses of a run.

    Attributes:
        weights: by name, only those that act: at the start, where a model predicts the mean, each
            loss contributes about its weight.
        dropped: name of a weighted loss that does not act, and why.
        partial: what a loss has in a part of the training set alone, and how many have it.
    """

    weights: dict[str, float]
    dropped: dict[str, str]
    partial: dict[str, str] = field(default_factory=dict)

    def factors(self, spreads: Mapping[str, float]) -> dict[str, float]:
        """What each sum of squared errors is multiplied by: its weight over its spread squared.

        The weight of a quantity is shared by those of its parts that are labelled.

        Args:
            spreads: by part, as ``bench.data.spreads`` measures them.

        Raises:
            BenchError: nothing of a loss has a spread.
        """
        factors: dict[str, float] = {}
        for name, weight in self.weights.items():
            if name == STABILITY:  # of eigenvalues, which have no unit
                factors[name] = weight
                continue
            known = [part for part in _parts_of(name) if part in spreads]
            if not known:
                raise BenchError(
                    f"the loss on {name} has no spread: the model's facts were measured on other "
                    "data.",
                    f"training.loss.{name}=0",
                )
            factors |= {part: weight / len(known) / spreads[part] ** 2 for part in known}
        return factors


def _parts_of(loss: str) -> list[str]:
    quantity = QUANTITIES.get(loss)
    return [loss] if quantity is None else [part.name for part in quantity.parts]


def allowed_losses(model: Point) -> frozenset[str]:
    """Names of the losses that a point can be trained on."""
    predicted = {ENERGY.name, *model.predicts}
    if model.dipole_is_derivative:
        predicted.discard(POLARIZABILITY.name)
    allowed = {q.name for q in QUANTITIES.values() if (q.predicted_with or q.name) in predicted}
    allowed |= {CHARGE_DIFFERENCE.name} if model.knows_total_charge else set()
    return frozenset(allowed | ({STABILITY} if model.modes else set()))


def choose_losses(
    config: LossWeights,
    predicts: Iterable[str],
    frames: Mapping[str, Sequence[ase.Atoms]],
    *,
    asked: Collection[str] = (),
    l_max: int = 1,
    batch_size: int = 2,
) -> Losses:
    """Which losses act, given what the point predicts and what the data have.

    What is labelled is trained on.  A loss without any label does not act, and why is said; it is
    refused where somebody asked for it: typed its weight, or changed it from the default.

    Args:
        config: weights; zero switches a loss off.
        predicts: names of the losses that the point's predictions allow.
        frames: structures by split: those to train and to validate on.
        asked: names whose weight was typed, whatever its value.
        l_max: of the density: a potential needs all its multipoles.
        batch_size: structures per training step: differences need two.

    Raises:
        BenchError: no training structure has the label of a loss that was asked for, or no loss is
            left.
    """
    predicted = {*predicts}
    losses = Losses({}, {})
    for name, weight in asdict(config).items():
        if not weight:
            continue
        reason = "" if name in predicted else "this point cannot be trained on it"
        if not reason:
            reason = _why_not(name, frames["train"], l_max=l_max, batch_size=batch_size)
            if reason and (name in asked or _changed(name, weight)):
                raise BenchError(f"training.loss.{name}={weight:g}, but {reason}.", _mend(name))
        if reason:
            losses.dropped[name] = reason
            continue
        losses.weights[name] = weight
        if (label := _label_of(name)) is not None:
            losses.partial.update(_partial(label, frames))
    if not losses.weights:
        raise BenchError("no loss is left to train on.", "Set training.loss.energy=1.")
    return losses


def _changed(name: str, weight: float) -> bool:
    """Whether a weight is not the default one, so that somebody chose it."""
    return any(item.name == name and item.default != weight for item in fields(LossWeights))


def _label_of(name: str) -> Quantity | None:
    """The label that a loss needs; None where it needs nothing that may be missing."""
    quantity = QUANTITIES.get(name)
    if quantity is None or quantity.source is Source.state:
        return None
    return QUANTITIES[quantity.made_from] if quantity.made_from else quantity


def _mend(name: str) -> str:
    label = _label_of(name)
    add = f"Add the label {label.reference_key}, or leave" if label is not None else "Leave"
    return f"{add} the loss out: training.loss.{name}=0"


def _why_not(name: str, train: Sequence[ase.Atoms], *, l_max: int, batch_size: int) -> str:
    """Why the labels teach this loss nothing; empty if they do."""
    if name == CHARGE_DIFFERENCE.name:
        if not charge_pairs(train):
            return "no geometry is at several total charges in the training set"
        return "" if batch_size > 1 else "training.batch_size=1 holds one of them"
    label = _label_of(name)
    if label is None:
        return ""
    if not any(known(atoms, label).any() for atoms in train):
        if not any(can_have(atoms, label) for atoms in train):
            return "no component is defined in the training set"
        return f"no training structure has {'one' if label.name == name else label.name}"
    if label.name != name and not any(_whole(atoms, l_max) for atoms in train):
        return f"no training structure has {label.name} up to l = {l_max}"
    return ""


def _whole(atoms: ase.Atoms, l_max: int) -> bool:
    """Whether a structure has all multipoles of a density: charges alone are none at l_max = 1."""
    return bool(known(atoms, MULTIPOLES)[: (l_max + 1) ** 2].all())


def _partial(label: Quantity, frames: Mapping[str, Sequence[ase.Atoms]]) -> dict[str, str]:
    """What a part of the structures has: insulators no Fermi level, charges no dipoles."""
    found: dict[str, str] = {}
    for part in label.parts:
        have = {
            split: sum(bool(known(atoms, label)[part.components].any()) for atoms in structures)
            for split, structures in frames.items()
        }
        lacking = [
            f"{have[split]} of {len(frames[split])} {_SPLIT_WORDS[split]} structures"
            for split in frames
            if have[split] < len(frames[split]) or (label.sparse and split == "train")
        ]
        if lacking:
            found[part.name] = " and ".join(lacking)
    return found


def mode_of(
    config: TrainingConfig, model: Point, train: Sequence[ase.Atoms], *, l_max: int
) -> tuple[TrainingConfig, str]:
    """The training with a mode that its labels allow, and why where that is another one.

    Direct steps need the reference density; ``training.mode=auto`` does without where there is
    none.  Modes that were asked for stay, and ``check_reference_density`` refuses them.

    Args:
        config: of the run.
        model: the point.
        train: structures to train on.
        l_max: of the density.
    """
    direct = model.modes and model.recommended in (Mode.direct, Mode.staged)
    lacking = sum(not _whole(atoms, l_max) for atoms in train)
    if config.mode is not Mode.auto or not direct or not lacking:
        return config, ""
    return replace(config, mode=Mode.implicit), (
        f"training.mode=auto is implicit: direct steps need {MULTIPOLES.reference_key} up to "
        f"l = {l_max}, missing in {lacking} of {len(train)} training structures"
    )


def check_reference_density(
    model: ModelConfig, direct: bool, frames: Mapping[str, Sequence[ase.Atoms]]
) -> None:
    """Refuse to start from reference multipoles that are not there: they would be zeros.

    Args:
        model: where its iterations start.
        direct: whether the density is the reference in some steps.
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
        missing = [i for i, atoms in enumerate(frames[split]) if not _whole(atoms, model.l_max)]
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


def _told_missing(
    label: Quantity, missing: Sequence[int], structures: Sequence[ase.Atoms], split: str
) -> str:
    return (
        f"{label.reference_key}, missing in {len(missing)} of {len(structures)} structures of "
        f"split {split} (first: index {missing[0]})."
    )
