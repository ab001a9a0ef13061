"""Declared pathologies: each with a reason, none where the design forbids it."""

from __future__ import annotations

import pytest

from bench.models.registry import point_class
from bench.probes.expected import EXPECTED, expected

DECLARED = [(point, name) for point, names in EXPECTED.items() for name in names]


@pytest.mark.parametrize(("point", "measurement"), DECLARED)
def test_a_reason_is_one_sentence_with_nothing_left_to_fill_in(point, measurement):
    reason = expected(point, measurement)
    assert len(reason.split()) > 4 and not set("{}\n") & set(reason)
    assert reason[0].islower() and reason[-1] != "."


def test_reasons_name_their_own_point():
    assert "so that QEq polarises" in expected("scf_qeq", "chain exponent")
    assert "so that the map polarises" in expected("scf_fixed_point", "chain exponent")
    functional = expected("scf_energy_functional", "chain exponent")
    assert "so that the functional polarises" in functional


@pytest.mark.parametrize("measurement", ["error of Coulomb's law", "dipole against −dE/dfield"])
def test_only_energies_that_are_not_variational_are_excused_from_derivatives(measurement):
    excused = {point for point in EXPECTED if expected(point, measurement)}
    assert excused == {point for point in EXPECTED if not point_class(point).variational}


@pytest.mark.parametrize(
    ("point", "measurement"),
    [
        ("scf_response", "chain exponent"),
        ("scf_response", "unscreened potential"),
        ("scf_levels", "chain exponent"),
        ("scf_levels", "unscreened potential"),
        ("scf_levels", "fractional charge"),
        ("scf_qeq", "unscreened potential"),
        ("scf_response", "fractional charge"),
        ("scf_levels", "energy of a bystander"),
        ("fixed_charge", "fractional charge"),
        ("split_charges", "fractional charge"),
        ("short_range", "chain exponent"),
        ("les", "fractional charge"),
        ("", ""),
    ],
)
def test_what_a_point_was_designed_for_is_no_finding(point, measurement):
    assert expected(point, measurement) == ""
