"""Words of the command line in Hydra's grammar, where a text is what was typed.

Hydra wants a value with ö, =, #, ( or the like in quotes inside those of the shell.  Nobody knows
that of a folder's name, so such values are quoted here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from bench.config.schema import RunConfig


def as_typed(words: Sequence[str], *, sweeps: bool = False) -> list[str]:
    """The same words, with values of text keys in quotes where Hydra would read something else.

    Quotes of the user's and interpolations (``${...}``) stay what they are.

    Args:
        words: overrides, such as ``results_dir=~/Größe (2)``.
        sweeps: whether ``a,b`` is two values; otherwise it is a text with a comma.
    """
    return [_as_typed(word, sweeps) for word in words]


def quoted(text: str) -> str:
    """The text as a value that Hydra reads back as it is."""
    return QuotedString(text, Quote.double).with_quotes()


def _as_typed(word: str, sweeps: bool) -> str:
    key, equals, text = word.partition("=")
    if not equals or key.lstrip("+") not in text_keys():
        return word
    home = text == "~" or text.startswith("~/")
    if not home and _is_read_as(text, word, sweeps):
        return word
    return f"{key}={quoted(str(Path(text).expanduser()) if home else text)}"


def _is_read_as(text: str, word: str, sweeps: bool) -> bool:
    """Whether Hydra reads the word as this text, or as more than a text."""
    try:
        override = OverridesParser.create().parse_override(word)
    except HydraException:
        return False
    value: Any = override.value()
    if override.is_sweep_override():
        return sweeps
    return text[:1] in ('"', "'") or "${" in text or (isinstance(value, str) and value == text)


@cache
def text_keys() -> frozenset[str]:
    """Dotted keys of a run whose value is a text."""

    def walk(kind: type, prefix: str) -> Iterator[str]:
        kinds = get_type_hints(kind)
        for item in fields(kind):
            if kinds[item.name] is str:
                yield prefix + item.name
            elif is_dataclass(kinds[item.name]):
                yield from walk(kinds[item.name], f"{prefix}{item.name}.")

    return frozenset(walk(RunConfig, ""))
