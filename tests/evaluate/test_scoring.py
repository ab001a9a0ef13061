import numpy as np
import pytest

from bench.evaluate.registry import (
    ACCURACY,
    DENSITY_SLOPE,
    DIPOLE_SLOPE,
    VACANCY_CHARGE,
    VACANCY_CHARGES,
    Family,
)
from bench.evaluate.scoring import Missing, Sample, error_records, score_by_subset
from bench.runs.records import Evaluation
from tests.evaluate.predicted import only, value

FAMILY = ACCURACY["charges"]


def sample(group: str, reference: list[float], errors: list[float], mean: float | None) -> Sample:
    values = np.array(reference)
    return Sample(
        group, values, values + errors, None if mean is None else np.full(len(values), mean)
    )


def by_name(family: Family, samples: list[Sample]) -> dict[str, float]:
    return {r.name: r.value for r in error_records(family, "all", samples)}


def test_all_five_numbers_by_hand() -> None:
    samples = [sample("a", [1.0, 2.0], [0.5, -1.5], 2.0), sample("b", [6.0], [1.0], 2.0)]
    assert by_name(FAMILY, samples) == pytest.approx(
        {
            "charges_mae": 1.0,
            "charges_rmse": np.sqrt(3.5 / 3),
            "charges_mae_of_mean": 5.0 / 3,
            "charges_rmse_of_mean": np.sqrt(17.0 / 3),
            "charges_std": np.sqrt(14.0 / 3),
        }
    )


def test_values_weigh_alike_not_structures() -> None:
    """One structure of three atoms and one of one: four values."""
    samples = [sample("a", [0.0] * 3, [1.0] * 3, None), sample("b", [0.0], [5.0], None)]
    assert by_name(FAMILY, samples)["charges_mae"] == pytest.approx(2.0)


def test_one_structure_without_a_mean_takes_the_mean_away() -> None:
    """Otherwise model and mean would stand on different structures."""
    samples = [sample("a", [1.0], [0.0], 2.0), sample("b", [1.0], [0.0], None)]
    assert set(by_name(FAMILY, samples)) == {"charges_mae", "charges_rmse", "charges_std"}


def test_families_without_a_deviation_have_none() -> None:
    assert set(by_name(DIPOLE_SLOPE, [sample("a", [1.0], [0.5], 0.0)])) == set(DIPOLE_SLOPE.names)
    assert not any(name.endswith("_std") for name in DIPOLE_SLOPE.names)


def test_intervals_are_in_the_errors_unit() -> None:
    """Two groups span the whole range: the ends are the two groups' own errors."""
    samples = [sample("a", [0.0], [3.0], 0.0), sample("b", [0.0], [-4.0], 0.0)]
    intervals = {r.name: r.ci95 for r in error_records(FAMILY, "all", samples)}
    assert intervals["charges_mae"] == pytest.approx((3.0, 4.0))
    assert intervals["charges_rmse"] == pytest.approx((3.0, 4.0))
    assert intervals["charges_std"] is None


@pytest.mark.parametrize("factor", [1e-6, 1e3])
def test_errors_scale_with_the_unit(factor: float) -> None:
    rng = np.random.default_rng(1)
    plain = [sample(str(k), list(rng.normal(size=3)), list(rng.normal(size=3)), 0.0) for k in "abc"]
    scaled = [
        Sample(s.group, factor * s.reference, factor * s.predicted, factor * s.mean) for s in plain
    ]
    expected = {name: factor * value for name, value in by_name(FAMILY, plain).items()}
    assert by_name(FAMILY, scaled) == pytest.approx(expected, rel=1e-12)


def test_mae_never_exceeds_rmse() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        numbers = by_name(FAMILY, [sample("a", [0.0] * 5, list(rng.normal(size=5)), 1.0)])
        assert numbers["charges_mae"] <= numbers["charges_rmse"]


def test_what_the_references_multipoles_would_score() -> None:
    given = Sample("a", np.array([1.0, 2.0]), np.zeros(2), np.zeros(2), np.array([1.0, 4.0]))
    numbers = by_name(DENSITY_SLOPE, [given])
    assert numbers["density_slope_rmse_of_multipoles"] == pytest.approx(np.sqrt(2.0))
    assert numbers["density_slope_rmse_of_mean"] == pytest.approx(np.sqrt(2.5))


class Found:
    """An error in a subset; None where there is a reason instead."""

    def __init__(self, subset: str, error: float | None, reason: str = "") -> None:
        self.subset, self.error, self.reason = subset, error, reason

    def compare(self) -> Sample:
        if self.error is None:
            raise Missing(self.reason)
        return Sample(self.subset, np.array([2.0]), np.array([2.0 + self.error]), np.zeros(1))


def scored(*found: Found) -> Evaluation:
    result = Evaluation()
    score_by_subset(result, VACANCY_CHARGE, found, Found.compare, "vacancy", named=VACANCY_CHARGES)
    return result


def test_scores_of_all_and_of_each_subset() -> None:
    result = scored(
        Found("a", 0.1), Found("b", 0.3), Found("a", None, "no number"), Found("a", 0.5)
    )
    assert value(result, "vacancy_charge_mae") == pytest.approx(0.3)
    assert value(result, "vacancy_charge_mae", "a") == pytest.approx(0.3)
    assert only(result, "vacancy_charge_mae", "a").n == 2
    assert value(result, "vacancy_charge", "a") == pytest.approx(2.3)
    assert value(result, "vacancy_charge_reference", "b") == 2.0
    assert result.absent == {}


def test_a_subset_without_scores_says_why_it_alone_has_none() -> None:
    result = scored(Found("a", 0.1), Found("b", None, "one"), Found("b", None, "other"))
    assert result.absent["vacancy_charge_mae[b]"] == "one; other"
    assert result.absent["vacancy_charge_reference[b]"] == "one; other"
    assert not [r for r in result.records if r.subset == "b"]


def test_what_is_absent_everywhere_is_said_once() -> None:
    for result, reason in (
        (scored(Found("a", None, "why"), Found("b", None, "why")), "why"),
        (scored(), "no vacancy in the test set"),
    ):
        assert result.records == []
        assert set(result.absent.values()) == {reason}
        assert not [key for key in result.absent if "[" in key]
        assert {"vacancy_charge", "vacancy_charge_mae"} <= set(result.absent)
