"""Every metric that a run can report: name, unit, what is better, one line.

Imports nothing heavy, so that ``bench list metrics`` answers at once; every record is made from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.labels.quantities import MULTIPOLES, Mean, Part, Quantity, Source, parts
from bench.runs.predictions import AT_REFERENCE
from bench.runs.records import Better


@dataclass(frozen=True)
class MetricInfo:
    """What a metric is.

    Attributes:
        name: unique.
        unit: of the value; ``1`` where it has none.
        better: ``lower``, ``higher`` or ``none`` (a description, not a score).
        description: one line, with what the record's n counts.
        from_predictions: whether predictions.extxyz alone gives it (``rescore`` keeps the others).
    """

    name: str
    unit: str
    better: Better
    description: str
    from_predictions: bool = True


@dataclass(frozen=True)
class Family:
    """Errors of one quantity, all in one unit; the names are ``<name>_<suffix>``.

    Attributes:
        name: of the quantity.
        unit: of the errors.
        quantity: what is compared with the reference, and what n counts.
        suffixes: which of ``SUFFIXES`` are reported.
    """

    name: str
    unit: str
    quantity: str
    suffixes: tuple[str, ...]

    def metrics(self) -> Iterator[MetricInfo]:
        """One metric per suffix."""
        for suffix in self.suffixes:
            better, text = SUFFIXES[suffix]
            yield MetricInfo(f"{self.name}_{suffix}", self.unit, better, f"{text} {self.quantity}")

    @property
    def names(self) -> list[str]:
        """The names of its metrics."""
        return [metric.name for metric in self.metrics()]


SUFFIXES: dict[str, tuple[Better, str]] = {
    "mae": ("lower", "mean absolute error of"),
    "rmse": ("lower", "root mean square error of"),
    "mae_of_mean": ("none", "the same, of the training set's mean, absolute:"),
    "rmse_of_mean": ("none", "the same, of the training set's mean, root mean square:"),
    "rmse_of_multipoles": (
        "none",
        "the same, of the reference's own multipoles, root mean square:",
    ),
    "std": ("none", "standard deviation over the test set of the reference's"),
}
BEYOND = "beyond_training_fields"  # the subset in other fields than training has seen
_ERRORS = ("mae", "rmse")
_WITH_MEAN = (*_ERRORS, "mae_of_mean", "rmse_of_mean")


def _family(quantity: Quantity, part: Part) -> Family:
    """Errors of a part of a quantity, those of the training mean where there is one."""
    suffixes = _ERRORS if quantity.mean is Mean.none else _WITH_MEAN
    if quantity.source is not Source.state:
        suffixes = (*suffixes, "std")
    return Family(part.name, part.unit, f"{part.text or part.label} (structures)", suffixes)


ACCURACY = {name: _family(quantity, part) for name, (quantity, part) in parts().items()}
ACCURACY_AT_REFERENCE = {
    part.name: Family(
        f"{part.name}_at_reference",
        part.unit,
        f"{part.text}, {'one update from' if quantity is MULTIPOLES else 'at'} the reference "
        "density (structures)",
        _ERRORS,
    )
    for quantity in AT_REFERENCE
    for part in quantity.parts
}
DIPOLE_SLOPE = Family(
    "dipole_slope",
    "e Å²/V",
    "slope of the induced dipole against the felt field (series)",
    _WITH_MEAN,
)
INDUCED_DIPOLE = Family(
    "induced_dipole", "e Å", "dipole less its mean over a field series (series)", _WITH_MEAN
)
CHARGE_SLOPE = Family(
    "charge_slope", "e Å/V", "dq/dE of each atom at fixed positions (series)", _WITH_MEAN
)
LAYER_SLOPE = Family(
    "layer_slope",
    "e Å/V",
    "dq/dE of each metal layer and of what is on the metal (series)",
    _WITH_MEAN,
)
BORN_CHARGE = Family(
    "born_charge", "e", "dF/dE components of each atom, its Born charge Z* (series)", _WITH_MEAN
)
_OF_MULTIPOLES = (*_ERRORS, "rmse_of_mean", "rmse_of_multipoles")
DENSITY_SLOPE = Family(
    "density_slope",
    "me/(VÅ²)",
    "planar-averaged induced charge density per field along z, smeared alike (series)",
    _OF_MULTIPOLES,
)
POTENTIAL_SLOPE = Family(
    "potential_slope",
    "V/(V/Å)",
    "planar-averaged induced potential per field along z, smeared alike (series)",
    _OF_MULTIPOLES,
)
SCREENING_RATIO = Family(
    "screening_ratio",
    "1",
    "potential drop across the metal over that of vacuum (series)",
    _OF_MULTIPOLES,
)
COOPERATIVITY = Family(
    "cooperativity",
    "e Å²/V",
    "dM/dE of an interface less those of its metal and of the rest alone (series)",
    _WITH_MEAN,
)
CHARGE_DIFFERENCE = Family(
    "charge_difference", "eV", "E(Q) − E(0) at equal geometry, raw (pairs)", _WITH_MEAN
)
CHARGE_SPREAD = Family(
    "charge_spread",
    "eV",
    "E(Q) − E(0) less its mean over geometries of one cell (pairs)",
    _WITH_MEAN,
)
CHARGE_CURVATURE = Family(
    "charge_curvature", "eV", "E(Q) − 2 E(Q+1) + E(Q+2) at equal geometry (triples)", _WITH_MEAN
)
CHARGE_FORCES = Family(
    "charge_forces", "meV/Å", "force components F(Q) − F(0) at equal geometry (pairs)", _WITH_MEAN
)
ADDED_CHARGE = Family(
    "added_charge", "e", "q(Q) − q(0) of each atom at equal geometry (pairs)", _WITH_MEAN
)
VACANCY_CHARGE = Family(
    "vacancy_charge",
    "e",
    "added charge of the atoms within 3 Å of the vacancy (pairs)",
    _WITH_MEAN,
)
RADIAL_CHARGE = Family(
    "radial_charge",
    "e",
    "added charge of the atoms within r of the vacancy, r up to 5 Å (pairs)",
    _WITH_MEAN,
)
TRANSITION_LEVEL = Family(
    "transition_level",
    "eV",
    "Fermi level ε(q/q') of equal formation energies at equal geometry (pairs)",
    _WITH_MEAN,
)
RELAXED_POSITIONS = Family(
    "relaxed_positions",
    "Å",
    "displacement components between the reference's minimum and the model's (structures)",
    _ERRORS,
)
VACANCY_OPENING = Family(
    "vacancy_opening",
    "Å",
    "distance of the two atoms next to the vacancy, each at its own minimum (structures)",
    _ERRORS,
)
RELAXED_LEVEL = Family(
    "relaxed_level",
    "eV",
    "Fermi level ε(q/q') of equal formation energies, each charge at its minimum (pairs)",
    _WITH_MEAN,
)
FORMATION_ENERGY = Family(
    "formation_energy",
    "eV",
    "relaxed vacancy less its relaxed host at ε_F = 0 (structures)",
    _ERRORS,
)
FIELD_RESPONSE = (
    DIPOLE_SLOPE,
    INDUCED_DIPOLE,
    CHARGE_SLOPE,
    LAYER_SLOPE,
    BORN_CHARGE,
    DENSITY_SLOPE,
    POTENTIAL_SLOPE,
    SCREENING_RATIO,
    COOPERATIVITY,
)
CHARGE_STATES = (
    CHARGE_DIFFERENCE,
    CHARGE_SPREAD,
    CHARGE_CURVATURE,
    CHARGE_FORCES,
    ADDED_CHARGE,
    VACANCY_CHARGE,
    RADIAL_CHARGE,
    TRANSITION_LEVEL,
)
RELAXED = (RELAXED_POSITIONS, VACANCY_OPENING, RELAXED_LEVEL, FORMATION_ENERGY)


def _values(family: Family, text: str) -> tuple[MetricInfo, MetricInfo]:
    """The predicted and the reference value themselves, beside the errors of the family."""
    return (
        MetricInfo(family.name, family.unit, "none", f"predicted {text}"),
        MetricInfo(f"{family.name}_reference", family.unit, "none", f"DFT's {text}"),
    )


def _correction(family: Family) -> MetricInfo:
    text = "periodic images' part in the level, in DFT's and the model's alike (geometries)"
    return MetricInfo(f"{family.name}_correction", family.unit, "none", text)


SLOPES = _values(DIPOLE_SLOPE, "dM/dE of one series (fields)")
LAYER_SLOPES = _values(LAYER_SLOPE, "dq/dE of one layer of one series (fields)")
SCREENING_RATIOS = _values(SCREENING_RATIO, "screening ratio of one series (fields)")
COOPERATIVITIES = _values(COOPERATIVITY, "cooperativity of one interface (fields)")
FIELD_VALUES = (*SLOPES, *LAYER_SLOPES, *SCREENING_RATIOS, *COOPERATIVITIES)
VACANCY_CHARGES = _values(VACANCY_CHARGE, "mean added charge within 3 Å (geometries)")
_LEVEL = "mean level over the cell's average potential, images' correction included (geometries)"
TRANSITION_LEVELS = (*_values(TRANSITION_LEVEL, _LEVEL), _correction(TRANSITION_LEVEL))
RELAXED_LEVELS = (*_values(RELAXED_LEVEL, _LEVEL), _correction(RELAXED_LEVEL))
VACANCY_OPENINGS = _values(VACANCY_OPENING, "mean opening (structures)")
FORMATION_ENERGIES = _values(
    FORMATION_ENERGY, "mean formation energy, images' correction included (structures)"
)
EQUAL_GEOMETRY_VALUES = (*VACANCY_CHARGES, *TRANSITION_LEVELS)
RELAXED_VALUES = (*VACANCY_OPENINGS, *RELAXED_LEVELS, *FORMATION_ENERGIES)
CHARGE_VALUES = (*EQUAL_GEOMETRY_VALUES, *RELAXED_VALUES)
SCF_SOLVE = (
    MetricInfo("scf_converged_fraction", "1", "higher", "structures whose density converged"),
    MetricInfo("scf_unconverged_count", "structures", "lower", "excluded from every error"),
    MetricInfo("scf_iterations_mean", "iterations", "lower", "mean over structures"),
    MetricInfo("scf_iterations_max", "iterations", "lower", "largest over structures"),
    MetricInfo("scf_residual_max", "e", "lower", "largest residual over structures"),
)
SCF_RESPONSE = (
    MetricInfo("scf_spectral_radius_max", "1", "none", "largest |Re λ| of the response ∂F/∂p"),
    MetricInfo("scf_unstable_count", "structures", "lower", "with a response eigenvalue above 1"),
)
SCF_GAP = (
    MetricInfo(
        "fermi_level_gap_mean", "eV", "lower", "|μ + ∂E/∂Q|, zero where the energy is variational"
    ),
)
HEALTH = (
    MetricInfo(
        "non_finite_count", "structures", "lower", "with NaN or infinite energy, forces or density"
    ),
)
TIME_PER_ATOM = MetricInfo(
    "time_per_atom",
    "ms/atom",
    "lower",
    "median of energy and forces of one structure by a calculator from outside (structures)",
    from_predictions=False,
)

METRICS: dict[str, MetricInfo] = {
    metric.name: metric
    for group in (
        *(family.metrics() for family in ACCURACY.values()),
        *(family.metrics() for family in ACCURACY_AT_REFERENCE.values()),
        *(family.metrics() for family in FIELD_RESPONSE),
        FIELD_VALUES,
        *(family.metrics() for family in CHARGE_STATES),
        *(family.metrics() for family in RELAXED),
        CHARGE_VALUES,
        SCF_SOLVE,
        SCF_RESPONSE,
        SCF_GAP,
        HEALTH,
        (TIME_PER_ATOM,),
    )
    for metric in group
}
