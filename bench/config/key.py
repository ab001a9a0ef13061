"""A key of a configuration: meaning, unit and allowed values stand beside its default.

``key`` writes them into the metadata of a dataclass field, where the check of values, the help of
every verb and the documentation find them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from typing import Any, get_type_hints

from bench.errors import BenchError, nearest


@dataclass(frozen=True)
class Key:
    """What is known of a key beside its name, type and default.

    Attributes:
        meaning: one line.
        unit: of a number; empty where it has none.
        group: heading of keys that belong together, such as the backbone's.
        least, most: smallest and largest allowed number.
        above, below: bounds that are not allowed themselves.
        choices: allowed words or numbers; with a pattern, examples of them.
        pattern: regular expression that a word has to match as a whole.
        optional: whether a list may be empty.
        positional: whether words without "=" are values of it.
        rest: whether it takes the words that no other key takes.
    """

    meaning: str
    unit: str = ""
    group: str = ""
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[Any, ...] = ()
    pattern: str = ""
    optional: bool = False
    positional: bool = False
    rest: bool = False

    @property
    def allowed(self) -> str:
        """The choices, or the range in words such as ``positive, at most 1``; else nothing."""
        if self.choices:
            return ", ".join(map(str, self.choices))
        bounds = (
            (self.above, "positive" if self.above == 0 else "above {}"),
            (self.least, "zero or more" if self.least == 0 else "{} or more"),
            (self.most, "at most {}"),
            (self.below, "below {}"),
        )
        return ", ".join(words.format(bound) for bound, words in bounds if bound is not None)

    def admits(self, number: float) -> bool:
        """Whether a number is finite and within the bounds."""
        return (
            math.isfinite(number)
            and (self.least is None or number >= self.least)
            and (self.most is None or number <= self.most)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )


@dataclass(frozen=True)
class Entry:
    """A key where it stands.

    Attributes:
        name: dotted.
        kind: its type.
        value: as it is there.
        key: what is known of it.
        section: heading of the keys it stands among.
    """

    name: str
    kind: Any
    value: Any
    key: Key
    section: str = ""


def key(default: Any, meaning: str, unit: str = "", **known: Any) -> Any:
    """A dataclass field with all that is known of it.

    Args:
        default: value; a dataclass for a key that holds others; ``omegaconf.MISSING`` where
            a value has to be given.
        meaning: one line.
        unit: of a number.
        known: further attributes of ``Key``.
    """
    metadata = {"key": Key(meaning, unit, **known)}
    if isinstance(default, type):
        return field(default_factory=default, metadata=metadata)
    if isinstance(default, list | dict):
        return field(default_factory=lambda: deepcopy(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def entries(node: Any, prefix: str = "", section: str = "") -> Iterator[Entry]:
    """Every key of a dataclass instance, those of the dataclasses it holds in their place."""
    kinds = get_type_hints(type(node))
    for item in fields(node):
        name, value, known = prefix + item.name, getattr(node, item.name), item.metadata["key"]
        if is_dataclass(value):
            yield from entries(value, f"{name}.", f"{name}: {known.meaning}")
        else:
            kind = kinds[item.name]
            place = ": ".join(filter(None, [prefix[:-1], known.group])) if known.group else section
            yield Entry(name, kind, value, _with_choices(known, kind), place)


def keys_in(kind: type, *groups: str) -> frozenset[str]:
    """The names of a dataclass's own keys that stand in one of the groups."""
    return frozenset(item.name for item in fields(kind) if item.metadata["key"].group in groups)


def check(node: Any, where: str = "") -> None:
    """Refuse values that a key does not allow.

    Args:
        node: dataclass instance.
        where: what a message begins with, before the name.

    Raises:
        BenchError: the first of them, with its key and what is allowed.
    """
    for entry in entries(node, where):
        is_list = isinstance(entry.value, list)
        if is_list and not entry.value and not entry.key.optional:
            raise _out_of_range(entry)
        for value in entry.value if is_list else [entry.value]:
            _check_value(entry, value)


def _check_value(entry: Entry, value: Any) -> None:
    known, words = entry.key, [str(choice) for choice in entry.key.choices]
    if isinstance(value, Enum | bool) or value is None:
        return
    if known.pattern:
        if not re.fullmatch(known.pattern, value):
            raise BenchError(f"{entry.name}={value} is not known.", nearest(value, words))
    elif words:
        if str(value) not in words:
            raise BenchError(f"{entry.name}={value} is not known.", nearest(str(value), words))
    elif isinstance(value, int | float) and not known.admits(value):
        raise _out_of_range(entry)


def _out_of_range(entry: Entry) -> BenchError:
    number = entry.key.allowed or "finite"
    wanted = f"a list of numbers, each {number}" if isinstance(entry.value, list) else number
    unit = f", in {entry.key.unit}" if entry.key.unit else ""
    return BenchError(f"{entry.name}={entry.value} must be {wanted}{unit}.")


def _with_choices(known: Key, kind: Any) -> Key:
    """The key with the members of its enumeration as choices."""
    members = kind if isinstance(kind, type) and issubclass(kind, Enum) else ()
    return replace(known, choices=tuple(m.name for m in members)) if members else known
