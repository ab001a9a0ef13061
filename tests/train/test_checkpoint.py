"""A checkpoint brings back everything that changes, and holds nothing but plain values."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.errors import BenchError
from bench.train.checkpoint import Position, load_best, read_checkpoint
from bench.train.loop import Trainer
from bench.train.sums import ErrorSums, ScfSums
from tests.train.toy import ToyPoint, dataset, files, measured, run_config


def trainer(folder: Path) -> Trainer:
    config = run_config(schedule="plateau")
    return Trainer(measured(ToyPoint(), dataset()), dataset(), config, files(folder), None, print)


def test_every_part_comes_back(tmp_path: Path) -> None:
    saved, loaded = trainer(tmp_path).state, trainer(tmp_path).state
    saved.model(
        next(iter(trainer(tmp_path)._loader)), mode="", training=True
    ).energy.sum().backward()
    saved.optimizer.step()
    saved.average.update_parameters(saved.model)
    saved.rate.reduction, saved.rate.waited = 0.25, 3
    saved.position = Position(
        step=26,
        batch=1,
        errors=ErrorSums({"energy": 0.1}, {"energy": 3}),
        scf=ScfSums(3, 9, 1),
        first_loss=7.0,
        rows=[{"step": 13, "mode": None, "valid_loss": 2.5}],
    )
    saved.order = saved.generator.manual_seed(8).get_state()
    torch.manual_seed(3)
    saved.save(files(tmp_path).last)
    expected = torch.rand(4)
    loaded.load(files(tmp_path).last)
    assert torch.equal(torch.rand(4), expected)
    assert loaded.rate.state_dict() == saved.rate.state_dict()
    assert loaded.position == saved.position
    assert torch.equal(loaded.generator.get_state(), saved.order)
    for mine, other in [(loaded.model, saved.model), (loaded.average, saved.average)]:
        pairs = zip(mine.state_dict().values(), other.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    assert str(loaded.optimizer.state_dict()) == str(saved.optimizer.state_dict())


def test_best_holds_the_averaged_weights(tmp_path: Path) -> None:
    state = trainer(tmp_path).state
    with torch.no_grad():
        state.average.module.heights += 1.0
    state.position = Position(best_step=7, best_loss=0.5)
    state.save_best(files(tmp_path).best)
    model = ToyPoint()
    assert load_best(model, files(tmp_path).best) == 7
    assert torch.equal(model.heights, ToyPoint().heights + 1.0)
    assert read_checkpoint(files(tmp_path).best)["valid_loss"] == 0.5


def test_a_pickle_is_refused_and_not_executed(tmp_path: Path) -> None:
    torch.save({"model": Trap(tmp_path / "sprung")}, tmp_path / "trap.pt")
    with pytest.raises(BenchError, match="cannot be read"):
        read_checkpoint(tmp_path / "trap.pt")
    assert not (tmp_path / "sprung").exists()


class Trap:
    """Would write a file while it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return Path.touch, (self.path,)
