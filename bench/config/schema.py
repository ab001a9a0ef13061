"""The one description of a run: every key with type, default, unit, meaning and allowed values.

Registered with Hydra as structured configs; conf/ holds the named choices.  ``ModelConfig`` carries
the options of all points; a point names those it uses and refuses the others (``models/base.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from omegaconf import MISSING

from bench.config.key import key
from bench.labels.quantities import CHARGE_DIFFERENCE, QUANTITIES

T = TypeVar("T")


class Mode(Enum):
    """How the density is trained: direct, unrolled or implicit self-consistency."""

    auto = "auto"  # what the point recommends
    direct = "direct"
    unrolled = "unrolled"
    implicit = "implicit"
    staged = "staged"  # direct first, then implicit


class Update(Enum):
    """The learned map of ``scf_fixed_point`` from potential features to multipoles."""

    linear = "linear"
    mlp = "mlp"
    many_body = "many_body"


class Functional(Enum):
    """The learned functional of ``scf_energy_functional``."""

    quadratic = "quadratic"
    nonlinear = "nonlinear"


class Solver(Enum):
    """How a self-consistent density is found."""

    auto = "auto"  # direct where the problem is linear, newton where not
    direct = "direct"
    newton = "newton"
    anderson = "anderson"
    mixing = "mixing"
    krylov = "krylov"


class Ensemble(Enum):
    """What is held fixed when charge can flow."""

    constant_charge = "constant_charge"
    constant_fermi_level = "constant_fermi_level"


class Guess(Enum):
    """Where an iteration starts."""

    local = "local"
    zero = "zero"
    reference = "reference"


class Wandb(Enum):
    """Whether a run is mirrored to Weights & Biases; the disk stays the truth."""

    off = "off"
    offline = "offline"
    online = "online"


# Headings of model.*: a point uses whole groups, and of the last what is its own.
NAMING = "name"
BACKBONE = "backbone, the same in every model"
DENSITY = "density, the same in every electrostatic model"
FEATURES = "potential features"
SELF_CONSISTENCY = "self-consistency"
OWN = "options of single models"


@dataclass
class Axes:
    """Where a point lies in the design space, in words, for ``bench list models``."""

    density: str = key("", "where the density comes from")
    response: str = key("", "what it responds to")
    energy: str = key("", "what the energy has beside the short-range one")
    training: str = key("", "training modes that apply")


@dataclass
class ModelConfig:
    """One point of the design space."""

    name: str = key(MISSING, "the point; with model.point any other name", group=NAMING)
    description: str = key("", "one line for bench list", group=NAMING)
    axes: Axes = key(Axes, "place in the design space", group=NAMING)
    point: str = key("", "class from outside: package.module.Class", group=NAMING)
    options: dict[str, Any] = key({}, "what a class from outside declares", group=NAMING)
    r_max: float = key(5.0, "cutoff of the neighbours", "Å", above=0, group=BACKBONE)
    num_channels: int = key(32, "features of each degree", above=0, group=BACKBONE)
    hidden_l_max: int = key(1, "highest degree of the features", least=0, group=BACKBONE)
    num_interactions: int = key(2, "layers", above=0, group=BACKBONE)
    angular_l_max: int = key(3, "highest degree of the edges", least=0, group=BACKBONE)
    correlation: int = key(3, "body order less one", above=0, group=BACKBONE)
    num_bessel: int = key(8, "radial functions", above=0, group=BACKBONE)
    num_polynomial_cutoff: int = key(5, "order of the smooth cutoff", above=0, group=BACKBONE)
    mlp_channels: int = key(16, "width of the energy readout", above=0, group=BACKBONE)
    radial_mlp: list[int] = key(
        [64, 64, 64], "widths of the radial network", above=0, group=BACKBONE
    )
    l_max: int = key(1, "0: charges; 1: and dipoles", choices=(0, 1), group=DENSITY)
    smearing_width: float = key(
        1.5, "σ of the Gaussians that carry the density", "Å", above=0, group=DENSITY
    )
    energy_self_interaction: bool = key(
        True, "whether the energy counts an atom's own Gaussian", group=DENSITY
    )
    kspace_cutoff_factor: float = key(
        1.5, "reciprocal cutoff, in 2.77 over the narrowest width", above=0, group=DENSITY
    )
    feature_widths: list[float] = key(
        [1.5, 3.0], "σ of the Gaussians that feel the potential", "Å", above=0, group=FEATURES
    )
    feature_self_interaction: bool = key(
        True, "whether an atom's features feel its own density", group=FEATURES
    )
    solver: Solver = key(
        Solver.auto, "of the density; auto: direct if linear, else newton", group=SELF_CONSISTENCY
    )
    initial_density: Guess = key(Guess.local, "where iterations start", group=SELF_CONSISTENCY)
    tolerance: float = key(
        1e-8, "largest residual of a solved density", "e", above=0, group=SELF_CONSISTENCY
    )
    max_iterations: int = key(
        100, "iterations after which a solve has failed", above=0, group=SELF_CONSISTENCY
    )
    mixing: float = key(
        0.2,
        "part of the residual that mixing and anderson add",
        above=0,
        most=1,
        group=SELF_CONSISTENCY,
    )
    dense_limit: int = key(
        450,
        "largest structure that is solved with matrices",
        "atoms",
        least=0,
        group=SELF_CONSISTENCY,
    )
    ensemble: Ensemble = key(
        Ensemble.constant_charge, "what is held where charge flows", group=SELF_CONSISTENCY
    )
    fermi_level: float | None = key(
        None, "what ensemble=constant_fermi_level holds", "eV", group=SELF_CONSISTENCY
    )
    update: Update = key(Update.linear, "scf_fixed_point: the learned map", group=OWN)
    functional: Functional = key(
        Functional.quadratic, "scf_energy_functional: the learned energy", group=OWN
    )
    nonlocal_energy: bool = key(
        True, "scf_fixed_point, polar: learned energy of the density", group=OWN
    )
    num_updates: int = key(2, "polar: field updates", above=0, group=OWN)
    metallic: bool = key(True, "scf_response: exchange of charge with a Fermi sea", group=OWN)


@dataclass
class SystemConfig:
    """One dataset with its card."""

    name: str = key(MISSING, "the system")
    description: str = key("", "one line for bench list")
    path: str = key("", "folder of card.yaml; empty: datasets/<name>")
    train_size: int = key(
        0, "of the training set, nested, chosen by the seed; 0: all", "structures", least=0
    )
    leave_out: str = key("", "left out of training, such as charge=-1 or subset=NAME")


def with_losses(kind: type[T]) -> type[T]:
    """Add a weight for every quantity of the table, before those of the class itself."""
    weights = {
        name: key(
            quantity.weight,
            ", ".join(part.text or part.label for part in quantity.parts),
            least=0,
        )
        for name, quantity in QUANTITIES.items()
    }
    for name, weight in weights.items():
        setattr(kind, name, weight)
    kind.__annotations__ = {**dict.fromkeys(weights, "float"), **kind.__annotations__}
    return kind


@dataclass
@with_losses
class LossWeights:
    """Weights of the losses; zero switches one off, and so do data without its label.

    Errors count in units of how much their label varies over the training set, so that a model that
    predicts the mean pays each weight, whatever the system.
    """

    charge_difference: float = key(3.0, CHARGE_DIFFERENCE.text, least=0)
    stability: float = key(0.0, "response eigenvalues above the stable range", least=0)


@dataclass
class TrainingConfig:
    """Optimisation, the same for every point of a comparison."""

    steps: int | None = key(1040, "the budget: steps of the optimiser", above=0)
    epochs: int | None = key(None, "the same as passes over the training set", above=0)
    validations: int = key(32, "of the averaged weights, spread over the steps", above=0)
    batch_size: int = key(4, "of a training step", "structures", above=0)
    learning_rate: float = key(0.02, "the highest, after the warm-up", above=0)
    optimizer: str = key("adamw", "adam: with amsgrad", choices=("adam", "adamw"))
    weight_decay: float = key(0.0, "of the backbone's inner weights", least=0)
    schedule: str = key("cosine", "of the learning rate", choices=("cosine", "plateau", "constant"))
    warmup_fraction: float = key(0.1, "first part of the steps: the rate rises", least=0, most=1)
    clip_gradient: float = key(1.0, "largest norm of a gradient", "running mean norms", above=0)
    ema_decay: float = key(0.99, "of the weights' running average, a step", least=0, below=1)
    early_stop_patience: int = key(0, "without a better loss; 0: any", "validations", least=0)
    time_limit: float = key(0.0, "of training; 0: any", "min", least=0)
    mode: Mode = key(Mode.auto, "of the density; auto: what the model recommends")
    direct_fraction: float = key(0.25, "direct part of a staged run's steps", least=0, most=1)
    unrolled_steps: int = key(10, "mixing steps of mode=unrolled", above=0)
    unrolled_mixing: float = key(0.03, "part of the residual that each adds", above=0, most=1)
    loss: LossWeights = key(LossWeights, "weights of the losses, in units of the labels' spreads")


@dataclass
class RunConfig:
    """Everything that decides what a run computes, and where it writes."""

    model: ModelConfig = key(ModelConfig, "the point")
    system: SystemConfig = key(SystemConfig, "the data")
    training: TrainingConfig = key(TrainingConfig, "optimisation")
    preset: str = key("quick", "what was chosen with preset=NAME")
    seed: int = key(0, "decides first weights, the order of structures and a subset", least=0)
    dtype: str = key(
        "float32", "of the backbone; electrostatics is float64", choices=("float32", "float64")
    )
    device: str = key(
        "cpu", "what computes", choices=("cpu", "cuda", "cuda:0"), pattern=r"cpu|cuda(:\d+)?"
    )
    results_dir: str = key("results/runs", "folder of the results")
    figures: bool = key(True, "drawn at the end; bench figures run=FOLDER: at any time")
    wandb: Wandb = key(Wandb.off, "mirror on Weights & Biases")
