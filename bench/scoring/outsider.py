"""Predictions of somebody else's model as a run's folder, read by tables and reports like ours."""

from __future__ import annotations

import hashlib
import json
import re
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ase
import numpy as np
from rich.console import Console

from bench.config.catalogue import choices
from bench.config.schema import ModelConfig, RunConfig
from bench.config.systems import system_named
from bench.data.dataset import Dataset, load_dataset
from bench.data.statistics import fit_baseline, training_means
from bench.errors import BenchError
from bench.evaluate.metrics import evaluate
from bench.evaluate.record import record
from bench.evaluate.registry import TIME_PER_ATOM
from bench.labels.keys import BASELINE_KEY, CHARGE_BLIND_KEY, SECONDS_KEY
from bench.labels.quantities import labels
from bench.labels.stored import can_have, is_stated, stored
from bench.runs.folder import RunFolder, Status, run_folders
from bench.runs.identity import Identity, deciding, plain
from bench.runs.provenance import session
from bench.runs.recording import recording
from bench.scoring.alignment import Alignment
from bench.scoring.blindness import CHARGE
from bench.scoring.calculator import CalculatorFailed
from bench.scoring.so_far import SoFar

PRESET = "outsider"  # of runs that nobody trained here


@dataclass(frozen=True)
class Outsider:
    """Somebody else's model on a system.

    Attributes:
        data: the system.
        config: with the label as the model's name.
        identity: over what was stated and what was predicted with.
        how: for the provenance: where the predictions come from.
    """

    data: Dataset
    config: RunConfig
    identity: Identity
    how: dict[str, Any]

    @property
    def folder(self) -> RunFolder:
        """Where its numbers are or will be."""
        return RunFolder.of(self.config, self.identity.run_id)


