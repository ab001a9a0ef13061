"""A run's mirror on Weights & Biases; the disk stays the truth, and no mirror ends a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench.config.schema import RunConfig, Wandb
from bench.runs.folder import RunFolder
from bench.runs.identity import plain
from bench.runs.records import MetricsFile

if TYPE_CHECKING:
    from bench.train.log import Row

PROJECT = "electromlip-bench"


@contextmanager
def mirrored(folder: RunFolder, config: RunConfig) -> Iterator[Mirror]:
    """A mirror to tell of validations and metrics; where ``wandb=off`` it does nothing."""
    mirror = Mirror(folder, config)
    try:
        yield mirror
    finally:
        mirror.attempt(lambda run: run.finish())


class Mirror:
    """Sends validations and metrics; after the first error it is silent.

    Args:
        folder: of the run; wandb's own files go to its subfolder wandb.
        config: of the run.
    """

    def __init__(self, folder: RunFolder, config: RunConfig) -> None:
        self._run: Any = None
        self._silent = config.wandb is Wandb.off
        self.attempt(lambda _: self._start(folder, config))

    def row(self, row: Row) -> None:
        """Send a validation's row of the training log, without its empty cells."""
        self.attempt(lambda run: run.log({k: v for k, v in row.items() if v is not None}))

    def metrics(self, content: MetricsFile) -> None:
        """Send every number of the test set."""
        numbers = {
            f"{record['subset']}/{record['name']} [{record['unit']}]": record["value"]
            for record in content["metrics"]
        }
        self.attempt(lambda run: run.summary.update(numbers))

    def attempt(self, action: Callable[[Any], object]) -> None:
        """Do it with wandb's run, or say once on the terminal why the mirror stops here."""
        if self._silent:
            return
        try:
            action(self._run)
        except Exception as error:
            self._silent = True
            print(f"wandb: {error}; the run goes on without its mirror.", file=sys.stderr)

    def _start(self, folder: RunFolder, config: RunConfig) -> None:
        import wandb

        self._run = wandb.init(
            project=PROJECT,
            id=folder.path.name,
            name=f"{config.system.name}/{config.model.name}/{folder.path.name}",
            dir=folder.path,
            mode="offline" if config.wandb is Wandb.offline else "online",
            resume="allow",
            config=plain(config),
        )
