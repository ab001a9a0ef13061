"""A trained run on structures again: its own test set, or others, whose numbers go beside."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import ase
from rich.console import Console

from bench.config.schema import SystemConfig
from bench.data.checks import check_frame
from bench.data.dataset import load_dataset
from bench.data.extxyz import read_extxyz
from bench.errors import BenchError
from bench.evaluate.metrics import evaluate
from bench.inference.load import load_model
from bench.inference.predict import predict_frames
from bench.labels.keys import IDENTITY_KEYS
from bench.runs.folder import RunFolder
from bench.runs.identity import code_version
from bench.train.loop import training_frames


@dataclass(frozen=True)
class Structures:
    """Structures to predict, and whose they are.

    Attributes:
        name: of the system or the file.
        frames: with state and identity; labels as far as there are any.
        checksum: sha256 of the data.
        split: what of a system they are; empty of a file, which may hold anything.
    """

    name: str
    frames: list[ase.Atoms]
    checksum: str
    split: str = ""


def tests_of(system: SystemConfig) -> Structures:
    """The test split of a system.

    Raises:
        BenchError: data that no run accepts.
    """
    dataset = load_dataset(system)
    return Structures(system.name, dataset.frames["test"], dataset.checksum, "test")


def seen_by(folder: RunFolder, split: str) -> Structures:
    """What a run was trained or validated on: its seed, its share of the training set.

    Args:
        folder: of the run.
        split: train or valid.

    Raises:
        BenchError: data that no run accepts, or that have changed since the run.
    """
    config = folder.read_config()
    dataset = load_dataset(config.system, seed=config.seed)
    if dataset.checksum != folder.read_provenance().get("data_checksum"):
        raise BenchError(
            f"split={split}: the data of {config.system.name} have changed since the run, so that "
            "nobody knows what it has seen.",
            "Repeat the run, or give the structures: file=FILE.extxyz",
        )
    frames, _ = training_frames(dataset)
    return Structures(config.system.name, frames[split], dataset.checksum, split)


def structures_in(path: Path) -> Structures:
    """All structures of a file with the data sets' keys, whatever their split.

    What the file does not name is named by its place: every structure a group of its own.

    Raises:
        BenchError: an unreadable structure, or one without total charge or field.
    """
    frames = read_extxyz(path)
    if not frames:
        raise BenchError(f"{path} holds no structure.")
    for index, atoms in enumerate(frames):
        own = f"{path.stem}-{index}"
        named = dict.fromkeys(IDENTITY_KEYS, own) | {"subset": path.stem, "split": "test"}
        atoms.info = {**named, **atoms.info}
        check_frame(atoms, f"{path}, structure {index}", ())
    return Structures(path.stem, frames, hashlib.sha256(path.read_bytes()).hexdigest())


def again(folder: RunFolder, *, device: str, console: Console) -> RunFolder:
    """Predict a run's own test set again; its numbers are replaced where its data are the same.

    Args:
        folder: of a finished run.
        device: where the model computes.
        console: told what is done.

    Returns:
        Where the numbers are: the run's folder, or, of data that have changed, one beside them.

    Raises:
        BenchError: a file of the run or the data lack.
    """
    config, content = folder.read_config(), folder.read_provenance()
    test = tests_of(config.system)
    if test.checksum != content.get("data_checksum"):
        console.print(
            f"The data of {config.system.name} have changed since the run: its own numbers stay."
        )
        return elsewhere(folder, test, device=device, console=console)
    today = code_version()
    if not config.model.point and today != content.get("code_version"):
        console.print(
            "The code that decides numbers has changed since the run: "
            f"{content.get('code_version')} then, {today} now."
        )
    run = folder.read_metrics(any_version=True)["run"]
    with folder.locked():
        _predict(folder, folder, test.frames, run, device)
        note = {"at": datetime.now(timezone.utc).isoformat(timespec="seconds"), "device": device}
        evaluations = [*content.get("evaluations", []), note | {"code_version": today}]
        folder.write_provenance({**content, "evaluations": evaluations})
    return folder


def elsewhere(folder: RunFolder, test: Structures, *, device: str, console: Console) -> RunFolder:
    """Predict other structures with a run's model; the numbers go into a folder of the run's own.

    Its training means stay those of the run: what the model has seen.

    Args:
        folder: of a finished run.
        test: what is predicted.
        device: where the model computes.
        console: told what is done.

    Returns:
        ``<run>/evaluations/<name>-<checksum>``, of training and validation structures
        ``<name>-<split>-<checksum>``.

    Raises:
        BenchError: a file of the run lacks, or an element that the model does not know.
    """
    seen = test.split not in ("", "test")
    name = f"{test.name}-{test.split}" if seen else test.name
    beside = folder.evaluation(f"{name}-{test.checksum[:10]}")
    run: dict[str, Any] = {
        **folder.read_metrics(any_version=True)["run"],
        "system": test.name,
        "data_checksum": test.checksum,
    }
    if seen:
        run["split"] = test.split
    else:
        for line in _unusual_splits(test.frames):
            console.print(line)
    with folder.locked():
        _predict(folder, beside, test.frames, run, device)
    return beside


def _predict(
    run: RunFolder,
    destination: RunFolder,
    frames: Sequence[ase.Atoms],
    description: dict[str, Any],
    device: str,
) -> None:
    """Predictions and metrics of structures by a run's model."""
    model, means = load_model(run.path, device=device), run.read_means()
    predicted = predict_frames(model, frames, batch_size=run.read_config().training.batch_size)
    content = evaluate(predicted, means).to_dict(description)
    destination.write_means(means)
    destination.write_predictions(predicted)
    destination.write_metrics(content)


def _unusual_splits(frames: Sequence[ase.Atoms]) -> list[str]:
    """A line where structures are marked as something else than tests."""
    counts = Counter(str(atoms.info["split"]) for atoms in frames)
    del counts["test"]
    told = ", ".join(f"{count} split={split}" for split, count in counts.items())
    return [f"warning: not only tests: {told}; all are counted"] if told else []
