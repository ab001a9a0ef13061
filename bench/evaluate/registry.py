"""Every metric that a run can report: name, unit, what is better, one line.

Imports nothing heavy, so that ``bench list metrics`` answers at once; every record is made from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.labels.quantities import Mean, Part, Quantity, Source, parts
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
    "std": ("none", "standard deviation over the test set of the reference's"),
}
_ERRORS = ("mae", "rmse")
_WITH_MEAN = (*_ERRORS, "mae_of_mean", "rmse_of_mean")


def _family(quantity: Quantity, part: Part) -> Family:
    """Errors of a part of a quantity, those of the training mean where there is one."""
    suffixes = _ERRORS if quantity.mean is Mean.none else _WITH_MEAN
    if quantity.source is not Source.state:
        suffixes = (*suffixes, "std")
    return Family(part.name, part.unit, f"{part.text or part.label} (structures)", suffixes)


ACCURACY = {name: _family(quantity, part) for name, (quantity, part) in parts().items()}
DIPOLE_SLOPE = Family(
    "dipole_slope",
    "e Å²/V",
    "slope of the induced dipole against the felt field (series)",
    _WITH_MEAN,
)
INDUCED_DIPOLE = Family(
    "induced_dipole", "e Å", "dipole less its mean over a field series (series)", _WITH_MEAN
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
FIELD_RESPONSE = (DIPOLE_SLOPE, INDUCED_DIPOLE)
CHARGE_STATES = (CHARGE_DIFFERENCE, CHARGE_SPREAD, CHARGE_CURVATURE)

SLOPES = (
    MetricInfo("dipole_slope", "e Å²/V", "none", "dM/dE of one series, predicted (fields)"),
    MetricInfo("dipole_slope_reference", "e Å²/V", "none", "dM/dE of one series, DFT (fields)"),
)
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

METRICS: dict[str, MetricInfo] = {
    metric.name: metric
    for group in (
        *(family.metrics() for family in ACCURACY.values()),
        *(family.metrics() for family in FIELD_RESPONSE),
        SLOPES,
        *(family.metrics() for family in CHARGE_STATES),
        SCF_SOLVE,
        SCF_RESPONSE,
        SCF_GAP,
        HEALTH,
    )
    for metric in group
}
