"""What conf/ offers by name; reads a few short files and imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from bench.errors import BenchError
from bench.paths import shipped

GROUPS = ("model", "system", "training", "preset")
ON_SYSTEM = "preset_on_system"  # files PRESET_SYSTEM: what a preset is on one system


def folders() -> list[Path]:
    """Where named choices are: the shipped conf/, then the user's ./conf where it is another."""
    own, ours = Path("conf"), shipped("conf")
    return [ours, own] if own.is_dir() and own.resolve() != ours.resolve() else [ours]


def choices(group: str) -> dict[str, str]:
    """The names in a group, each with its one-line description, in order of the alphabet.

    The description is the key of that name or else the first comment of the file.

    Raises:
        BenchError: a file that is no YAML mapping.
    """
    files = {p.stem: p for folder in reversed(folders()) for p in (folder / group).glob("*.yaml")}
    return {name: _description(files[name]) for name in sorted(files)}


def presets() -> dict[str, str]:
    """The presets as one types them, with those of one system where they are others there.

    Raises:
        BenchError: as ``choices``.
    """
    everywhere, systems, files = choices("preset"), choices("system"), choices(ON_SYSTEM)
    there = {
        f"{preset} system={system}": files[f"{preset}_{system}"]
        for preset in everywhere
        for system in systems
        if f"{preset}_{system}" in files
    }
    return dict(sorted({**everywhere, **there}.items()))


def axes() -> dict[str, dict[str, str]]:
    """Of every model, where it lies in the design space.

    Raises:
        BenchError: as ``choices``.
    """
    files = {p.stem: p for folder in reversed(folders()) for p in (folder / "model").glob("*.yaml")}
    contents = {name: _content(files[name], _text(files[name])) for name in sorted(files)}
    return {name: content.get("axes") or {} for name, content in contents.items()}


def _description(path: Path) -> str:
    text = _text(path)
    comments = [line[1:].strip() for line in text.splitlines() if line.startswith("#")]
    comments = [line for line in comments if not line.startswith("@package")]
    return str(_content(path, text).get("description") or (comments or [""])[0])


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _content(path: Path, text: str) -> dict[str, Any]:
    """The keys of a file, none of an empty one; a group's own where the file sets others, too."""
    try:
        content = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise BenchError(f"{path} is no YAML: {error}") from error
    if not isinstance(content, dict):
        raise BenchError(f"{path} holds a {type(content).__name__}.", "Write lines of key: value.")
    own = content.get(path.parent.name)
    return own if isinstance(own, dict) else content
