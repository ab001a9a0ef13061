"""What electrostatics costs: training steps against mace-torch's own model, in one process.

The workload is four generated Pt(111) slabs of 54 atoms with water.  Every round times one step of
mace-torch's ScaleShiftMACE and of each point, so that a change of the machine's load hits all; the
number is the median over rounds of the ratio of CPU times, with a 95 % interval of that median.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import bench.libraries  # noqa: F401  # isort: skip  before mace

import ase
import numpy as np
import torch
from mace.modules.models import ScaleShiftMACE
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import binom
from torch import Tensor

from bench.config import LossWeights, ModelConfig
from bench.data.batch import Batch, build_graph, collate
from bench.data.generate.structures import metal_water_slab
from bench.errors import BenchError
from bench.models.backbone import build_mace, random_stream
from bench.models.base import Point, build_point
from bench.models.facts import TrainingFacts, gather_facts, graph_settings
from bench.models.prediction import Prediction
from bench.models.registry import DTYPES, point_class
from bench.train.losses import squared_errors, weighted_loss

Step = Callable[[], None]


@dataclass(frozen=True)
class Ratio:
    """CPU time of a step relative to mace-torch's own, median and its 95 % interval."""

    name: str
    seconds: float
    median: float
    low: float
    high: float


def main(argv: Sequence[str] | None = None) -> None:
    """``bench speed``: print the table."""
    options = _parse(argv)
    torch.set_num_threads(options.threads)
    batch, facts, config = workload(options.atoms, DTYPES[options.dtype])
    steps = {"mace-torch ScaleShiftMACE": mace_step(batch, facts, config)}
    for name in options.models:
        steps[name] = point_step(batch, facts, config, name)
    ratios = measure(steps, rounds=options.rounds)
    _print(ratios, batch, options)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench speed", description=__doc__.split("\n")[0])
    points = ["short_range", "local_charges", "scf_qeq", "scf_fixed_point"]
    parser.add_argument("--models", nargs="+", default=points, help="points to time")
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds, at least 6")
    parser.add_argument("--atoms", type=int, default=54, help="atoms per slab")
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help="of the backbone")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    return parser.parse_args(argv)


def workload(atoms: int, dtype: torch.dtype) -> tuple[Batch, TrainingFacts, ModelConfig]:
    """Four slabs with made-up labels of plausible size, and what a model measures on them."""
    config = ModelConfig(name="workload", r_max=5.0, num_channels=32, num_interactions=2)
    frames = [_labelled_slab(atoms, seed) for seed in range(4)]
    facts = gather_facts(frames, config)
    settings = graph_settings(config, facts.elements, dtype)
    return collate([build_graph(a, settings, i) for i, a in enumerate(frames)]), facts, config


def _labelled_slab(atoms: int, seed: int) -> ase.Atoms:
    """A slab of three layers with water and random labels of plausible size."""
    random = np.random.default_rng(seed)
    slab = _packed_slab(atoms, random)
    multipoles = 0.1 * random.normal(size=(len(slab), 4))
    multipoles[:, 0] -= multipoles[:, 0].mean()
    slab.arrays |= {
        "REF_forces": random.normal(size=(len(slab), 3)),
        "REF_multipoles": multipoles,
    }
    slab.info |= {
        "REF_energy": random.normal(),
        "REF_dipole": np.array([0.0, 0.0, random.normal()]),
        "dipole_mask": np.array([0, 0, 1]),
        "electric_field": np.array([0.0, 0.0, 0.1 * (seed - 1)]),
        "total_charge": 0.0,
    }
    return slab


def _packed_slab(atoms: int, random: np.random.Generator) -> ase.Atoms:
    """12 metal atoms per repeat, the rest water; placed anew until all molecules fit."""
    repeats = max(1, round(atoms / 27))
    waters, left = divmod(atoms - 12 * repeats, 3)
    if left or waters < 1:
        raise BenchError(f"--atoms={atoms}: 12 Pt per 27 atoms leave no whole number of molecules.")
    for _ in range(200):
        with contextlib.suppress(BenchError):
            return metal_water_slab("Pt", waters=waters, rng=random, size=(2, 2 * repeats))
    raise BenchError(f"--atoms={atoms}: {waters} molecules do not fit.")


