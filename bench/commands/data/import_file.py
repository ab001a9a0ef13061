"""``bench data import``: a system from a file of one's own."""

from __future__ import annotations

from collections.abc import Sequence

from bench.config.options import call
from bench.reference.import_options import Import


def main(words: Sequence[str]) -> int:
    """Import one file; 0 when ``bench run`` will accept the system."""
    return call(words, Import, run, verb="bench data import")


def run(options: Import) -> int:
    """Import, and say what was made of the file and which command trains on it."""
    from bench.config.schema import SystemConfig
    from bench.data.dataset import load_dataset
    from bench.reference.importer import import_file

    folder = import_file(options)
    print("\n".join(load_dataset(SystemConfig(name=options.name, path=str(folder))).summary()))
    print(f"{folder}: bench run system={options.name}")
    return 0
