"""``bench show``: what a run would be, without running it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from bench.config.compose import compose
from bench.config.key import key
from bench.config.options import call


@dataclass
class Show:
    """What a run would be, without running it: configuration, id, status, folder and time."""

    settings: list[str] = key([], "any of bench run --help", rest=True, optional=True)


def main(argv: Sequence[str]) -> int:
    """Print the composed configuration, its folder and how long it would take."""
    return call(argv, Show, show, verb="bench show")


def show(options: Show) -> int:
    """Print the run of these settings, and how long it would take here."""
    from bench.data.dataset import dataset_checksum, load_dataset
    from bench.models.registry import completed
    from bench.runs.folder import RunFolder
    from bench.runs.identity import identify, plain
    from bench.speed.estimate import estimate

    config = completed(compose(options.settings))
    folder = RunFolder.of(config, identify(config, dataset_checksum(config.system)).run_id)
    print(yaml.safe_dump(plain(config), sort_keys=False))
    print(f"run id    {folder.path.name}")
    print(f"status    {folder.status.value if folder.status else 'not started'}")
    print(f"folder    {folder.path}")
    dataset = load_dataset(config.system, seed=config.seed)
    print(f"estimate  {estimate(config, dataset)}")
    return 0
