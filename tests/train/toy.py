"""A point of a few Gaussians on made-up clusters: a pass over the training set in milliseconds."""

from __future__ import annotations

import io
import signal
from pathlib import Path
from types import SimpleNamespace

import ase
import torch
from rich.console import Console
from torch import Tensor, nn

from bench.config.schema import Mode, ModelConfig, RunConfig, SystemConfig, TrainingConfig
from bench.data.batch import Batch, GraphSettings, build_graph, collate
from bench.data.dataset import Dataset
from bench.data.spreads import label_spreads
from bench.models.prediction import Prediction
from bench.scf.report import ScfReport
from bench.testing.frames import cluster, labelled
from bench.train.files import TrainingFiles
from bench.train.loop import train

SETTINGS = GraphSettings((1, 8), 3.0, 1.5, 1.5, torch.float64)


class Calls(list[tuple[Mode, bool]]):
    """Mode and ``training`` of each call, in a point and its moving average together."""

    def __deepcopy__(self, memo: object) -> Calls:
        return self


class ToyPoint(nn.Module):
    """Pair Gaussians for the energy, a charge per element; noise shows the random generator.

    ``interrupt_at`` sends SIGINT in that call of forward, ``poison_at`` gives a NaN energy there.
    """

    predicts = frozenset({"multipoles", "dipole"})
    knows_total_charge = False
    dipole_is_derivative = False
    modes = (Mode.direct, Mode.implicit, Mode.staged)
    recommended = Mode.staged
    graph_settings = SETTINGS

    def __init__(self, *, interrupt_at: int = -1, poison_at: int = -1) -> None:
        super().__init__()
        self.heights = nn.Parameter(torch.linspace(-0.1, 0.1, 4, dtype=torch.float64))
        self.charges = nn.Parameter(torch.tensor([0.1, -0.2], dtype=torch.float64))
        self.interrupt_at, self.poison_at = interrupt_at, poison_at
        self.calls = Calls()

    def forward(
        self, batch: Batch, *, mode: Mode, training: bool = False, **outputs: bool
    ) -> Prediction:
        if len(self.calls) == self.interrupt_at:
            signal.raise_signal(signal.SIGINT)
        poison = torch.nan if len(self.calls) == self.poison_at else 1.0
        self.calls.append((mode, training))
        positions = batch.positions.detach().requires_grad_()
        energy = self.energy(batch, positions) * poison
        if training:
            energy = energy * (1.0 + 1e-3 * torch.rand((), dtype=torch.float64))
        (gradient,) = torch.autograd.grad(energy.sum(), positions, create_graph=training)
        charge = batch.node_attrs @ self.charges
        multipoles = torch.cat([charge[:, None], torch.zeros(len(charge), 3)], dim=1)
        residual = multipoles - batch.labels["multipoles"] if mode is Mode.direct else None
        return Prediction(
            energy=energy,
            energy_parts={"short_range": energy},
            forces=-gradient,
            multipoles=multipoles,
            total_charge=batch.per_structure(charge),
            dipole=batch.per_structure(charge[:, None] * positions),
            density_residual=residual,
            scf=None if mode is Mode.direct else report(batch.num_structures),
        )

    def energy(self, batch: Batch, positions: Tensor) -> Tensor:
        sender, receiver = batch.edge_index
        squares = (positions[receiver] - positions[sender]).square().sum(1)
        widths = torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=torch.float64)
        pairs = torch.exp(-squares[:, None] / widths) @ self.heights
        atoms = torch.zeros(len(positions), dtype=torch.float64).index_add(0, receiver, pairs)
        return batch.per_structure(atoms - 100.0)


def report(structures: int, *, converged: bool = True) -> ScfReport:
    """Three iterations each."""
    ones = torch.ones(structures, dtype=torch.float64)
    return ScfReport(3 * ones.long(), 0 * ones, ones.bool() & converged, -0.5 * ones, 0.25 * ones)


def frames(count: int, *, first: int = 10) -> list[ase.Atoms]:
    """Water dimers, each shaken in its own way."""
    return [labelled(cluster(), seed=first + i) for i in range(count)]


def dataset(*, train: int = 7, valid: int = 3) -> Dataset:
    """Water dimers in splits."""
    split = {"train": frames(train), "valid": frames(valid, first=50), "test": frames(1, first=90)}
    return Dataset(name="dimers", card={}, checksum="", frames=split)


def taught(data: Dataset) -> Dataset:
    """The same structures with energies and forces that a ToyPoint can reach."""
    teacher = ToyPoint()
    with torch.no_grad():
        teacher.heights += torch.tensor([0.3, -0.2, 0.2, 0.1], dtype=torch.float64)
    for split in ("train", "valid"):
        for atoms in data.frames[split]:
            batch = collate([build_graph(atoms, SETTINGS)])
            truth = teacher(batch, mode=Mode.implicit)
            atoms.info["REF_energy"] = float(truth.energy)
            atoms.arrays["REF_forces"] = truth.forces.numpy()
            atoms.arrays["REF_multipoles"] = truth.multipoles.detach().numpy()
            atoms.info["REF_dipole"] = truth.dipole[0].detach().numpy()
            atoms.info["total_charge"] = float(truth.total_charge)
    return data


def run_config(**training: object) -> RunConfig:
    """Four passes in batches of two, with a validation after each, unless told."""
    budget = {} if "steps" in training else {"steps": None, "epochs": 4}
    options = {**budget, "batch_size": 2, "learning_rate": 0.02, "warmup_fraction": 0.5, **training}
    options.setdefault("validations", options.get("epochs", 4))
    return RunConfig(
        model=ModelConfig(name="toy"),
        system=SystemConfig(name="dimers"),
        training=TrainingConfig(**options),
        dtype="float64",
    )


def files(folder: Path) -> TrainingFiles:
    """Where a training in ``folder`` writes."""
    return TrainingFiles(folder / "last.pt", folder / "best.pt", folder / "log.csv")


def measured(model: nn.Module, data: Dataset) -> nn.Module:
    """The same model, knowing how labels vary, as a real point does."""
    if not hasattr(model, "facts"):
        model.facts = SimpleNamespace(spreads=label_spreads(data.frames["train"]))
    return model


def train_toy(
    path: Path, model: nn.Module | None = None, data: Dataset | None = None, **training: object
) -> tuple[nn.Module, str]:
    """Train in ``path``: the model and the text on the console."""
    data = data or dataset()
    model = measured(model or ToyPoint(), data)
    console = Console(file=io.StringIO(), width=200)
    train(model, data, run_config(**training), files(path), console)
    return model, console.file.getvalue()
