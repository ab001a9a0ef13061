"""The one description of a run: every key, its type, default and meaning.

Registered with Hydra as structured configs; conf/ holds the named choices.  ``ModelConfig`` carries
the options of all points; a point names those it uses and refuses the others (``models/base.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING


class Mode(Enum):
    """How the density is trained (physics: direct, unrolled or implicit self-consistency)."""

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


@dataclass
class Axes:
    """Where a point lies in the design space, in words, for ``bench list models``."""

    density: str = ""
    response: str = ""
    energy: str = ""
    training: str = ""


@dataclass
class ModelConfig:
    """One point of the design space."""

    name: str = MISSING
    description: str = ""
    axes: Axes = field(default_factory=Axes)
    # backbone: the same in every point
    r_max: float = 5.0  # Å
    num_channels: int = 32
    hidden_l_max: int = 1
    num_interactions: int = 2
    angular_l_max: int = 3
    correlation: int = 3
    num_bessel: int = 8
    num_polynomial_cutoff: int = 5
    mlp_channels: int = 16
    radial_mlp: list[int] = field(default_factory=lambda: [64, 64, 64])
    # density: the same in every electrostatic point
    l_max: int = 1
    smearing_width: float = 1.5  # Å
    feature_widths: list[float] = field(default_factory=lambda: [1.5, 3.0])  # Å
    feature_self_interaction: bool = True  # whether an atom's potential features feel itself
    energy_self_interaction: bool = True  # whether the energy counts an atom's own Gaussian
    kspace_cutoff_factor: float = 1.5
    # self-consistency
    update: Update = Update.linear
    functional: Functional = Functional.quadratic
    nonlocal_energy: bool = True
    num_updates: int = 2  # of the non-self-consistent ``polar``
    metallic: bool = True  # whether charge is exchanged with a Fermi sea (scf_response)
    ensemble: Ensemble = Ensemble.constant_charge
    fermi_level: float | None = None  # eV, chemical_potential to hold at constant_fermi_level
    solver: Solver = Solver.auto
    initial_density: Guess = Guess.local
    tolerance: float = 1e-8  # e
    max_iterations: int = 100
    mixing: float = 0.2
    dense_limit: int = 450  # atoms, where Krylov catches up (benchmarks/dense_limit.py)


@dataclass
class SystemConfig:
    """One dataset with its card."""

    name: str = MISSING
    description: str = ""
    path: str = ""  # folder of card.yaml; empty: datasets/<name>


@dataclass
class LossWeights:
    """Weights of the losses; zero switches one off, without it a missing label is refused."""

    # An RMSE of 10 meV/atom, 30 meV/Å, 3 me (3 me Å), 20 me Å of the whole dipole or 0.1 eV of the
    # Fermi level costs about the same, 0.01: no label is bought with another's error.
    energy: float = 100.0  # per (eV/atom)²
    forces: float = 10.0  # per (eV/Å)²
    stress: float = 0.0  # per (eV/Å³)²
    multipoles: float = 1000.0  # per (e)², (e Å)²
    total_charge: float = 10.0  # per e²
    dipole: float = 20.0  # per (e Å)², masked components only
    fermi_level: float = 1.0  # per eV², of the metals in the training set
    electrostatic_potential: float = 0.0  # per V², at the atoms, against the reference multipoles
    polarizability: float = 0.0  # per (e Å²/V)², defined components only
    stability: float = 0.0  # on response eigenvalues above the stable range


@dataclass
class TrainingConfig:
    """Optimisation, the same for every point of a comparison."""

    epochs: int = 100
    batch_size: int = 4
    learning_rate: float = 0.01
    optimizer: str = "adam"  # adam (amsgrad) or adamw
    weight_decay: float = 5e-7
    schedule: str = "cosine"  # cosine, plateau or constant
    warmup_epochs: int = 2
    clip_gradient: float = 100.0
    ema_decay: float = 0.99
    early_stop_patience: int = 0  # epochs without improvement of the validation loss; 0: never
    time_limit: float = 0.0  # minutes of training; 0: no limit
    mode: Mode = Mode.auto
    direct_fraction: float = 0.25  # of the epochs, in a staged schedule
    unrolled_steps: int = 10
    unrolled_mixing: float = 0.3
    loss: LossWeights = field(default_factory=LossWeights)


@dataclass
class RunConfig:
    """Everything that decides what a run computes, and where it writes."""

    model: ModelConfig = field(default_factory=ModelConfig)
    system: SystemConfig = field(default_factory=SystemConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    preset: str = "quick"
    seed: int = 0
    dtype: str = "float32"  # of the backbone; electrostatics is always float64
    device: str = "cpu"
    results_dir: str = "results/runs"
    wandb: Wandb = Wandb.off
