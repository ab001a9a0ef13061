"""``bench data import``: a system from a file of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.config.options import call
from bench.errors import BenchError
from bench.reference.import_options import Import

if TYPE_CHECKING:
    from bench.data.dataset import Dataset


def main(words: Sequence[str]) -> int:
    """Import one file; 0 when ``bench run`` will accept the system, 1 where it would not."""
    return call(words, Import, run, verb="bench data import")


def run(options: Import) -> int:
    """Import, and say what was made of the file and which command trains on it."""
    from bench.config.schema import SystemConfig
    from bench.data.dataset import load_dataset
    from bench.reference.importer import import_file

    folder = import_file(options)
    dataset = load_dataset(SystemConfig(name=options.name, path=str(folder)))
    print("\n".join(dataset.summary()))
    command = f"bench run system={options.name}"
    try:
        print(f"{command} takes {rehearsed(dataset)}")
    except BenchError as error:
        print(f"{command} would be refused: {error}")
        return 1
    print(f"{folder}: {command}")
    return 0


def rehearsed(dataset: Dataset) -> str:
    """How long the default run on a data set takes, from a few steps of it.

    Raises:
        BenchError: what that run would refuse.
    """
    from bench.config.compose import compose
    from bench.models.registry import completed
    from bench.speed.estimate import estimate

    return str(estimate(completed(compose([f"system={dataset.name}"])), dataset))
