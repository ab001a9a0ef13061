import numpy as np
import pytest

from bench.evaluate.bootstrap import mean_interval


def test_is_none_for_one_group_however_many_structures() -> None:
    values = [np.array([1.0, 2.0]), np.array([3.0])]
    assert mean_interval(values, ["a", "a"]) is None
    assert mean_interval(values, ["a", "b"]) is not None


def test_is_reproducible_and_holds_the_mean() -> None:
    values = [np.array([x]) for x in (1.0, 2.0, 4.0, 8.0, 3.0)]
    groups = list("abcde")
    first, second = mean_interval(values, groups), mean_interval(values, groups)
    assert first is not None
    assert first == second
    assert first[0] < 3.6 < first[1]


def test_two_groups_span_the_whole_range() -> None:
    """Student's t with one degree of freedom leaves nothing but the extremes."""
    low, high = mean_interval([np.array([1.0]), np.array([5.0])], ["a", "b"]) or (0, 0)
    assert (low, high) == pytest.approx((1.0, 5.0), abs=1e-12)


def test_equal_values_have_no_width() -> None:
    assert mean_interval([np.full(3, 2.0)] * 6, list("abcdef")) == pytest.approx((2.0, 2.0))


def test_a_group_is_drawn_as_one() -> None:
    """Ten copies of every structure are no more evidence than one; ten groups are."""
    rng = np.random.default_rng(3)
    values = [rng.normal(size=1) for _ in range(8)]
    one = mean_interval(values, list("abcdefgh"))
    copies = mean_interval(values * 10, list("abcdefgh") * 10)
    apart = mean_interval(values * 10, [f"{g}{k}" for k in range(10) for g in "abcdefgh"])
    assert one is not None and copies is not None and apart is not None
    assert copies == pytest.approx(one, rel=1e-12)
    assert apart[1] - apart[0] < 0.45 * (one[1] - one[0])


def test_large_structures_weigh_by_their_entries() -> None:
    low, high = mean_interval([np.zeros(9), np.ones(1)], ["a", "b"]) or (0, 0)
    assert (low, high) == pytest.approx((0.0, 1.0), abs=1e-12)
    many = [np.zeros(9), np.ones(1)] * 200
    low, high = mean_interval(many, [str(k) for k in range(400)]) or (0, 0)
    assert low < 0.1 < high
    assert high - low < 0.04


@pytest.mark.parametrize(("groups", "least"), [(5, 0.79), (10, 0.87), (40, 0.90)])
@pytest.mark.parametrize("kind", ["absolute", "squared"])
def test_covers_the_truth(groups: int, least: float, kind: str) -> None:
    """Errors with a part that a geometry shares: the interval holds the true mean 95 % of times.

    No bootstrap reaches beyond the groups that it has, so that few of them, and the skewed squared
    errors, miss more often; without the expansion five groups cover 0.74 and ten 0.84.
    """
    rng = np.random.default_rng(0)
    truth = {"absolute": np.sqrt(2.0) * np.sqrt(2.0 / np.pi), "squared": 2.0}[kind]
    penalty = {"absolute": np.abs, "squared": np.square}[kind]
    names = [str(g) for g in range(groups) for _ in range(3)]
    trials, hits = 300, 0
    for _ in range(trials):
        shared = rng.normal(size=groups).repeat(3)
        errors = [penalty(s + rng.normal(size=4)) for s in shared]
        low, high = mean_interval(errors, names) or (np.nan, np.nan)
        hits += low < truth < high
    assert least <= hits / trials <= 0.98