def mace_step(batch: Batch, facts: TrainingFacts, config: ModelConfig) -> Step:
    """A training step of mace-torch's own model: energy and force loss, backward, Adam."""
    dtype = batch.node_attrs.dtype
    with random_stream(0, dtype):
        model = build_mace(
            config,
            facts.elements,
            avg_num_neighbors=facts.avg_num_neighbors,
            scale=facts.force_scale,
        )
    data = mace_data(batch)

    def predict() -> Prediction:
        out = _mace_forward(model, data)
        energy = out["energy"].double()
        return Prediction(
            energy=energy, baseline=torch.zeros_like(energy), forces=out["forces"].double()
        )

    return _step(model, predict, batch)


def _mace_forward(model: ScaleShiftMACE, data: dict[str, Tensor]) -> dict[str, Tensor]:
    data = {key: value.detach() for key, value in data.items()}
    out: dict[str, Tensor] = model(data, training=True)
    return out


def mace_data(batch: Batch) -> dict[str, Tensor]:
    """The batch as mace's models take it, in the backbone's type."""
    dtype = batch.node_attrs.dtype
    cells = batch.cell[batch.structure[batch.edge_index[0]]]
    ends = batch.num_atoms.cumsum(0)
    return {
        "positions": batch.positions.to(dtype),
        "node_attrs": batch.node_attrs,
        "edge_index": batch.edge_index,
        "shifts": torch.einsum("ei,eij->ej", batch.unit_shifts, cells).to(dtype),
        "unit_shifts": batch.unit_shifts.to(dtype),
        "cell": batch.cell.to(dtype).flatten(0, 1),
        "batch": batch.structure,
        "ptr": torch.cat([ends.new_zeros(1), ends]),
        "head": torch.zeros_like(batch.total_charge, dtype=torch.int64),
    }


def point_step(batch: Batch, facts: TrainingFacts, config: ModelConfig, name: str) -> Step:
    """The same step of one of our points, with the losses that it has."""
    chosen = dataclasses.replace(config, name=name)
    dtype = batch.node_attrs.dtype
    model: Point = build_point(point_class(name), chosen, facts, dtype=dtype, seed=0)
    return _step(model, lambda: model(batch, training=True), batch)


def _step(
    model: torch.nn.Module,
    predict: Callable[[], Prediction],
    batch: Batch,
) -> Step:
    weights = dataclasses.asdict(LossWeights())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, amsgrad=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        squares = squared_errors(predict(), batch, stable_range=(-1.0, 1.0))
        weighted_loss(squares, weights).backward()
        optimizer.step()

    return step


def measure(steps: dict[str, Step], *, rounds: int) -> list[Ratio]:
    """CPU seconds of every step in interleaved rounds, relative to the first.

    Args:
        steps: by name; the first is the reference.
        rounds: after one round of warming up.
    """
    seconds = np.empty((rounds, len(steps)))
    for step in steps.values():
        step()
    for row in track(seconds, description="rounds", transient=True):
        for column, step in enumerate(steps.values()):
            start = time.process_time()
            step()
            row[column] = time.process_time() - start
    ratios = seconds / seconds[:, :1]
    return [
        Ratio(name, float(np.median(seconds[:, i])), *median_interval(ratios[:, i]))
        for i, name in enumerate(steps)
    ]


def median_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Median and its distribution-free interval from the order statistics (binomial)."""
    ordered, n = np.sort(values), len(values)
    below = int(binom.ppf((1 - level) / 2, n, 0.5))
    return (
        float(np.median(values)),
        float(ordered[max(below - 1, 0)]),
        float(ordered[min(n - below, n - 1)]),
    )


def _print(ratios: Sequence[Ratio], batch: Batch, options: argparse.Namespace) -> None:
    atoms = ", ".join(str(int(n)) for n in batch.num_atoms)
    table = Table(
        title=f"Training step, slabs of {atoms} atoms, {options.dtype}, {options.threads} threads",
        caption=f"median of {options.rounds} interleaved rounds, CPU time",
    )
    table.add_column("model")
    for header in ("CPU time [s]", "ratio", "95 % interval"):
        table.add_column(header, justify="right")
    for ratio in ratios:
        interval = f"{ratio.low:.3f} to {ratio.high:.3f}"
        table.add_row(ratio.name, f"{ratio.seconds:.3f}", f"{ratio.median:.3f}", interval)
    Console().print(table)
