"""Mistakes a user can make, told in a way that the user can mend them."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable


class BenchError(Exception):
    """A user's mistake: shown without a traceback, exit code 2.

    Args:
        problem: what is wrong and where (file, key, structure index), with the offending value.
        mend: what to do about it; a command where one exists.
    """

    def __init__(self, problem: str, mend: str = "") -> None:
        super().__init__(f"{problem}\n{mend}" if mend else problem)
        self.problem = problem
        self.mend = mend


class Busy(BenchError):
    """Another process writes what was asked for."""


class RunFailed(Exception):
    """A run that ended without numbers, through no mistake of the user's: exit code 1.

    Args:
        reason: one line.
    """

    status = "failed"

    def __str__(self) -> str:
        return f"{self.status}: {super().__str__()}"

    @property
    def reason(self) -> str:
        """Why, without the status."""
        return super().__str__()


class Diverged(RunFailed):
    """Training left the finite numbers; the same command would do so again."""

    status = "diverged"


def nearest(name: str, allowed: Iterable[str]) -> str:
    """The allowed names, the one most alike first: ``did you mean 'x'? allowed: ...``."""
    if not (allowed := sorted(allowed)):
        return "There are none."
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
    guess = f"Did you mean '{close[0]}'? " if close else ""
    return f"{guess}Allowed: {', '.join(allowed)}."


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_BROKEN = (errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE)
_NO_PLACE = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)
_MENDS = {
    _FULL: "Make room, or write elsewhere, and give the same command again: it resumes.",
    _CLOSED: "Choose a folder that you may write to; for a run: results_dir=FOLDER.",
    _BROKEN: "Give the same command again once the machine is well: it resumes.",
    _NO_PLACE: "Choose another place; for a run: results_dir=FOLDER.",
}


def system_error(error: OSError) -> tuple[str, int]:
    """A sentence on what the operating system refuses, with its mend, and the exit code.

    A disk that is full, closed or broken is the machine's fault, 1; a place that cannot be is the
    user's mistake, 2.  The sentence is empty for any other error.

    Args:
        error: from any depth.
    """
    for numbers, mend in _MENDS.items():
        if error.errno in numbers:
            place = f": {error.filename}" if error.filename else ""
            return f"{error.strerror}{place}.\n{mend}", 2 if numbers is _NO_PLACE else 1
    return "", 1
