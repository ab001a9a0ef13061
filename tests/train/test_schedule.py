"""Stages and learning rates against their formulas."""

from __future__ import annotations

import math

import pytest

from bench.config.schema import Mode, TrainingConfig
from bench.train.schedule import FLOOR, PLATEAU_PATIENCE, LearningRate, make_stages, stage_of


def stages(mode: Mode, recommended: Mode = Mode.implicit, **options: object) -> list[str]:
    return [str(s) for s in make_stages(TrainingConfig(mode=mode, **options), recommended)]


def test_auto_follows_the_point() -> None:
    assert stages(Mode.auto, epochs=8) == ["epochs 1 to 8 implicit"]
    assert stages(Mode.auto, Mode.staged, epochs=8) == [
        "epochs 1 to 2 direct",
        "epochs 3 to 8 implicit",
    ]
    assert stages(Mode.unrolled, Mode.staged, epochs=8) == ["epochs 1 to 8 unrolled"]


@pytest.mark.parametrize(
    ("epochs", "fraction", "direct"),
    [(100, 0.25, 25), (10, 0.25, 3), (2, 0.25, 1), (1, 0.25, 0), (10, 1.0, 9), (10, 0.0, 0)],
)
def test_direct_fraction(epochs: int, fraction: float, direct: int) -> None:
    made = make_stages(
        TrainingConfig(epochs=epochs, direct_fraction=fraction), recommended=Mode.staged
    )
    assert sum(s.stop - s.start for s in made if s.mode is Mode.direct) == direct
    assert made[-1].mode is Mode.implicit and made[-1].stop == epochs
    assert [stage_of(made, e) for e in range(epochs)].count(len(made) - 1) == epochs - direct


def rate(schedule: str, **options: object) -> LearningRate:
    return LearningRate(TrainingConfig(schedule=schedule, learning_rate=0.5, **options))


def test_cosine_with_warm_up() -> None:
    cosine = rate("cosine", epochs=10, warmup_epochs=2)
    assert cosine.at(0.5) == pytest.approx(0.5 * 0.25)
    assert cosine.at(2.0) == pytest.approx(0.5)
    assert cosine.at(6.0) == pytest.approx(0.5 * (FLOOR + (1 - FLOOR) / 2))
    assert cosine.at(10.0) == pytest.approx(0.5 * FLOOR)
    expected = FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * 5 / 8))
    assert cosine.at(7.0) == pytest.approx(0.5 * expected, rel=1e-12)


def test_constant_and_runs_of_warm_up_alone() -> None:
    assert [rate("constant", warmup_epochs=0).at(x) for x in (0.1, 99.0)] == [0.5, 0.5]
    assert rate("cosine", epochs=2, warmup_epochs=2).at(1.0) == pytest.approx(0.25)


def test_plateau_halves_after_its_patience_and_survives_a_checkpoint() -> None:
    plateau = rate("plateau", warmup_epochs=0)
    for loss in [3.0, 2.0] + [2.5] * PLATEAU_PATIENCE:
        plateau.observe(loss)
    assert plateau.at(5.0) == 0.5
    copy = rate("plateau", warmup_epochs=0)
    copy.load_state_dict(plateau.state_dict())
    for schedule in (plateau, copy):
        schedule.observe(math.nan)  # a validation that is not a number is no improvement
        assert schedule.at(5.0) == 0.25
    plateau.reset()
    plateau.observe(9.0)
    assert (plateau.best, plateau.at(5.0)) == (9.0, 0.25)
