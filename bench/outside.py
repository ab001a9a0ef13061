"""Code from outside of the package: ``model.point=package.module.Class`` and calculators.

A module is found in the current folder or among the installed packages; what the package has of
that name wins over the folder, as for any import of an installed command.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib.util import find_spec
from inspect import isclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from bench.errors import BenchError, nearest


def load_class(path: str) -> type[Any]:
    """The class that a dotted path names.

    Raises:
        BenchError: no such module or class, or a module that cannot be imported.
    """
    name, _, attribute = path.rpartition(".")
    if not _is_dotted(path) or not name:
        raise BenchError(f"model.point={path} is no class.", "Write package.module.Class.")
    module = _imported(name, f"model.point={path}")
    found = getattr(module, attribute, None)
    if not isclass(found):
        classes = [key for key, value in vars(module).items() if isclass(value)]
        raise BenchError(
            f"model.point={path}: {module.__file__} has no class {attribute}.",
            nearest(attribute, classes),
        )
    return found


def load_factory(path: str) -> Callable[..., Any]:
    """What ``package.module:name`` names: a function or a class.

    Raises:
        BenchError: no such module or name, or a module that cannot be imported.
    """
    name, colon, attribute = path.partition(":")
    if not colon or not _is_dotted(name) or not _is_dotted(attribute):
        raise BenchError(
            f"calculator={path} names no factory.", "Write package.module:function_or_class."
        )
    found: Any = _imported(name, f"calculator={path}")
    for part in attribute.split("."):
        names = [key for key, value in vars(found).items() if callable(value)]
        found = getattr(found, part, None)
        if not callable(found):
            raise BenchError(f"calculator={path}: {name} has no {part}.", nearest(part, names))
    return cast(Callable[..., Any], found)


def _is_dotted(path: str) -> bool:
    return all(part.isidentifier() for part in path.split("."))


def _imported(name: str, what: str) -> ModuleType:
    """A module in the current folder or installed; ``what`` is what the person typed."""
    _see_current_folder()
    try:
        return importlib.import_module(name)
    except Exception as error:  # whatever a module may do
        raise BenchError(
            f"{what}: {name} cannot be imported from {Path.cwd()} or the installed "
            f"packages: {type(error).__name__}: {error}",
            f"python -c 'import {name}' must work.",
        ) from error


def sources(path: str) -> list[Path]:
    """The files whose code decides what a class computes: its package without its tests.

    Raises:
        BenchError: no such package.
    """
    _see_current_folder()
    top = path.partition(".")[0]
    spec = find_spec(top)
    if spec is None:
        raise BenchError(f"{path}: there is no package {top}.", "Is it installed?")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not folders:
        return [Path(spec.origin)] if spec.origin and spec.has_location else []
    found = (file for folder in folders for file in folder.rglob("*.py"))
    return sorted(f for f in found if not f.stem.startswith("test") and f.parent.name != "tests")


def _see_current_folder() -> None:
    """As ``python -m`` does, but after everything else: a folder's file hides no library."""
    folder = str(Path.cwd())
    if folder not in sys.path and "" not in sys.path:
        sys.path.append(folder)
        importlib.invalidate_caches()
