"""While a run computes: its lock is held and its status true, however it ends."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bench.errors import BenchError, RunFailed, system_error
from bench.runs.folder import RunFolder, Status
from bench.signals import Interrupted, terminate_as_interrupt


@contextmanager
def recording(folder: RunFolder) -> Iterator[bool]:
    """Hold the lock and write the status, whatever ends the block.

    Gives whether there is anything left to do: another process may have done it since one looked.

    Raises:
        Busy: another process computes the run.
        KeyboardInterrupt: after Ctrl-C or SIGTERM.
        BenchError: the user's mistake.
        RunFailed: as it was raised in the block, or for any other error, whose traceback is kept.
    """
    with folder.locked(), terminate_as_interrupt():
        if folder.status is Status.done:
            yield False
            return
        folder.write_status(Status.running)
        try:
            yield True
        except (KeyboardInterrupt, Interrupted) as error:
            _end(folder, Status.interrupted, str(error) or "interrupted")
            raise KeyboardInterrupt(str(error)) from error
        except RunFailed as error:
            _end(folder, Status(error.status), error.reason)
            raise
        except BenchError as error:
            _end(folder, Status.failed, str(error))
            raise
        except Exception as error:
            told = system_error(error)[0] if isinstance(error, OSError) else ""
            reason = told or f"{type(error).__name__}: {error}"
            _end(folder, Status.failed, reason, traceback.format_exc())
            raise RunFailed(reason) from error
        folder.write_status(Status.done)


def _end(folder: RunFolder, status: Status, reason: str, trace: str = "") -> None:
    """Note how the run ended.

    A disk that takes nothing any longer must not hide why: without its lock such a run counts as
    interrupted, and the same command resumes it.
    """
    with suppress(OSError):
        folder.write_status(status, reason)
        if trace:
            folder.write_error(trace)
