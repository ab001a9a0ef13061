"""A run's mirror on Weights & Biases; the disk stays the truth, and no mirror ends a run."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.config.schema import RunConfig, Wandb
from bench.runs.folder import RunFolder
from bench.runs.identity import plain

PROJECT = "electromlip-bench"


@contextmanager
def mirrored(folder: RunFolder, config: RunConfig) -> Iterator[None]:
    """While the block runs, copy what lands in the folder; nothing where ``wandb=off``."""
    if config.wandb is Wandb.off:
        yield
        return
    mirror = Mirror(folder, config)
    folder.observers.append(mirror.update)
    try:
        yield
    finally:
        folder.observers.remove(mirror.update)
        mirror.attempt(lambda: mirror.run and mirror.run.finish())


class Mirror:
    """Sends epochs, metrics and figures; after the first error it is silent.

    Args:
        folder: of the run; wandb's own files go to its subfolder wandb.
        config: of the run.
    """

    def __init__(self, folder: RunFolder, config: RunConfig) -> None:
        self.rows_sent = 0
        self.run: Any = None
        self.broken = False
        self.attempt(lambda: self._start(folder, config))

    def update(self, path: Path) -> None:
        """Send what has just been written to ``path``."""
        if path.name == "training_log.csv":
            self.attempt(lambda: self._send_epochs(path))
        elif path.name == "metrics.json":
            self.attempt(lambda: self._send_metrics(path))

    def attempt(self, action: Any) -> None:
        """Do it, or say once on the terminal why the mirror stops here."""
        if self.broken:
            return
        try:
            action()
        except Exception as error:
            self.broken = True
            print(f"wandb: {error}; the run goes on without its mirror.", file=sys.stderr)

    def _start(self, folder: RunFolder, config: RunConfig) -> None:
        import wandb

        self.run = wandb.init(
            project=PROJECT,
            id=folder.path.name,
            name=f"{config.system.name}/{config.model.name}/{folder.path.name}",
            dir=folder.path,
            mode="offline" if config.wandb is Wandb.offline else "online",
            resume="allow",
            config=plain(config),
        )

    def _send_epochs(self, path: Path) -> None:
        rows = list(csv.DictReader(path.open(encoding="utf-8")))
        for row in rows[self.rows_sent :]:
            self.run.log({key: _number(value) for key, value in row.items() if value})
        self.rows_sent = len(rows)

    def _send_metrics(self, path: Path) -> None:
        for record in json.loads(path.read_text())["metrics"]:
            name = f"{record['subset']}/{record['name']} [{record['unit']}]"
            self.run.summary[name] = record["value"]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
