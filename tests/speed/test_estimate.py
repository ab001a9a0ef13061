"""A run's time from a few of its steps, with a clock that is not the machine's."""

from dataclasses import replace

import pytest

from bench.config.schema import LossWeights, Mode
from bench.errors import BenchError
from bench.speed import estimate as module
from bench.speed.estimate import OVERHEAD, duration, estimate
from bench.train.loop import Trainer
from tests.train.toy import ToyPoint, dataset, measured, run_config

ATOMS = 6  # of each of the toy's water dimers
STEP, DIRECT, VALIDATION = 3e-3, 1e-3, 5e-4  # s an atom


@pytest.fixture
def clock(monkeypatch):
    """Time passes in steps and validations alone, by their atoms; counts the structures seen."""
    now, seen = [0.0], []
    step, validate = Trainer.step, Trainer.validate

    def timed_step(self, batch, mode):
        now[0] += (DIRECT if mode is Mode.direct else STEP) * len(batch.positions)
        seen.append(batch.num_structures)
        step(self, batch, mode)

    def timed_validation(self):
        now[0] += VALIDATION * sum(len(batch.positions) for batch in self._valid_loader)
        return validate(self)

    monkeypatch.setattr(Trainer, "step", timed_step)
    monkeypatch.setattr(Trainer, "validate", timed_validation)
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(module, "build_model", lambda config, data: measured(ToyPoint(), data))
    return seen


def learning(**options):
    return estimate(run_config(mode=Mode.implicit, **options), dataset()).seconds - OVERHEAD


def test_steps_and_validations_and_the_test_set_once(clock):
    """7 structures to train on, 3 to validate on, 1 to test."""
    epoch = ATOMS * (7 * STEP + 3 * VALIDATION)
    assert learning(epochs=10) == pytest.approx(10 * epoch + ATOMS * VALIDATION)
    assert learning(epochs=1) == pytest.approx(epoch + ATOMS * VALIDATION)
    of_steps = learning(steps=40, validations=10)  # 4 a pass
    assert of_steps == pytest.approx(10 * epoch + ATOMS * VALIDATION)
    assert max(clock) == 2  # a batch, not the training set


def test_every_stage_has_its_own_time(clock):
    found = estimate(run_config(mode=Mode.staged, epochs=8, direct_fraction=0.5), dataset())
    train = 7 * ATOMS * (4 * DIRECT + 4 * STEP)
    rest = ATOMS * VALIDATION * (8 * 3 + 1)
    assert found.seconds == pytest.approx(OVERHEAD + train + rest)
    assert "0.012 s for a step of 2 structures, direct" in found.basis
    assert "0.036 s for a step of 2 structures, implicit, cpu" in found.basis


def test_a_large_batch_is_timed_in_part(clock, monkeypatch):
    monkeypatch.setattr(module, "BUDGET", 3.5 * ATOMS * STEP)
    assert learning(epochs=10, batch_size=7) == pytest.approx(learning(epochs=10, batch_size=1))
    assert max(clock) == 3


def test_a_time_limit_is_kept(clock):
    assert learning(epochs=10**6, time_limit=2.0) == pytest.approx(120.0 + ATOMS * VALIDATION)


def test_without_a_validation_split(clock):
    """A part of the training set is held out, so that the same atoms are seen."""
    data = dataset()
    data.frames["valid"] = []
    found = estimate(run_config(mode=Mode.implicit, epochs=10), data).seconds
    expected = ATOMS * (10 * 7 * STEP + VALIDATION)
    assert found - OVERHEAD == pytest.approx(expected)


def test_a_gpu_that_is_not_here_is_said(clock, monkeypatch):
    monkeypatch.setattr(module.torch.cuda, "is_available", lambda: False)
    config = replace(run_config(), device="cuda")
    assert estimate(config, dataset()).basis.endswith("implicit, cpu; there is no cuda")


def test_what_the_run_would_refuse_is_refused(clock):
    with pytest.raises(BenchError, match="stress"):
        learning(loss=LossWeights(stress=1.0))


def test_nothing_is_written(clock, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    learning()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "about 1 s"),
        (12.4, "about 12 s"),
        (89.4, "about 89 s"),
        (90.0, "about 2 min"),
        (600.0, "about 10 min"),
        (5399.0, "about 90 min"),
        (5400.0, "about 1.5 h"),
        (360000.0, "about 100.0 h"),
    ],
)
def test_durations_are_round(seconds, words):
    assert duration(seconds) == words
