from pathlib import Path

import numpy as np
import pytest

from bench.data.statistics import fit_baseline, training_means
from bench.evaluate.metrics import evaluate
from bench.runs.folder import RunFolder
from bench.storage import write_csv
from bench.train.log import lines
from tests.report.synthetic import predict, reference

EPOCHS = 12


def write_run(folder: Path, system: str, *, spoil: bool = False) -> Path:
    """Predictions, metrics and training log of a run; ``spoil`` breaks two structures."""
    run = RunFolder(folder)
    frames = reference(system)
    baseline = fit_baseline(frames, tuple(sorted({int(z) for a in frames for z in a.numbers})))
    predicted = [predict(a, baseline) for a in frames]
    if spoil:
        predicted[0].info["SCF_converged"] = False
        predicted[1].info["PRED_energy"] = float("nan")
    run.write_predictions(predicted)
    named = {"id": "abc", "system": system, "model": "scf_qeq", "preset": "smoke", "seed": 3}
    content = evaluate(predicted, training_means(frames)).to_dict(named)
    run.write_metrics(content)
    write_csv(run.training_files.log, lines([epoch_row(k) for k in range(EPOCHS)]))
    return folder


def epoch_row(epoch: int) -> dict[str, float | int | str | None]:
    """One line of a training that halves its errors every three epochs."""
    decay = float(0.5 ** (epoch / 3))
    return {
        "step": 13 * epoch,
        "epoch": float(epoch),
        "mode": "direct" if epoch < 4 else "implicit",
        "train_loss": 2.0 * decay,
        "valid_loss": np.nan if epoch == 5 else 3.0 * decay,
        "valid_energy_rmse": 80.0 * decay,
        "valid_forces_rmse": 900.0 * decay,
        "valid_dipole_rmse": None,
        "learning_rate": 0.01,
        "seconds": float(epoch),
    }


@pytest.fixture(scope="session")
def slab_run(tmp_path_factory) -> Path:
    """A run on pt_water."""
    return write_run(tmp_path_factory.mktemp("runs") / "pt_water", "pt_water")


@pytest.fixture(scope="session")
def bulk_run(tmp_path_factory) -> Path:
    """A run on sio2_vacancy."""
    return write_run(tmp_path_factory.mktemp("runs") / "sio2_vacancy", "sio2_vacancy")


@pytest.fixture(scope="session")
def spoilt_run(tmp_path_factory) -> Path:
    """A run on pt_water whose first structure is unconverged and whose second energy is NaN."""
    return write_run(tmp_path_factory.mktemp("runs") / "spoilt", "pt_water", spoil=True)
