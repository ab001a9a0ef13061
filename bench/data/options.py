"""Options of ``bench data``: key=value words, typed by their defaults, typos refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.errors import BenchError, nearest

REQUIRED = object()


def parse_options(
    words: Sequence[str],
    defaults: dict[str, Any],
    *,
    verb: str,
    prefixes: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Read ``key=value`` words.

    Args:
        words: what was typed after the verb.
        defaults: value by key; ``REQUIRED`` where there is none. A value is converted to the type
            of its default (bool: true or false; str otherwise).
        verb: for messages.
        prefixes: keys that begin with one, such as ``map.``, are taken as text without a default.

    Raises:
        BenchError: a word without "=", an unknown key, a missing or unreadable value.
    """
    values = dict(defaults)
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise BenchError(f"{verb}: {word!r} is no key=value.", nearest(key, defaults))
        if key.startswith(prefixes):
            values[key] = text
        elif key not in defaults:
            raise BenchError(f"{verb}: {key!r} is no option.", nearest(key, defaults))
        else:
            values[key] = _convert(key, text, defaults[key], verb)
    missing = [key for key, value in values.items() if value is REQUIRED]
    if missing:
        raise BenchError(
            f"{verb}: {missing[0]}=... is missing.", f"Options: {', '.join(defaults)}."
        )
    return values


def _convert(key: str, text: str, default: Any, verb: str) -> Any:
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise BenchError(f"{verb}: {key}={text!r}.", "Allowed: true, false.")
        return text == "true"
    kind = type(default) if isinstance(default, int | float) else str
    try:
        return kind(text)
    except ValueError as error:
        raise BenchError(f"{verb}: {key}={text!r} is no {kind.__name__}.") from error
