"""A run with two quantities that the package does not have; prints what came of them as JSON.

Started by ``test_one_more`` in an interpreter of its own: the table grows before anything is made
from it, as if its file had two more rows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.labels.quantities import QUANTITIES, Quantity

QUANTITIES["spin"] = Quantity(
    "spin", "μ_B", description="excess of electrons with spin up", per_atom=True, weight=2.0
)
QUANTITIES["quadrupole"] = Quantity(
    "quadrupole", "e Å²", description="traceless, 3×3", components=9, sparse=True
)

import ase  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

from bench.config.compose import compose  # noqa: E402
from bench.config.schema import Mode, ModelConfig  # noqa: E402
from bench.data.batch import Batch  # noqa: E402
from bench.data.checks import check_frame  # noqa: E402
from bench.data.dataset import Dataset  # noqa: E402
from bench.data.statistics import training_means  # noqa: E402
from bench.evaluate.metrics import evaluate  # noqa: E402
from bench.inference.predict import predict_frames  # noqa: E402
from bench.models.prediction import Prediction  # noqa: E402
from bench.reference.import_options import MAPPED  # noqa: E402
from bench.report.learning import learning_curves  # noqa: E402
from bench.report.parity_figure import parity_figure  # noqa: E402
from bench.train.log import read_log  # noqa: E402
from tests.train.toy import ToyPoint, dataset, files, frames, train_toy  # noqa: E402


class SpinPoint(ToyPoint):
    """The toy with a spin per element and the same quadrupole for every structure."""

    predicts = ToyPoint.predicts | {"spin", "quadrupole"}
    knows_total_charge = True
    config = ModelConfig(name="toy")

    def __init__(self) -> None:
        super().__init__()
        self.spins = nn.Parameter(torch.zeros(2, dtype=torch.float64))
        self.quadrupole = nn.Parameter(torch.zeros(3, 3, dtype=torch.float64))

    def forward(self, batch: Batch, **options: object) -> Prediction:
        prediction = super().forward(batch, **{"mode": Mode.implicit, **options})
        prediction.energy_parts = {"baseline": torch.zeros_like(prediction.energy)}
        spins = batch.node_attrs @ self.spins
        quadrupoles = self.quadrupole.expand(batch.num_structures, 3, 3)
        prediction.others = {"spin": spins, "quadrupole": quadrupoles}
        return prediction


def label(atoms: ase.Atoms) -> None:
    """Oxygen has 1.5 μ_B, hydrogen 0.5; the first structures have no quadrupole."""
    atoms.arrays["REF_spin"] = np.where(atoms.numbers == 8, 1.5, 0.5)
    if int(str(atoms.info["uid"])[1:]) % 2:
        atoms.info["REF_quadrupole"] = np.diag([0.2, 0.2, -0.4])
    check_frame(atoms, "here", ["REF_spin"])


def labelled_dataset() -> Dataset:
    """Water dimers with all labels."""
    data = dataset()
    data.frames["test"] = frames(2, first=90)
    for structures in data.frames.values():
        for atoms in structures:
            label(atoms)
    return data


def main(folder: Path) -> None:
    data = labelled_dataset()
    config = compose(["training.loss.quadrupole=3"])
    options = {"epochs": 60, "learning_rate": 0.1, "mode": Mode.implicit}
    model, text = train_toy(folder, SpinPoint(), data, loss=config.training.loss, **options)
    predicted = predict_frames(model, data.frames["test"], batch_size=2)
    log = read_log(files(folder).log)
    metrics = evaluate(predicted, training_means(data.frames["train"]))
    curves, parity = learning_curves(log, "curves"), parity_figure(predicted, "parity")
    told = {
        "text": text,
        "units": {k: u for k, u in log.units.items() if "spin" in k or "quadrupole" in k},
        "log": {k: log.columns[k][[0, -1]].tolist() for k in log.columns if k in log.units},
        "metrics": {r.name: [r.value, r.unit] for r in metrics.records if r.subset == "all"},
        "curves": [axes.get_ylabel() for axes in curves.axes],
        "panels": [axes.get_xlabel() for axes in parity.axes],
        "mapped": list(MAPPED),
        "summary": data.summary(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
