"""One run from start to end."""

from __future__ import annotations

from pathlib import Path

import yaml
from ase.io import write
from rich.console import Console

from bench.config.schema import RunConfig
from bench.data.dataset import dataset_checksum, load_dataset
from bench.data.statistics import training_means
from bench.evaluate.metrics import evaluate
from bench.inference.predict import predict_frames
from bench.models.registry import build_model, completed
from bench.report.figures import draw_figures
from bench.report.table import metrics_table
from bench.runs.folder import Diverged, RunFailed, RunFolder, Status
from bench.runs.identity import Identity, identify, plain
from bench.runs.provenance import session
from bench.runs.wandb_mirror import mirrored
from bench.train.loop import train


def run(config: RunConfig) -> Path:
    """Compute a run, or find it finished; print its table and, as the last line, its folder.

    Raises:
        BenchError: the user's mistake.
        RunFailed: the run diverged or failed; its folder says why.
        KeyboardInterrupt: interrupted with everything saved; the same call resumes it.
    """
    console = Console(highlight=False, markup=False, soft_wrap=True)
    config = completed(config)
    identity = identify(config, dataset_checksum(config.system))
    folder = RunFolder.of(config, identity.run_id)
    if folder.status is Status.diverged:
        raise RunFailed(Status.diverged, folder.reason, folder.path)
    if folder.status is Status.done:
        console.print("This run is finished already; nothing is repeated.")
    else:
        compute(config, identity, folder, console)
    console.print(metrics_table(folder.path))
    console.print(str(folder.path))
    return folder.path


def compute(config: RunConfig, identity: Identity, folder: RunFolder, console: Console) -> None:
    """data → model → train → evaluate → write."""
    dataset = load_dataset(config.system)
    console.print("\n".join(dataset.summary()))
    model = build_model(config, dataset)
    with folder.recording():
        folder.write_text("config.yaml", yaml.safe_dump(plain(config), sort_keys=False))
        folder.write_json("facts.json", model.facts.to_dict())
        with session(folder, identity, config) as this, mirrored(folder, config):
            outcome = train(model, dataset, config, folder, console)
            if outcome.status == "diverged":
                raise Diverged(outcome.reason)
            means = training_means(dataset.frames["train"])
            folder.write_json("training_means.json", means.to_dict())
            test = dataset.frames["test"]
            frames = predict_frames(model, test, batch_size=config.training.batch_size)
            folder.write_with("predictions.extxyz", lambda path: write(path, frames))
            folder.write_json("metrics.json", evaluate(frames, means).to_dict(this.run()))
            draw_figures(folder.path)
