"""Every file of a run, read and written by its meaning; nobody else knows their names."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bench import storage
from bench.config.schema import RunConfig
from bench.errors import BenchError
from bench.runs.identity import plain
from bench.runs.records import SCHEMA_VERSION, MetricsFile

if TYPE_CHECKING:  # torch and ase are slow to import, and tables over many runs need neither
    import ase

    from bench.data.statistics import TrainingMeans
    from bench.models.facts import TrainingFacts
    from bench.train.files import TrainingFiles
    from bench.train.log import TrainingLog

STATUS, CONFIG, FACTS = "status.json", "config.yaml", "facts.json"
PROVENANCE, MEANS = "provenance.json", "training_means.json"
PREDICTIONS, METRICS = "predictions.extxyz", "metrics.json"
COMPRESSED = tuple(f"{PREDICTIONS}.{end}" for end in ("xz", "gz"))  # a fifth of its size, a third


class Status(str, Enum):
    """What has become of a run."""

    running = "running"
    done = "done"
    interrupted = "interrupted"
    failed = "failed"
    diverged = "diverged"


@dataclass(frozen=True)
class RunFolder:
    """One run's files.

    Every ``read_`` raises a BenchError that names the file where it lacks or is damaged, and every
    ``write_`` replaces the whole file at once.

    Attributes:
        path: <results_dir>/<system>/<model>/<run id>.
    """

    path: Path

    @classmethod
    def of(cls, config: RunConfig, run_id: str) -> RunFolder:
        """The folder of a run; nothing is made yet."""
        return cls(Path(config.results_dir) / config.system.name / config.model.name / run_id)

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes out; raises as ``storage.locked``."""
        return storage.locked(self.path)

    @property
    def status(self) -> Status | None:
        """What has become of the run; None where none has started."""
        return self.read_status()[0]

    @property
    def reason(self) -> str:
        """Why the status is what it is; empty where there is nothing to say."""
        return self.read_status()[1]

    def read_status(self) -> tuple[Status | None, str]:
        """Status and reason; a run that no process writes any longer has been interrupted."""
        if not (self.path / STATUS).is_file():
            return None, ""
        content = self._json(STATUS)
        try:
            status, reason = Status(content["status"]), str(content["reason"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(STATUS, error) from error
        if status is Status.running and not storage.is_locked(self.path):
            return Status.interrupted, "killed: no process of this machine holds its lock"
        return status, reason

    @property
    def updated(self) -> str:
        """When the status was written, ISO date in UTC; empty where none is."""
        return str(self._mapping(STATUS).get("updated", "")) if self.status else ""

    def write_status(self, status: Status, reason: str = "") -> None:
        """Note what has become of the run, with the time."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        content = {"status": status.value, "reason": reason, "updated": now}
        storage.write_json(self.path / STATUS, content)

    def read_config(self) -> RunConfig:
        """The configuration, with the keys of today's runs."""
        try:
            loaded = OmegaConf.load(self._existing(CONFIG))
            if OmegaConf.select(loaded, "training.warmup_epochs") is not None:  # budgets of epochs
                del loaded.training.warmup_epochs
                loaded.training.steps = None
            merged = OmegaConf.merge(OmegaConf.structured(RunConfig), loaded)
            config = OmegaConf.to_object(merged)
        except (OmegaConfBaseException, yaml.YAMLError, UnicodeDecodeError) as error:
            raise self._damaged(CONFIG, error) from error
        assert isinstance(config, RunConfig)
        return config

    def read_plain_config(self) -> dict[str, Any]:
        """The configuration as plain types, whichever keys it had then; fast."""
        try:
            content = yaml.load(self._existing(CONFIG).read_bytes(), _YAML)
        except yaml.YAMLError as error:
            raise self._damaged(CONFIG, error) from error
        if not isinstance(content, dict):
            raise self._damaged(CONFIG, "no mapping")
        return content

    def write_config(self, config: RunConfig) -> None:
        """Write the configuration, which a run does before anything else."""
        self.write_plain_config(plain(config))

    def write_plain_config(self, content: dict[str, Any]) -> None:
        """Write those settings alone that mean something, as plain types."""
        storage.write_yaml(self.path / CONFIG, content)

    def read_facts(self) -> TrainingFacts:
        """What the model took from its training set."""
        from bench.models.facts import TrainingFacts

        try:
            return TrainingFacts.from_dict(self._json(FACTS))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged(FACTS, error) from error

    def read_spreads(self) -> dict[str, float]:
        """How much the labels vary over the training set, by part; reads no model."""
        found: dict[str, float] = self._mapping(FACTS).get("spreads", {})
        return found

    def write_facts(self, facts: TrainingFacts) -> None:
        """Write what the model took from its training set."""
        storage.write_json(self.path / FACTS, facts.to_dict())

    def read_provenance(self) -> dict[str, Any]:
        """Code, packages, hardware and sessions; empty where the run has not started."""
        return self._mapping(PROVENANCE) if (self.path / PROVENANCE).is_file() else {}

    def write_provenance(self, content: dict[str, Any]) -> None:
        """Write code, packages, hardware and sessions."""
        storage.write_json(self.path / PROVENANCE, content)

    def read_means(self) -> TrainingMeans:
        """Means of the training set, which a model has to beat."""
        from bench.data.statistics import TrainingMeans

        try:
            return TrainingMeans.from_dict(self._json(MEANS))
        except TypeError as error:
            raise self._damaged(MEANS, error) from error

    def write_means(self, means: TrainingMeans) -> None:
        """Write the means of the training set."""
        storage.write_json(self.path / MEANS, means.to_dict())

    @property
    def training_files(self) -> TrainingFiles:
        """Where a training writes its checkpoints and its log."""
        from bench.train.files import TrainingFiles

        checkpoints = self.path / "checkpoint"
        return TrainingFiles(
            last=checkpoints / "last.pt",
            best=checkpoints / "best.pt",
            log=self.log,
        )

    @property
    def log(self) -> Path:
        """Where losses and errors by step are; unlike ``training_files`` asks for no torch."""
        return self.path / "training_log.csv"

    def read_log(self) -> TrainingLog:
        """Losses and errors by step."""
        from bench.train.log import read_log

        return read_log(self.log)

    def read_predictions(self) -> list[ase.Atoms]:
        """The test set with reference and predicted labels, also where xz or gzip compressed it."""
        from ase.io import read

        packed = (name for name in COMPRESSED if (self.path / name).is_file())
        path = self._existing(next(packed, PREDICTIONS))
        try:
            frames: list[ase.Atoms] = read(path, ":", format="extxyz")
        except Exception as error:  # the parser fails in many ways
            raise self._damaged(path.name, error) from error
        return frames

    def write_predictions(self, frames: Sequence[ase.Atoms]) -> None:
        """Write the test set with reference and predicted labels."""
        storage.write_frames(self.path / PREDICTIONS, frames)
        for name in COMPRESSED:
            (self.path / name).unlink(missing_ok=True)

    def read_metrics(self, *, any_version: bool = False) -> MetricsFile:
        """All numbers of the test set.

        Args:
            any_version: also those that an earlier version of the metrics has written.
        """
        content = self._mapping(METRICS)
        if not {"metrics", "run"} <= content.keys():
            raise self._damaged(METRICS, "no metrics")
        version = content.get("schema_version")
        if version != SCHEMA_VERSION and not any_version:
            raise BenchError(
                f"{self.path / METRICS}: schema_version is {version}, this code reads "
                f"{SCHEMA_VERSION}.",
                f"bench evaluate run={self.path}",
            )
        metrics: MetricsFile = content  # type: ignore[assignment]
        return metrics

    def write_metrics(self, content: MetricsFile) -> Path:
        """Write all numbers of the test set; returns the path."""
        return storage.write_json(self.path / METRICS, content)

    @property
    def probes(self) -> Path:
        """Where the verdicts of ``bench check`` on the trained model are written."""
        return self.path / "probes.json"

    def read_probes(self) -> list[dict[str, Any]]:
        """The probes' results as ``ProbeResult.to_dict`` gives them; empty where none was asked."""
        if not self.probes.is_file():
            return []
        content = self._mapping(self.probes.name)
        found: list[dict[str, Any]] = content.get("probes", [])
        return found

    def figure(self, name: str) -> Path:
        """Where a figure is written; the name has the suffix."""
        return self.path / "figures" / name

    def evaluation(self, name: str) -> RunFolder:
        """Files of another test set that the run's model has predicted."""
        return RunFolder(self.path / "evaluations" / name)

    @property
    def unfinished(self) -> Path:
        """Where the predictions of a calculator from outside are kept until all are there."""
        return self.path / "unfinished.extxyz"

    def write_error(self, trace: str) -> None:
        """Keep the traceback of an error that is not the user's."""
        storage.write_text(self.path / "error.log", trace)

    def _json(self, name: str) -> Any:
        try:
            return json.loads(self._existing(name).read_text(encoding="utf-8"))
        except ValueError as error:
            raise self._damaged(name, error) from error

    def _mapping(self, name: str) -> dict[str, Any]:
        content = self._json(name)
        if not isinstance(content, dict):
            raise self._damaged(name, "no mapping")
        return content

    def _existing(self, name: str) -> Path:
        path = self.path / name
        if path.is_file():
            return path
        if self.status is None:
            raise BenchError(
                f"{path} does not exist: {self.path} is no folder of a run.",
                "Give a folder such as results/runs/<system>/<model>/<run id>.",
            )
        raise BenchError(f"{path} does not exist.", "Finish the run: give its command again.")

    def _damaged(self, name: str, error: object) -> BenchError:
        mend = "Restore it from a copy, or repeat the run in another place: results_dir=FOLDER"
        if name == STATUS:
            mend = "Remove it: the same command then goes on from the last checkpoint."
        return BenchError(f"{self.path / name} is damaged or of another version: {error}.", mend)


def run_folders(place: Path) -> Iterator[RunFolder]:
    """Every run in ``place`` and below, in order of the paths; also those that lack some files."""
    for folder, inner, files in os.walk(place):
        inner.sort()
        if not {STATUS, PROVENANCE, METRICS}.isdisjoint(files):
            inner.clear()  # a run holds no runs
            yield RunFolder(Path(folder))


# libyaml reads ten times as fast as Python; not every build of PyYAML has it.
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
