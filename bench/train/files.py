"""Where a training writes, known without the libraries that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainingFiles:
    """Where a training writes.

    Attributes:
        last: the checkpoint that an interrupted training goes on from.
        best: the averaged weights of the best validation.
        log: one row per validation, as CSV.
    """

    last: Path
    best: Path
    log: Path
