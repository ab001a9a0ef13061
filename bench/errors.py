"""Mistakes a user can make, told in a way that the user can mend them."""

from __future__ import annotations

import difflib
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


def nearest(name: str, allowed: Iterable[str]) -> str:
    """The allowed names, the one most alike first: ``did you mean 'x'? allowed: ...``."""
    allowed = sorted(allowed)
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
    guess = f"Did you mean '{close[0]}'? " if close else ""
    return f"{guess}Allowed: {', '.join(allowed)}."
