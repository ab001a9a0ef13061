"""The optimiser with its parameter groups, and the moving average of the weights."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from bench.config.schema import TrainingConfig
from bench.errors import BenchError

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, amsgrad=True),
    "adamw": torch.optim.AdamW,
}

# What mace-torch decays: maps between node features, where a smaller weight means a smoother
# function.  Radial networks, embeddings and readouts stay free: decay would bias energies and
# charges towards zero.
DECAYED = re.compile(r"(^|\.)(products\.|interactions\..*(linear|skip_tp_full)\.weight$)")


def make_optimizer(model: nn.Module, training: TrainingConfig) -> torch.optim.Optimizer:
    """Adam with amsgrad, or AdamW, over every trainable parameter of ``model``.

    Raises:
        BenchError: a parameter that the optimiser would not reach.
    """
    groups = parameter_groups(model, training.weight_decay)
    optimizer = OPTIMIZERS[training.optimizer](groups, lr=training.learning_rate)
    check_complete(model, optimizer)
    return optimizer


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Trainable parameters with and without weight decay."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    decayed = [p for name, p in named if DECAYED.search(name)]
    free = [p for name, p in named if not DECAYED.search(name)]
    groups = [(decayed, weight_decay), (free, 0.0)]
    return [{"params": params, "weight_decay": decay} for params, decay in groups if params]


def check_complete(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Refuse to train while a trainable parameter is outside the optimiser.

    Raises:
        BenchError: with the names of the parameters.
    """
    reached = {id(p) for group in optimizer.param_groups for p in group["params"]}
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    lost = [name for name, p in named if id(p) not in reached]
    if lost or not named:
        raise BenchError(f"trainable parameters outside the optimiser: {', '.join(lost) or 'all'}.")


def short_at_first(decay: float, step: int) -> float:
    """Decay of a running average, min(decay, (1 + t) / (10 + t)) in step t.

    The average forgets what it began with at once and not after 1 / (1 − decay) steps.
    """
    return min(decay, (1 + step) / (10 + step))


def average_weights(model: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of ``model``'s weights, without gradients.

    Step t ≥ 1 takes a ← d a + (1 − d) w with d of ``short_at_first``.

    Args:
        model: whose weights are averaged.
        decay: in [0, 1); 0 keeps the latest weights.
    """

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], step: Tensor) -> None:
        torch._foreach_lerp_(averaged, current, 1.0 - short_at_first(decay, int(step)))

    average = AveragedModel(model, multi_avg_fn=update)  # type: ignore[arg-type]
    return average.requires_grad_(False)
