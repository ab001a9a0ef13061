"""Sweeps under a name: ``conf/study/NAME.yaml`` holds the parameters of Hydra's sweeper.

``bench run -m study=NAME`` is the sweep that they write out; what is typed beside it wins.  A study
that is no single product of lists has ``parts``, which are run in their order: names of others, or
what its own parameters are there, beside or in place of those of all its parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from bench.config.catalogue import choices, folders
from bench.errors import BenchError, nearest

GROUP = "study"


def written_out(words: Sequence[str]) -> list[list[str]]:
    """The words of each sweep that was typed: one, or those of the parts of a study.

    Args:
        words: overrides, perhaps with ``study=NAME`` or ``study=NAME,NAME``.

    Raises:
        BenchError: a study that does not exist or whose file holds no sweep.
    """
    named = [word for word in words if _key(word) == GROUP]
    typed = [word for word in words if word not in named]
    if not named:
        return [typed]
    names = [name for word in named for name in word.partition("=")[2].split(",")]
    keys = {_key(word) for word in typed}
    return [
        [*(word for word in sweep if _key(word) not in keys), *typed]
        for name in names
        for sweep in sweeps(name)
    ]


def sweeps(name: str, above: tuple[str, ...] = ()) -> list[list[str]]:
    """The words of every sweep of a study, in their order.

    Args:
        name: of the study.
        above: studies that it is a part of.

    Raises:
        BenchError: it does not exist, holds no sweep or is a part of itself.
    """
    known = choices(GROUP)
    if name not in known:
        raise BenchError(f"study={name} does not exist.", nearest(name, known))
    path = _file(name)
    if name in above:
        raise BenchError(f"{path}: study={name} is a part of itself.")
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    try:
        params = content["hydra"]["sweeper"]["params"] if "hydra" in content else {}
        parts = content.get("parts") or [{}]
        if not params and parts == [{}]:
            raise KeyError("hydra")
        return [words for part in parts for words in _of_part(part, params, (*above, name))]
    except (KeyError, TypeError, AttributeError) as error:
        raise BenchError(
            f"{path} holds no sweep.",
            "hydra: {sweeper: {params: {model: 'a,b', seed: '0,1'}}}, or parts: [STUDY, STUDY].",
        ) from error


def _of_part(part: Any, params: dict[str, Any], above: tuple[str, ...]) -> list[list[str]]:
    """The sweeps of a named study, or the one that a mapping makes of the parameters."""
    if not isinstance(part, dict):
        return sweeps(str(part), above)
    return [[f"{key}={_values(value)}" for key, value in {**params, **part}.items()]]


def _file(name: str) -> Path:
    files = [folder / GROUP / f"{name}.yaml" for folder in reversed(folders())]
    return next(path for path in files if path.is_file())


def _values(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _key(word: str) -> str:
    return word.lstrip("+").partition("=")[0]
