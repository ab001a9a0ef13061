"""The table of physical quantities: names, units, signs, what of them counts and how it is shown.

Losses, metrics, logs, figures, units and the importer's mapping are made from it.  A quantity more
is one row here, and the model that predicts it.  Conventions: energies in eV, lengths in Å, charges
in e (positive where electrons are missing), multipoles in the order of real spherical harmonics
(q, d_y, d_z, d_x), dipoles and fields in Cartesian order (x, y, z), the electric field is the
physical one that the system feels (energy −M·E).

Imports nothing heavy, so that ``bench list metrics`` answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bench.labels.keys import TOTAL_CHARGE_KEY


class Source(Enum):
    """Where reference values come from."""

    label = "label"  # a calculation, under the quantity's reference key
    state = "state"  # what every structure states of itself
    derived = "derived"  # other labels, by the model's own maps


class Defined(Enum):
    """Which components of a value mean something."""

    everywhere = "everywhere"
    open_axes = "open axes"  # those that the structure's dipole mask marks
    open_pairs = "open pairs"  # of a 3×3 tensor, those with both axes marked
    bulk = "bulk"  # all, of structures that are periodic in three directions


class Mean(Enum):
    """The predictor that a model has to beat."""

    training = "training"  # the training set's mean, per element where there is a row per atom
    zero = "zero"
    baseline = "baseline"  # the energy that needs no model
    none = "none"


@dataclass(frozen=True)
class Part:
    """Components of a quantity that are scored together, in one unit.

    Attributes:
        name: of its metrics (``<name>_rmse``), its column in the log and its panels.
        unit: in which errors and values are shown.
        factor: from the quantity's unit to that one.
        first, stop: the components, ``first`` ≤ c < ``stop``; up to the last one unless given.
        title: of axes.
        text: what is compared, for the description of metrics.
        drawn: whether it has a parity panel.
    """

    name: str
    unit: str
    factor: float = 1.0
    first: int = 0
    stop: int | None = None
    title: str = ""
    text: str = ""
    drawn: bool = True

    @property
    def components(self) -> slice:
        """Its components among those of the quantity."""
        return slice(self.first, self.stop)

    @property
    def label(self) -> str:
        """Its name for people."""
        return self.title or self.name.replace("_", " ")


@dataclass(frozen=True)
class Quantity:
    """One quantity that a reference calculation or a model gives.

    Attributes:
        name: how code, configuration and tables call it.
        unit: of its values in files and in the code.
        description: one line with the sign convention.
        per_atom: whether there is a row per atom.
        components: numbers per structure or per atom.
        shown: how it is scored and drawn, if not as a whole in its own unit.
        source: where reference values come from.
        stated_as: the key of a state.
        made_from: the name of the label that a derived quantity's reference is made from.
        predicted_with: the name of the prediction that it comes with; its own unless given.
        defined: which components mean something.
        mean: the predictor that a model has to beat.
        extensive: compared per atom, less the baseline.
        sparse: whether a part of the structures may lack it, such as insulators a Fermi level.
        may_be_undefined: whether a predicted NaN says so, instead of a failure.
        on_request: whether a model computes it only where it is asked to.
        needs_solution: whether direct training, where the density is given, teaches nothing of it.
        weight: of its loss unless the configuration says otherwise.
    """

    name: str
    unit: str
    description: str
    per_atom: bool = False
    components: int = 1
    shown: tuple[Part, ...] = ()
    source: Source = Source.label
    stated_as: str = ""
    made_from: str = ""
    predicted_with: str = ""
    defined: Defined = Defined.everywhere
    mean: Mean = Mean.training
    extensive: bool = False
    sparse: bool = False
    may_be_undefined: bool = False
    on_request: bool = False
    needs_solution: bool = False
    weight: float = 0.0

    @property
    def reference_key(self) -> str:
        """The key of the reference value in an extxyz file."""
        return self.stated_as or f"REF_{self.name}"

    @property
    def predicted_key(self) -> str:
        """The key of a model's value in predictions.extxyz."""
        return f"PRED_{self.name}"

    @property
    def parts(self) -> tuple[Part, ...]:
        """What of it is scored together."""
        return self.shown or (Part(self.name, self.unit),)


