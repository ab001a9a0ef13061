"""``bench data audit``: whether a system keeps its promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from bench.config.key import key
from bench.config.options import call


@dataclass
class Audit:
    """Counts, ranges, leakage, sum rules and outliers of a system; exit code 1 on a violation."""

    system: str = key(MISSING, "any that bench run takes")
    figure: str = key("", "file of a picture, such as audit.png")


def main(words: Sequence[str]) -> int:
    """Audit; 1 if a promise is broken."""
    return call(words, Audit, run, verb="bench data audit")


def run(options: Audit) -> int:
    """Print the audit, and draw it where asked."""
    from bench.audit.audit import report

    figure = Path(options.figure) if options.figure else None
    return report(options.system, figure)
