"""What is rounding, what is worse, and what cannot be compared."""

import pytest
from scipy.stats import t as student

from bench.gate.judging import MACHINE, judge_cell, worst
from bench.report.compare import Verdict
from tests.gate.made_up import baseline, number

# Deviation 0.1 of three disturbed runs, one run now, one number: Student's half width.
HALF = student.ppf(0.975, 2) * 0.1 * (1 + 1 / 3) ** 0.5


def verdict(now, *before, **more):
    return judge_cell(baseline(*before), baseline(now, **more)).comparison.verdict


@pytest.mark.parametrize(
    ("value", "better", "expected"),
    [
        (20.0 + 0.99 * HALF, "lower", Verdict.same),
        (20.0 + 1.01 * HALF, "lower", Verdict.worse),
        (20.0 - 1.01 * HALF, "lower", Verdict.same),  # better
        (20.0 - 1.01 * HALF, "higher", Verdict.worse),
        (90.0, "none", Verdict.same),  # has no direction
    ],
)
def test_student_tells_what_rounding_may_change(value, better, expected):
    before = number("forces_rmse", 20.0, 19.9, 20.1, better=better)
    assert verdict(number("forces_rmse", value, better=better), before) is expected


@pytest.mark.parametrize(("factor", "expected"), [(0.5, Verdict.same), (2.0, Verdict.worse)])
def test_another_machine_may_change_a_little_where_rounding_did_nothing(factor, expected):
    now = number("forces_rmse", 20.0 * (1 + factor * MACHINE))
    assert verdict(now, number("forces_rmse", 20.0, 20.0, 20.0)) is expected


def test_a_number_that_is_gone_is_worse():
    before = [number("forces_rmse", 1.0, 1.0), number("energy_rmse", 1.0, 1.0)]
    found = judge_cell(baseline(*before), baseline(number("forces_rmse", 1.0)))
    assert found.comparison.verdict is Verdict.worse
    assert found.comparison.lost == ["energy_rmse[all]"]


def test_a_change_is_told_beside_what_another_seed_makes():
    """Seeds deviate by 1: the one change is within their noise, the other is not."""
    before = [
        number("forces_rmse", 20.0, 20.0, seeds=(21.0, 22.0)),
        number("energy_rmse", 20.0, 20.0, seeds=(21.0, 22.0)),
    ]
    now = baseline(number("forces_rmse", 20.5), number("energy_rmse", 70.0), code_version="c1")
    text = judge_cell(baseline(*before), now).lines()
    assert text[0] == "a:" and text[1] == "code_version: c0 → c1"
    assert [line.split()[2] for line in text if line.startswith("!")] == [
        "forces_rmse",
        "energy_rmse",
    ]
    assert text[-1] == "by more than another seed changes them: energy_rmse"
    assert len(judge_cell(baseline(*before), baseline(*before)).lines()) == 4


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"data_checksum": "e" * 64}, "the data differ"),
        ({"words": ["model=polar"]}, "its settings are not the baseline's"),
    ],
)
def test_other_data_and_settings_are_not_comparable(more, reason):
    now = baseline(number("forces_rmse", 1.0), **more)
    found = judge_cell(baseline(number("forces_rmse", 1.0, 1.0)), now)
    assert found.comparison.verdict is Verdict.incomparable
    assert reason in found.lines()[-1] and "bench regress update=true" in found.lines()[-1]
    assert judge_cell(None, now).comparison.verdict is Verdict.incomparable


def test_worse_weighs_more_than_not_comparable():
    assert worst([Verdict.same, Verdict.incomparable, Verdict.worse]) == 1
    assert worst([Verdict.same, Verdict.incomparable]) == 3
    assert worst([Verdict.same]) == worst([]) == 0