ENERGY = Quantity(
    "energy",
    "eV",
    description="slabs: isolated, in the felt field, −M·E included",
    shown=(
        Part(
            "energy",
            "meV/atom",
            1000.0,
            title="energy above baseline",
            text="energy above the baseline, per atom",
        ),
    ),
    predicted_with="energy",
    mean=Mean.baseline,
    extensive=True,
    weight=1.0,
)
FORCES = Quantity(
    "forces",
    "eV/Å",
    description="minus the gradient of the energy at fixed field",
    per_atom=True,
    components=3,
    shown=(Part("forces", "meV/Å", 1000.0, title="force components", text="force components"),),
    predicted_with="energy",
    mean=Mean.zero,
    weight=10.0,
)
MULTIPOLES = Quantity(
    "multipoles",
    "e, e Å",
    description="order (q, d_y, d_z, d_x)",
    per_atom=True,
    components=4,
    shown=(
        Part("charges", "e", stop=1, title="atomic charges", text="atomic charges"),
        Part("atomic_dipoles", "e Å", first=1, text="atomic dipole components"),
    ),
    weight=1.0,
)
DIPOLE = Quantity(
    "dipole",
    "e Å",
    description="Cartesian, about the box's centre; dipole_mask marks meaningful components",
    components=3,
    shown=(Part("dipole", "e Å", text="defined dipole components"),),
    defined=Defined.open_axes,
    weight=1.0,
)
FERMI_LEVEL = Quantity(
    "fermi_level",
    "eV",
    description="−∂E/∂Q; the cell average of the potential is zero",
    shown=(Part("fermi_level", "eV", title="Fermi level", text="Fermi level"),),
    sparse=True,
    may_be_undefined=True,
    weight=1.0,
)
STRESS = Quantity(
    "stress",
    "eV/Å³",
    description="∂E/∂ε / V, 3×3; bulk structures only",
    components=9,
    shown=(Part("stress", "meV/Å³", 1000.0, text="stress components, bulk"),),
    predicted_with="energy",
    defined=Defined.bulk,
    mean=Mean.none,
    sparse=True,
    on_request=True,
)
POLARIZABILITY = Quantity(
    "polarizability",
    "e Å²/V",
    description="∂M/∂E at fixed positions and charge, 3×3",
    components=9,
    shown=(
        Part(
            "polarizability",
            "e Å²/V",
            title="polarisability",
            text="defined components of ∂M/∂E",
        ),
    ),
    defined=Defined.open_pairs,
    mean=Mean.none,
    sparse=True,
    on_request=True,
    needs_solution=True,
    weight=0.5,
)
POTENTIAL = Quantity(
    "electrostatic_potential",
    "V",
    description="at each atom, from its own Gaussian",
    per_atom=True,
    shown=(
        Part(
            "potential",
            "V",
            title="potential at the atoms",
            text="potential at the atoms, against the reference multipoles'",
        ),
    ),
    source=Source.derived,
    made_from=MULTIPOLES.name,
    predicted_with=MULTIPOLES.name,
    mean=Mean.none,
    needs_solution=True,
)
TOTAL_CHARGE = Quantity(
    "total_charge",
    "e",
    description="sum of the atoms' charges, positive where electrons are missing",
    shown=(Part("total_charge", "e", text="total charge", drawn=False),),
    source=Source.state,
    stated_as=TOTAL_CHARGE_KEY,
    predicted_with=MULTIPOLES.name,
    mean=Mean.none,
    weight=1.0,
)

QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        ENERGY,
        FORCES,
        MULTIPOLES,
        DIPOLE,
        FERMI_LEVEL,
        STRESS,
        POLARIZABILITY,
        POTENTIAL,
        TOTAL_CHARGE,
    )
}


# Compared between structures of one geometry, not one by one.
CHARGE_DIFFERENCE = Part(
    "charge_difference", "eV", text="energy between two charge states of one geometry"
)


def labels() -> dict[str, Quantity]:
    """By name, the quantities that data sets have under a reference key."""
    return {name: q for name, q in QUANTITIES.items() if q.source is Source.label}


def parts() -> dict[str, tuple[Quantity, Part]]:
    """Everything that is scored, by the name of its metrics."""
    return {part.name: (q, part) for q in QUANTITIES.values() for part in q.parts}


def errors() -> dict[str, Part]:
    """Everything whose errors a training logs, by name."""
    return {name: part for name, (_, part) in parts().items()} | {
        CHARGE_DIFFERENCE.name: CHARGE_DIFFERENCE
    }
