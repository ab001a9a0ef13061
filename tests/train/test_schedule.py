"""Stages and learning rates against their formulas."""

from __future__ import annotations

import math

import pytest

from bench.config.schema import Mode, TrainingConfig
from bench.errors import BenchError
from bench.train.schedule import (
    FLOOR,
    PLATEAU_PATIENCE,
    LearningRate,
    budget,
    make_stages,
    stage_of,
    validation_steps,
)


@pytest.mark.parametrize("batches", [1, 13, 1000])
def test_a_budget_of_steps_knows_no_data_set(batches: int) -> None:
    assert budget(TrainingConfig(steps=70), batches) == 70
    assert budget(TrainingConfig(steps=None, epochs=3), batches) == 3 * batches
    for steps, epochs in [(None, None), (70, 3)]:
        with pytest.raises(BenchError, match="exactly one"):
            budget(TrainingConfig(steps=steps, epochs=epochs), batches)


@pytest.mark.parametrize(
    ("steps", "count", "expected"),
    [(9, 3, [3, 6, 9]), (10, 3, [4, 7, 10]), (2, 32, [1, 2]), (5, 1, [5]), (7, 7, [*range(1, 8)])],
)
def test_validations_are_spread_over_the_budget(
    steps: int, count: int, expected: list[int]
) -> None:
    assert validation_steps(steps, count) == expected


@pytest.mark.parametrize("steps", [1, 31, 32, 33, 1040, 6501])
def test_validations_are_as_many_and_as_even_as_can_be(steps: int) -> None:
    made = validation_steps(steps, 32)
    gaps = [b - a for a, b in zip([0, *made], made)]
    assert len(made) == min(32, steps) and made[-1] == steps
    assert min(gaps) > 0 and max(gaps) - min(gaps) <= 1


def stages(mode: Mode, recommended: Mode = Mode.implicit) -> list[str]:
    made = make_stages(TrainingConfig(mode=mode), recommended, [2, 4, 6, 8])
    return [str(stage) for stage in made]


def test_auto_follows_the_point() -> None:
    assert stages(Mode.auto) == ["steps 1 to 8 implicit"]
    assert stages(Mode.auto, Mode.staged) == ["steps 1 to 2 direct", "steps 3 to 8 implicit"]
    assert stages(Mode.unrolled, Mode.staged) == ["steps 1 to 8 unrolled"]


@pytest.mark.parametrize(
    ("validations", "fraction", "direct"),
    [(100, 0.25, 25), (10, 0.25, 3), (2, 0.25, 1), (1, 0.25, 0), (10, 1.0, 9), (10, 0.0, 0)],
)
def test_direct_fraction(validations: int, fraction: float, direct: int) -> None:
    """It ends at a validation, and leaves at least one to the implicit stage."""
    steps = 7 * validations
    made = make_stages(
        TrainingConfig(direct_fraction=fraction), Mode.staged, validation_steps(steps, validations)
    )
    assert sum(s.stop - s.start for s in made if s.mode is Mode.direct) == 7 * direct
    assert made[-1].mode is Mode.implicit and made[-1].stop == steps
    later = [stage_of(made, step) for step in range(steps)].count(len(made) - 1)
    assert later == steps - 7 * direct


def rate(schedule: str, steps: int = 100, warmup: float = 0.0) -> LearningRate:
    training = TrainingConfig(schedule=schedule, learning_rate=0.5, warmup_fraction=warmup)
    return LearningRate(training, steps)


def test_cosine_with_warm_up() -> None:
    cosine = rate("cosine", 40, 0.2)
    assert cosine.at(2) == pytest.approx(0.5 * 0.25)
    assert cosine.at(8) == pytest.approx(0.5)
    assert cosine.at(24) == pytest.approx(0.5 * (FLOOR + (1 - FLOOR) / 2))
    assert cosine.at(40) == pytest.approx(0.5 * FLOOR)
    expected = FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * 5 / 8))
    assert cosine.at(28) == pytest.approx(0.5 * expected, rel=1e-12)


def test_a_longer_budget_stretches_the_schedule() -> None:
    short, long = rate("cosine", 40, 0.1), rate("cosine", 400, 0.1)
    assert [long.at(10 * k) for k in range(1, 41)] == pytest.approx(
        [short.at(k) for k in range(1, 41)], rel=1e-12
    )


def test_constant_and_runs_of_warm_up_alone() -> None:
    assert [rate("constant").at(x) for x in (1, 99)] == [0.5, 0.5]
    assert rate("cosine", 2, 1.0).at(1) == pytest.approx(0.25)


def test_plateau_halves_after_its_patience_and_survives_a_checkpoint() -> None:
    plateau = rate("plateau")
    for loss in [3.0, 2.0] + [2.5] * PLATEAU_PATIENCE:
        plateau.observe(loss)
    assert plateau.at(5) == 0.5
    copy = rate("plateau")
    copy.load_state_dict(plateau.state_dict())
    for schedule in (plateau, copy):
        schedule.observe(math.nan)  # a validation that is not a number is no improvement
        assert schedule.at(5) == 0.25
    plateau.reset()
    plateau.observe(9.0)
    assert (plateau.best, plateau.at(5)) == (9.0, 0.25)
