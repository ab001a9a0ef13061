"""The folder of one run: atomic files, a lock, and a status that always tells the truth."""

from __future__ import annotations

import fcntl
import json
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Any

from bench.config.schema import RunConfig
from bench.errors import BenchError
from bench.signals import Interrupted, terminate_as_interrupt


class Status(str, Enum):
    """What has become of a run."""

    running = "running"
    done = "done"
    interrupted = "interrupted"
    failed = "failed"
    diverged = "diverged"


class RunFailed(Exception):
    """A run that ended without numbers; its folder knows why.

    Args:
        status: failed or diverged.
        reason: one line.
        folder: of the run.
    """

    def __init__(self, status: Status, reason: str, folder: Path) -> None:
        super().__init__(status, reason, folder)
        self.status, self.reason, self.folder = status, reason, folder

    def __str__(self) -> str:
        return f"{self.status.value}: {self.reason}\n{self.folder}"


class Diverged(Exception):
    """Training left the finite numbers; the argument is the reason."""


@dataclass(frozen=True)
class RunFolder:
    """One run's files.  Every file is written under a temporary name and renamed.

    Attributes:
        path: <results_dir>/<system>/<model>/<run id>.
        observers: called with the path of each file once it is in place; their errors are theirs.
    """

    path: Path
    observers: list[Callable[[Path], None]] = field(default_factory=list, compare=False)

    @classmethod
    def of(cls, config: RunConfig, run_id: str) -> RunFolder:
        """The folder of a run; nothing is made yet."""
        return cls(Path(config.results_dir) / config.system.name / config.model.name / run_id)

    @property
    def checkpoints(self) -> Path:
        """The folder of last.pt and best.pt, made on first use."""
        folder = self.path / "checkpoint"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def status(self) -> Status | None:
        """What status.json says; None where no run has started."""
        file = self.path / "status.json"
        return Status(json.loads(file.read_text())["status"]) if file.is_file() else None

    @property
    def reason(self) -> str:
        """Why the status is what it is; empty where there is nothing to say."""
        file = self.path / "status.json"
        return str(json.loads(file.read_text())["reason"]) if file.is_file() else ""

    def set_status(self, status: Status, reason: str = "") -> None:
        """Write status.json."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self.write_json("status.json", {"status": status.value, "reason": reason, "updated": now})

    def write_json(self, name: str, content: Any) -> Path:
        """Write plain types; NaN is refused, because it is no JSON and no number to report."""
        text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
        return self.write_text(name, text + "\n")

    def write_text(self, name: str, text: str) -> Path:
        """Write text."""
        return self.write_with(name, lambda path: path.write_text(text, encoding="utf-8"))

    def write_with(self, name: str, write: Callable[[Path], Any]) -> Path:
        """Let ``write`` fill a temporary file that is renamed to ``name`` once it is complete.

        Args:
            name: relative to the folder; the temporary file has the same suffix.
            write: called with the temporary path.
        """
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.stem}-{os.getpid()}{target.suffix}")
        try:
            write(temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        for observer in self.observers:
            observer(target)
        return target

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out of the folder.

        The kernel drops the lock with its process, so that a killed run leaves none behind.

        Raises:
            BenchError: another process is writing this run.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("a+") as lock:
            _acquire(lock.fileno(), self.path)
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Hold the lock and keep status.json true, however the block ends.

        Raises:
            KeyboardInterrupt: after Ctrl-C or SIGTERM.
            RunFailed: for ``Diverged`` and for any error that is not the user's; the traceback
                is in error.log.
        """
        with self.locked(), terminate_as_interrupt():
            self.set_status(Status.running)
            try:
                yield
            except (KeyboardInterrupt, Interrupted) as error:
                self.set_status(Status.interrupted, str(error) or "interrupted")
                raise KeyboardInterrupt(str(error)) from error
            except Diverged as error:
                self.set_status(Status.diverged, str(error))
                raise RunFailed(Status.diverged, str(error), self.path) from error
            except BenchError as error:
                self.set_status(Status.failed, str(error))
                raise
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                self.write_text("error.log", traceback.format_exc())
                self.set_status(Status.failed, reason)
                raise RunFailed(Status.failed, reason, self.path) from error
            self.set_status(Status.done)


def _acquire(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = (path / ".lock").read_text().strip()
        raise BenchError(
            f"{path} is being written by another process (pid {owner}).",
            "Wait for it, or stop it and give the same command again.",
        ) from None
    except OSError as error:
        raise BenchError(
            f"{path}: this file system cannot lock files ({error.strerror}).",
            "Choose a folder on another one: results_dir=FOLDER",
        ) from error
