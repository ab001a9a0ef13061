"""Help of a verb, made from the dataclass of its options."""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Iterable
from enum import Enum
from itertools import groupby
from typing import Any, get_origin

from omegaconf import MISSING

from bench.config.key import Entry, entries

COLUMN = 46  # where meanings begin
LONG = 24  # letters of a value
WIDTH = 100  # at most, and where nothing says how wide the output is


def explain(kind: type[Any], *, verb: str) -> str:
    """The help of a verb: how it is typed, what it does, its options.

    Args:
        kind: dataclass of the options; its docstring says what the verb does.
        verb: such as ``bench data build``.
    """
    options = list(entries(kind(), section="options"))
    plain = any(not (o.value == MISSING or o.key.positional) for o in options)
    words = [*filter(None, map(_usage, options)), *(["[KEY=VALUE ...]"] if plain else [])]
    usage = " ".join(["usage:", verb, *words])
    parts = [usage, inspect.getdoc(kind), *sections(options)]
    return "\n\n".join(filter(None, parts))


def sections(options: Iterable[Entry]) -> list[str]:
    """A paragraph for each section of consecutive keys, a line or more for each key."""
    paragraphs = []
    for section, members in groupby(options, key=lambda entry: entry.section):
        lines = [line for entry in members for line in _lines(entry)]
        paragraphs.append("\n".join([f"{section}:", *lines]))
    return paragraphs


def _usage(entry: Entry) -> str:
    """How a required or positional option is typed; nothing for another."""
    name, required = entry.name, entry.value == MISSING
    if entry.key.positional:
        word = f"{name.upper()} ..." if isinstance(entry.value, list) else name.upper()
        return word if required else f"[{word}]"
    return f"{name}=..." if required else ""


def _lines(entry: Entry) -> list[str]:
    unit = f"  [{entry.key.unit}]" if entry.key.unit else ""
    allowed = f" ({entry.key.allowed})" if entry.key.allowed else ""
    left = f"  {_typed(entry)}{unit}"
    width = min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH) - COLUMN
    right = textwrap.wrap(entry.key.meaning + allowed, max(width, 20))
    first = [left.ljust(COLUMN) + right.pop(0)] if len(left) < COLUMN - 1 else [left]
    return first + [" " * COLUMN + line for line in right]


def _typed(entry: Entry) -> str:
    """A key with its value, as one would type it."""
    if entry.key.positional or entry.key.rest:
        return entry.name.upper() if entry.key.positional else "KEY=VALUE"
    if get_origin(entry.kind) is dict:
        return f"{entry.name}.NAME=..."
    return f"{entry.name}={shown(entry.value)}"


def shown(value: Any) -> str:
    """A value as one would type it, a long text shortened."""
    if value == MISSING:
        return "..."
    if isinstance(value, list):
        return f"[{','.join(map(shown, value))}]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = value.name if isinstance(value, Enum) else str(value)
    return text if len(text) < LONG else f"{text[: LONG - 1]}…"
