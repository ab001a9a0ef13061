"""A cell is trained anew, quietly; its first weights may be disturbed as rounding would."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from rich.console import Console

from bench.config.compose import compose
from bench.data.dataset import dataset_checksum
from bench.gate.cells import Cell
from bench.models.base import Point
from bench.models.registry import completed
from bench.runner import compute
from bench.runs.collection import Collection, collect
from bench.runs.folder import RunFolder
from bench.runs.identity import identify

# Relative size of a disturbance: a million roundings of double precision at once, so that the sum
# over all steps of what another processor or library rounds otherwise is less.
DISTURBANCE = 1e-10


def train_cell(cell: Cell, place: Path, *, seed: int = 0, rounding: int = 0) -> Collection:
    """Train and evaluate a cell in a folder of its own, on one thread.

    Args:
        cell: what is trained.
        place: folder of the run.
        seed: of the run.
        rounding: zero, or the seed of a disturbance of all first weights.

    Raises:
        BenchError: settings or data that no run can use, or another run in the place.
        RunFailed: it diverged or failed.
    """
    config = completed(
        compose([*cell.words, f"seed={seed}", f"results_dir={place}", "figures=false"])
    )
    identity = identify(config, dataset_checksum(config.system))
    folder = RunFolder(place / f"{cell.name}-seed{seed}-rounding{rounding}")
    console = Console(file=io.StringIO())
    prepare: Callable[[Point], None] | None = partial(disturb, seed=rounding) if rounding else None
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        compute(config, identity, folder, console, prepare=prepare)
    finally:
        torch.set_num_threads(threads)
    return collect([folder.path])


def disturb(model: Point, *, seed: int) -> None:
    """Multiply every weight by 1 + ``DISTURBANCE`` times a normal random number."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in model.parameters():
            noise = torch.randn(weights.shape, generator=generator, dtype=torch.float64)
            weights.mul_((1 + DISTURBANCE * noise).to(weights.dtype))
