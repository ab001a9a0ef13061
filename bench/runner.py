"""One run from start to end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import ase
from rich.console import Console

from bench.config.schema import RunConfig
from bench.data.dataset import dataset_checksum, load_dataset
from bench.data.representative import representative
from bench.data.statistics import TrainingMeans, training_means
from bench.errors import Diverged
from bench.evaluate.metrics import evaluate
from bench.inference.predict import predict_frames
from bench.models.base import Point
from bench.models.registry import build_model, completed
from bench.report.figures import draw_figures
from bench.report.table import metrics_table
from bench.runs.folder import RunFolder, Status
from bench.runs.identity import Identity, identify
from bench.runs.provenance import session
from bench.runs.recording import recording
from bench.runs.wandb_mirror import mirrored
from bench.train.loop import train


def run(config: RunConfig, *, asked: Collection[str] = ()) -> Path:
    """Compute a run, or find it finished; print its table and, as the last line, its folder.

    Args:
        config: of the run.
        asked: names of losses whose weight the user typed, refused where nothing is labelled.

    Raises:
        BenchError: the user's mistake.
        RunFailed: the run diverged or failed; its folder, printed last, says why.
        KeyboardInterrupt: interrupted with everything saved; the same call resumes it.
    """
    console = Console(highlight=False, markup=False, soft_wrap=True)
    config = completed(config)
    identity = identify(config, dataset_checksum(config.system))
    folder = RunFolder.of(config, identity.run_id)
    try:
        status, reason = folder.read_status()
        if status is Status.diverged:
            raise Diverged(reason)
        if status is Status.done:
            console.print("This run is finished already; nothing is repeated.")
        else:
            compute(config, identity, folder, console, asked)
        console.print(metrics_table(folder))
    finally:
        if folder.path.is_dir():
            console.print(str(folder.path))
    return folder.path


def compute(
    config: RunConfig,
    identity: Identity,
    folder: RunFolder,
    console: Console,
    asked: Collection[str] = (),
    *,
    prepare: Callable[[Point], None] | None = None,
) -> None:
    """data → model → train → predict → evaluate → write.

    Args:
        config: of the run.
        identity: that its files tell.
        folder: of the run.
        console: for its progress.
        asked: as of ``run``.
        prepare: is given the model before it is trained.
    """
    dataset = load_dataset(config.system, seed=config.seed)
    console.print("\n".join(dataset.summary()))
    model = build_model(config, dataset)
    if prepare:
        prepare(model)
    with recording(folder) as needed:
        if not needed:
            return
        folder.write_config(config)
        folder.write_facts(model.facts)
        with (
            session(folder, identity, config, model.num_parameters) as this,
            mirrored(folder, config) as mirror,
        ):
            means = training_means(dataset.frames["train"])
            test, size = dataset.frames["test"], config.training.batch_size
            rehearse(model, representative(test, size), means)
            files = folder.training_files
            train(model, dataset, config, files, console, on_row=mirror.row, asked=asked)
            folder.write_means(means)
            frames = predict_frames(model, test, batch_size=size)
            folder.write_predictions(frames)
            metrics = evaluate(frames, means).to_dict(this.run())
            folder.write_metrics(metrics)
            mirror.metrics(metrics)
            if config.figures:
                draw_figures(folder, formats=["png"])  # bench figures run=FOLDER writes PDF


def rehearse(model: Point, batch: Sequence[ase.Atoms], means: TrainingMeans) -> None:
    """Predict and evaluate one batch before training: what would fail after it fails at once.

    Args:
        model: as it was built.
        batch: a few test structures.
        means: of the training set.
    """
    evaluate(predict_frames(model, batch, batch_size=len(batch)), means)
