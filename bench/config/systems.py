"""A system by its name, for verbs that train nothing and need no composition of a run."""

from __future__ import annotations

import yaml

from bench.config.catalogue import choices, folders
from bench.config.options import filled
from bench.config.schema import SystemConfig
from bench.errors import BenchError, nearest


def system_named(name: str) -> SystemConfig:
    """What conf/system/NAME.yaml says, the shipped one before the user's, as for a run.

    Raises:
        BenchError: there is no such system, or its file has a key that no system has.
    """
    known = choices("system")
    if name not in known:
        raise BenchError(f"system={name} does not exist.", nearest(name, known))
    paths = [folder / "system" / f"{name}.yaml" for folder in folders()]
    path = next(path for path in paths if path.is_file())
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return filled(SystemConfig, content, where=f"{path}: ", see="As in conf/system/pt_water.yaml.")
