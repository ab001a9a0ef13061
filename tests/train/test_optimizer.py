"""Parameter groups as mace's, nothing left out, and the formula of the moving average."""

from __future__ import annotations

import argparse

import pytest
import torch
from mace.tools.scripts_utils import get_params_options
from torch import nn

from bench.config.schema import TrainingConfig
from bench.errors import BenchError
from bench.train.optimizer import average_weights, check_complete, make_optimizer, parameter_groups
from tests.models.test_points import build
from tests.train.toy import ToyPoint


def test_weight_decay_as_in_mace() -> None:
    model = build("scf_fixed_point")
    arguments = argparse.Namespace(
        lr_params_factors="{}", freeze=None, weight_decay=0.5, lr=1.0, amsgrad=True, beta=0.9
    )
    theirs = get_params_options(arguments, model.backbone)["params"]
    expected = {id(p) for g in theirs if g["weight_decay"] for p in g["params"]}
    decayed, free = parameter_groups(model, 0.5)
    assert {id(p) for p in decayed["params"]} == expected
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.5, 0.0)
    assert len(decayed["params"]) + len(free["params"]) == len(list(model.parameters()))


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_optimisers(name: str, kind: type) -> None:
    optimizer = make_optimizer(ToyPoint(), TrainingConfig(optimizer=name, learning_rate=0.3))
    assert type(optimizer) is kind
    assert optimizer.param_groups[0]["amsgrad"] is (name == "adam")
    assert {group["lr"] for group in optimizer.param_groups} == {0.3}


def test_a_forgotten_parameter_is_refused() -> None:
    model = ToyPoint()
    optimizer = torch.optim.Adam([model.heights])
    with pytest.raises(BenchError, match="outside the optimiser: charges"):
        check_complete(model, optimizer)
    model.charges.requires_grad_(False)
    check_complete(model, optimizer)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_moving_average(decay: float) -> None:
    model = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    average = average_weights(model, decay)
    expected = None
    for step, value in enumerate([4.0, -1.0, 2.5, 7.0]):
        nn.init.constant_(model.weight, value)
        average.update_parameters(model)
        d = min(decay, (1 + step) / (10 + step))
        expected = value if expected is None else d * expected + (1 - d) * value
        assert average.module.weight.item() == pytest.approx(expected, rel=1e-12)
    assert not average.module.weight.requires_grad
