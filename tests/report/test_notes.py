"""The lines around a table: what must not be overlooked, in words that name it."""

import pytest

from bench.evaluate.record import record
from bench.report.notes import MOST_INDICES, absences, response_lines, solve_lines, warnings


def metrics(*records, **changes):
    base = {"schema_version": 1, "run": {}, "absent": {}, "unconverged": [], "non_finite": {}}
    return {**base, "metrics": [r.to_dict() for r in records], **changes}


def pair(name, predicted, reference, subset):
    """A metric's predicted value and DFT's."""
    return [
        record(name, predicted, n=3, subset=subset),
        record(f"{name}_reference", reference, n=3, subset=subset),
    ]


def slopes(subset, predicted, reference):
    return pair("dipole_slope", predicted, reference, subset)


def test_a_sound_run_has_no_warning_and_no_absence():
    sound = metrics(record("scf_unstable_count", 0, n=9), record("forces_mae", 1.0, n=9))
    assert warnings(sound) == absences(sound) == solve_lines(sound) == []


@pytest.mark.parametrize(
    ("indices", "text"),
    [
        ([7], "1 test structure (index 7)"),
        ([3, 5], "2 test structures (indices 3, 5)"),
        (range(MOST_INDICES), "20 test structures (indices 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, "),
        (range(MOST_INDICES), "18, 19) did"),
        (range(MOST_INDICES + 1), "18, 19, …) did"),
    ],
)
def test_unconverged_structures_are_counted_and_listed(indices, text):
    (line,) = warnings(metrics(unconverged=list(indices)))
    assert line.startswith("WARNING: the density of ") and text in line
    assert line.endswith(" did not converge; no error counts them.")


def test_every_label_that_is_not_finite_is_warned_of():
    first, second = warnings(metrics(non_finite={"PRED_energy": [2], "PRED_fermi_level": [0, 2]}))
    assert first == (
        "WARNING: PRED_energy is NaN or infinite in 1 test structure (index 2); "
        "its errors leave them out."
    )
    assert "PRED_fermi_level is NaN or infinite in 2 test structures (indices 0, 2)" in second


def test_an_absent_fermi_level_silences_itself_alone():
    spoilt = {"PRED_fermi_level": [0], "PRED_forces": [0]}
    (line,) = warnings(metrics(non_finite=spoilt, absent={"fermi_level_rmse": "undefined"}))
    assert "PRED_forces" in line


def test_the_health_of_solves_is_one_line():
    health = [
        record("scf_unconverged_count", 2, n=40),
        record("scf_iterations_mean", 7.258, n=40),
        record("scf_iterations_max", 31, n=40),
        record("scf_residual_max", 3.21e-7, n=40),
        record("scf_spectral_radius_max", 0.8512, n=40),
    ]
    assert solve_lines(metrics(*health)) == [
        "self-consistency: 2 of 40 structures unconverged, 7.26 iterations, at most 31, "
        "residual up to 3.2e-07 e, spectral radius up to 0.851"
    ]
    (without,) = solve_lines(metrics(*health[:2]))
    assert without == "self-consistency: 2 of 40 structures unconverged, 7.26 iterations"


def test_what_a_series_says_stands_on_one_line():
    series = [*slopes("group=g0", 1.75, 1.5), *slopes("group=g1, charge=+1", -0.25, 2.0)]
    series += pair("cooperativity", 0.123, 0.3, "group=g0")
    assert response_lines(metrics(*series, record("dipole_slope_rmse", 1.0, n=2))) == [
        "group=g0: dM/dE 1.75 e Å²/V, DFT 1.5; cooperativity 0.12, DFT 0.3",
        "group=g1, charge=+1: dM/dE -0.25 e Å²/V, DFT 2",
    ]


def test_charges_and_levels_have_lines_of_their_own():
    values = pair("vacancy_charge", 0.25, 0.5, "charge=+1")
    values += pair("transition_level", 1.5, 2.0, "level=+1/0")
    assert response_lines(metrics(*values)) == [
        "charge=+1: added charge within 3 Å 0.25 e, DFT 0.5",
        "level=+1/0: ε 1.5 eV, DFT 2",
    ]
    assert response_lines(metrics()) == []


def test_absences_share_a_line_by_reason_and_keep_their_subsets():
    absent = {
        "dipole_mae": "not predicted",
        "dipole_rmse": "not predicted",
        "charges_mae[bulk]": "not predicted",
        "atomic_dipoles_rmse": "l_max = 0",
        "charge_spread_mae[charge=0,+1,+2]": "not converged",
        "energy_at_reference_mae": "no mode",
        "energy_at_reference_rmse": "no mode",
        "made_up_metric": "not predicted",
        "made_up_metric[bulk]": "not predicted",
        "screening_ratio[group=a]": "no metal",
        "screening_ratio_reference[group=b]": "no metal",
        "screening_ratio[group=c]": "no metal",
    }
    (first, *_) = absences(metrics(absent=absent), most=1)
    assert first == "absent: dipole and 2 more, see metrics.json: not predicted"
    assert absences(metrics(absent=absent), most=3) == absences(metrics(absent=absent))
    assert absences(metrics(absent=absent)) == [
        "absent: dipole, charges of bulk, made up metric: not predicted",
        "absent: atomic dipoles: l_max = 0",
        "absent: charge spread of charge=0,+1,+2: not converged",
        "absent: energy at reference: no mode",
        "absent: screening ratio of group=a and 2 others: no metal",
    ]
