"""A verdict follows from numbers, bars and what a point is declared to get wrong."""

from __future__ import annotations

import json
import math

import pytest
from ase.calculators.calculator import SCFError

from bench.models.registry import point_names
from bench.probes.expected import EXPECTED, expected
from bench.probes.probe import Probe
from bench.probes.result import Measurement, NotApplicable, Observed, ProbeResult, Verdict
from tests.probes.toys import prediction, toy


def measured(*values, names=("chain exponent", "fractional charge")):
    observed = Observed("a toy", [Measurement(n, v, "e", 1.0) for n, v in zip(names, values)])
    return lambda subject: observed


def run(measure, *, point="toy", trained=True, learned=True) -> ProbeResult:
    subject = toy(lambda atoms: prediction(), point=point, trained=trained)
    return Probe("a probe", "does it work?", measure, learned=learned).run(subject)


@pytest.mark.parametrize(
    ("value", "within"),
    [(0.5, True), (1.0, True), (-7.0, True), (1.1, False), (math.nan, False), (math.inf, False)],
)
def test_a_bar_lets_pass_what_is_finite_and_not_above_it(value, within):
    assert Measurement("m", value, "e", 1.0).within is within
    assert Measurement("m", value, "e").within is math.isfinite(value)


def test_within_all_bars_passes_without_a_reason():
    result = run(measured(0.2, 1.0))
    assert (result.verdict, result.reason) == (Verdict.passed, "")
    assert result.material == "a toy"


def test_beyond_a_bar_fails_and_names_the_number():
    result = run(measured(0.2, 2.0))
    assert result.verdict is Verdict.failed
    assert result.reason == "fractional charge: beyond its bar"


def test_a_declared_pathology_is_a_finding_with_its_reason():
    result = run(measured(2.7, 2.0), point="scf_qeq")
    assert result.verdict is Verdict.finding
    assert "QEq polarises N molecules as N³" in result.reason and "parabola" in result.reason


def test_one_undeclared_number_makes_it_a_failure():
    result = run(measured(2.7, 2.0, names=("chain exponent", "energy drift")), point="scf_qeq")
    assert result.verdict is Verdict.failed
    assert "energy drift: beyond its bar" in result.reason


def test_a_declared_point_that_holds_the_bar_passes():
    assert run(measured(1.0, 0.0), point="scf_qeq").verdict is Verdict.passed


@pytest.mark.parametrize(("learned", "verdict"), [(True, "finding"), (False, "fail")])
def test_initial_weights_excuse_what_is_learned_and_nothing_else(learned, verdict):
    result = run(measured(2.0), trained=False, learned=learned)
    assert result.verdict.value == verdict


def raising(error):
    def measure(subject):
        raise error

    return measure


def test_what_does_not_apply_says_why():
    result = run(raising(NotApplicable("no metal in the training set")))
    assert (result.verdict, result.reason) == (
        Verdict.not_applicable,
        "no metal in the training set",
    )
    assert list(result.measurements) == []


def test_an_unconverged_density_is_a_failure():
    result = run(raising(SCFError("residual 0.3 e")))
    assert (result.verdict, result.reason) == (Verdict.failed, "residual 0.3 e")


def test_results_are_json_without_nan():
    values = json.loads(json.dumps(run(measured(math.nan, 0.5)).to_dict(), allow_nan=False))
    assert values["verdict"] == "fail"
    first, second = values["measurements"]
    assert first == {"name": "chain exponent", "value": None, "unit": "e", "bar": 1.0}
    assert second["value"] == 0.5


def test_declarations_are_of_points_that_exist():
    assert set(EXPECTED) <= set(point_names())
    assert expected("scf_qeq", "energy drift") == expected("no_point", "chain exponent") == ""
