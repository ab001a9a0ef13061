"""While a run computes: its lock is held and its status true, however it ends."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from bench.errors import BenchError, RunFailed
from bench.runs.folder import RunFolder, Status
from bench.signals import Interrupted, terminate_as_interrupt


@contextmanager
def recording(folder: RunFolder) -> Iterator[None]:
    """Hold the lock and write the status, whatever ends the block.

    Raises:
        KeyboardInterrupt: after Ctrl-C or SIGTERM.
        BenchError: the user's mistake.
        RunFailed: as it was raised in the block, or for any other error, whose traceback is kept.
    """
    with folder.locked(), terminate_as_interrupt():
        folder.write_status(Status.running)
        try:
            yield
        except (KeyboardInterrupt, Interrupted) as error:
            folder.write_status(Status.interrupted, str(error) or "interrupted")
            raise KeyboardInterrupt(str(error)) from error
        except RunFailed as error:
            folder.write_status(Status(error.status), error.reason)
            raise
        except BenchError as error:
            folder.write_status(Status.failed, str(error))
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            folder.write_error(traceback.format_exc())
            folder.write_status(Status.failed, reason)
            raise RunFailed(reason) from error
        folder.write_status(Status.done)
