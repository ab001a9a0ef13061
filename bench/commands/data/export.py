"""``bench data export``: the splits of a system as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from bench.config.key import key
from bench.config.options import call


@dataclass
class Export:
    """The splits of a system as extxyz files, to train or to predict elsewhere.

    bench data export system=pt_water out=splits
    mace_run_train --train_file=splits/train.extxyz --valid_file=splits/valid.extxyz ...

    bench evaluate scores what comes back.
    """

    system: str = key(MISSING, "any that bench run takes")
    out: str = key("", "folder of the files; empty: SYSTEM-splits here")


def main(words: Sequence[str]) -> int:
    """Write the files and print their names."""
    return call(words, Export, run, verb="bench data export")


def run(options: Export) -> int:
    """Write the files and print their names."""
    from bench.reference.splits import export

    for path in export(options.system, Path(options.out or f"{options.system}-splits")):
        print(path)
    return 0
