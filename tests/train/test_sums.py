"""Sums over a split: nothing missing counts as zero, nothing broken is averaged away."""

import math

import pytest
import torch

from bench.labels.quantities import errors
from bench.scf.report import ScfReport
from bench.train.losses import Squares
from bench.train.sums import ErrorSums, ScfSums


def squares(total, count):
    return Squares(torch.tensor(total, dtype=torch.float64, requires_grad=True), count)


def report(*response_max, iterations=2, converged=True):
    ones = torch.ones(len(response_max), dtype=torch.float64)
    return ScfReport(
        iterations * ones.long(),
        0 * ones,
        ones.bool() & converged,
        -ones,
        torch.tensor(response_max, dtype=torch.float64),
    )


@pytest.mark.parametrize("name", errors())
def test_errors_are_shown_in_their_unit(name):
    sums = ErrorSums()
    sums.add({name: squares(0.5, 3)})
    sums.add({name: squares(0.22, 5)})
    unit = errors()[name].unit
    factor = 1000.0 if unit.startswith("meV") else 100.0 if unit == "%" else 1.0
    assert sums.rmse(name) == pytest.approx(0.3 * factor, rel=1e-12)
    assert isinstance(sums.totals[name], float)


def test_batches_weigh_by_their_terms_not_alike():
    sums = ErrorSums()
    sums.add({"energy": squares(9.0, 1)})
    sums.add({"energy": squares(0.0, 8)})
    assert sums.loss({"energy": 2.0}) == pytest.approx(2.0, rel=1e-12)


@pytest.mark.parametrize("added", [{}, {"dipole": squares(0.0, 0)}])
def test_a_label_without_reference_has_no_error_and_no_loss(added):
    sums = ErrorSums()
    sums.add({"energy": squares(4.0, 1), **added})
    assert sums.rmse("dipole") is None
    assert sums.loss({"energy": 1.0, "dipole": 1e6}) == 4.0
    assert ErrorSums().loss({"energy": 1.0}) == 0


def test_a_nan_is_never_averaged_away():
    sums = ErrorSums()
    sums.add({"energy": squares(math.nan, 1), "forces": squares(1.0, 1)})
    sums.add({"energy": squares(1.0, 99)})
    assert math.isnan(sums.rmse("energy")) and math.isnan(sums.loss({"energy": 1.0, "forces": 1.0}))
    assert sums.rmse("forces") == 1000.0


def test_two_splits_do_not_share_their_sums():
    one = ErrorSums()
    one.add({"energy": squares(1.0, 1)})
    assert ErrorSums().rmse("energy") is None


def test_solves_are_counted_per_structure():
    sums = ScfSums()
    sums.add(report(0.1, 0.2, 0.3, iterations=10))
    sums.add(report(0.1, iterations=2, converged=False))
    assert (sums.solves, sums.iterations, sums.unconverged) == (4, 32, 1)
    assert sums.mean_iterations == 8.0


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([(-0.5, -2.0)], -0.5),
        ([(math.nan, 0.3)], 0.3),
        ([(0.9,), (math.nan,), (0.2,)], 0.9),
        ([(math.nan, math.inf)], math.inf),
        ([(math.nan, math.nan)], None),
        ([], -math.inf),
    ],
)
def test_the_largest_eigenvalue_is_of_those_that_are_known(batches, expected):
    sums = ScfSums()
    for values in batches:
        sums.add(report(*values))
    assert sums.response_max == (-math.inf if expected is None else expected)


def test_a_point_without_solves_has_no_health():
    sums = ScfSums()
    sums.add(None)
    assert sums == ScfSums() and sums.mean_iterations is None