@dataclass(frozen=True)
class Predicted:
    """What it says.

    Attributes:
        test: structures with reference and predicted values.
        train: some with predicted energies.
        alignment: of its energies, already applied to both.
        unnoticed: what makes no difference to its energies, before they were aligned, with what
            shows it; by ``bench.scoring.blindness``.
        notes: for people.
    """

    test: list[ase.Atoms]
    train: list[ase.Atoms]
    alignment: Alignment
    unnoticed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def outsider(
    *, label: str, system: str, seed: int, results_dir: str, how: dict[str, Any], code: str
) -> Outsider:
    """Somebody else's model, and the system that it is scored on.

    Args:
        label: its name in tables.
        system: of the data.
        seed: of its training, over which tables average.
        results_dir: where runs are.
        how: everything that was stated of it, as plain types.
        code: hash of what predicts.

    Raises:
        BenchError: no label, one of our own models', or data that no run accepts.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", label):
        raise BenchError(
            f"name={label!r} is no name.", "Letters, digits, and _ . + - after the first."
        )
    if label in choices("model"):
        raise BenchError(f"name={label} is a model of bench run.", "Take another name.")
    device = str(how.get("arg", {}).get("device", ""))  # what most factories call it
    config = RunConfig(
        model=ModelConfig(name=label),
        system=system_named(system),
        preset=PRESET,
        seed=seed,
        device=device if re.fullmatch(r"cuda(:\d+)?", device) else "cpu",
        results_dir=results_dir,
    )
    data = load_dataset(config.system)
    parts = {"config": deciding(_settings(config)), "data": data.checksum, "how": how, "code": code}
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    run_id = hashlib.sha256(text.encode()).hexdigest()[:10]
    return Outsider(data, config, Identity(run_id, data.checksum, code), how)


def _settings(config: RunConfig) -> dict[str, Any]:
    """What of a configuration means something where nothing was trained, as plain types."""
    kept = ("system", "preset", "seed", "device", "results_dir")
    values = plain(config)
    return {"model": {"name": config.model.name}, **{key: values[key] for key in kept}}


def score(
    one: Outsider, predict: Callable[[Dataset, SoFar], Predicted], console: Console
) -> RunFolder:
    """Write the run's folder, or find it finished; predictions that an interrupted one made count.

    Args:
        one: whose predictions.
        predict: gives them, of the system and given what there is so far.
        console: told what a person has to know.

    Returns:
        The folder.

    Raises:
        BenchError: the name belongs to something else; of the predictions, and the folder says why.
    """
    folder = one.folder
    if folder.status is Status.done:
        console.print("This has been scored already; nothing is repeated.")
        return folder
    _refuse_taken_name(one)
    with recording(folder):
        folder.write_plain_config(_settings(one.config))
        with session(folder, one.identity, one.config, None) as this:
            this.content["outsider"] = one.how
            so_far = SoFar(folder.unfinished)
            if len(so_far):
                console.print(f"{len(so_far)} structures were predicted before it was interrupted.")
            try:
                with so_far.kept():
                    predicted = predict(one.data, so_far)
            except CalculatorFailed as error:
                folder.write_error("".join(traceback.format_exception(error)))
                raise
            notes = _complete(one, predicted)
            this.content["outsider"] = {**one.how, "notes": notes}
            _write(folder, one, predicted, this.run())
    console.print("\n".join(notes))
    return folder


def _refuse_taken_name(one: Outsider) -> None:
    """Tables take runs of one name and seed for one model."""
    name, seed = one.config.model.name, one.config.seed
    for other in run_folders(one.folder.path.parent):
        if other.status is Status.done and other.read_plain_config().get("seed") == seed:
            stated = other.read_provenance().get("outsider", {})
            differ = [key for key, value in one.how.items() if stated.get(key) != value]
            told = f"with another {', '.join(differ)}" if differ else "with other code or weights"
            raise BenchError(
                f"name={name} seed={seed} has been scored {told}: {other.path}.",
                "Take another name, or another seed for another training; or remove that folder.",
            )


def _complete(one: Outsider, predicted: Predicted) -> list[str]:
    """Add what metrics need beside the predictions; what a person should know."""
    baseline = fit_baseline(one.data.frames["train"], one.data.elements)
    for atoms in predicted.test:
        atoms.info[BASELINE_KEY] = baseline.energy(atoms)
        atoms.info[CHARGE_BLIND_KEY] = CHARGE in predicted.unnoticed
    notes = [predicted.alignment.told(), *predicted.notes]
    if times := _milliseconds_per_atom(predicted.test):
        notes.append(f"{np.median(times):.3g} ms/atom for energy and forces of a structure")
    for what, told in predicted.unnoticed.items():
        notes.append(f"warning: {what} makes no difference: {told}")
    return [*notes, *_labels_themselves(predicted.test), *_not_predicted(predicted.test)]


def _milliseconds_per_atom(frames: Sequence[ase.Atoms]) -> list[float]:
    """Of each structure whose prediction was timed."""
    return [1000.0 * a.info[SECONDS_KEY] / len(a) for a in frames if SECONDS_KEY in a.info]


def _not_predicted(frames: Sequence[ase.Atoms]) -> list[str]:
    """A line on labels that nothing was predicted for."""
    missing = [
        name
        for name, quantity in labels().items()
        if any(is_stated(a, quantity) and can_have(a, quantity) for a in frames)
        and all(stored(a, quantity, quantity.predicted_key) is None for a in frames)
    ]
    return [f"not predicted: {', '.join(missing)}"] if missing else []


def _labels_themselves(frames: Sequence[ase.Atoms]) -> list[str]:
    """A warning where predictions are the labels to the last digit."""
    found = []
    for name, quantity in labels().items():
        keys = (quantity.reference_key, quantity.predicted_key)
        both = [[stored(a, quantity, key) for key in keys] for a in frames]
        pairs = [(r, p) for r, p in both if r is not None and p is not None]
        if pairs and all(r.shape == p.shape and np.array_equal(r, p) for r, p in pairs):
            found.append(f"warning: {name} is the label itself in all {len(pairs)} structures")
    return found


def _write(folder: RunFolder, one: Outsider, predicted: Predicted, run: dict[str, Any]) -> None:
    means = training_means(one.data.frames["train"])
    evaluation = evaluate(predicted.test, means)
    if times := _milliseconds_per_atom(predicted.test):
        time = record(TIME_PER_ATOM.name, float(np.median(times)), n=len(times))
        evaluation.records.append(time)
    else:
        evaluation.absent[TIME_PER_ATOM.name] = "predicted elsewhere"
    folder.write_means(means)
    folder.write_predictions(predicted.test)
    folder.write_metrics(evaluation.to_dict(run))
