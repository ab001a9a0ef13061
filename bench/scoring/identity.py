"""What tells two outsiders' predictions apart: the code and the files that they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.outside import load_factory, sources

ATOMIC, BASELINE, NONE = "atomic_energies", "baseline", "none"
ALIGNMENTS = (ATOMIC, BASELINE, NONE)


def of_file(path: Path) -> str:
    """Ten hexadecimal digits of a file.

    Raises:
        BenchError: there is none.
    """
    if not path.is_file():
        raise BenchError(f"{path} does not exist.")
    return _hash([path.read_bytes()])


def of_calculator(path: str, arguments: Mapping[str, Any]) -> str:
    """Ten hexadecimal digits over a factory's package and the files that its arguments name.

    Args:
        path: ``package.module:factory``.
        arguments: of the factory.

    Raises:
        BenchError: no such factory.
    """
    load_factory(path)
    code = sources(path.partition(":")[0])
    return _hash(file.read_bytes() for file in [*code, *files_among(arguments)])


def files_among(arguments: Mapping[str, Any]) -> list[Path]:
    """Files that the values of arguments name, such as a model's weights."""
    values = [v for value in arguments.values() for v in _listed(value)]
    return [Path(value) for value in values if isinstance(value, str) and Path(value).is_file()]


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]


def _hash(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:10]
