"""Options of ``bench data``: key=value words, typed by their defaults, typos refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.errors import BenchError, nearest

REQUIRED = object()
Range = tuple[float, float | None]  # least and greatest allowed value


def parse_options(
    words: Sequence[str],
    defaults: dict[str, Any],
    *,
    verb: str,
    prefixes: tuple[str, ...] = (),
    ranges: Mapping[str, Range] | None = None,
) -> dict[str, Any]:
    """Read ``key=value`` words.

    Args:
        words: what was typed after the verb.
        defaults: value by key; ``REQUIRED`` where there is none, ``int`` or ``float`` where a
            number is required. A value is converted to the type of its default (bool: true or
            false; str otherwise).
        verb: for messages.
        prefixes: keys that begin with one, such as ``map.``, are taken as text without a default.
        ranges: allowed numbers by key.

    Raises:
        BenchError: a word without "=", an unknown key, a missing or unreadable value, or one out of
            its range.
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
    missing = [key for key, value in values.items() if value in (REQUIRED, int, float)]
    if missing:
        raise BenchError(
            f"{verb}: {missing[0]}=... is missing.", f"Options: {', '.join(defaults)}."
        )
    for key, (least, greatest) in (ranges or {}).items():
        if values[key] < least or (greatest is not None and values[key] > greatest):
            upper = "or more" if greatest is None else f"to {greatest}"
            raise BenchError(f"{verb}: {key}={values[key]}.", f"Allowed: {least} {upper}.")
    return values


def whole_numbers(text: str, count: int, what: str) -> list[int]:
    """Positive whole numbers joined by x, such as the ``2x2`` of ``size=2x2``.

    Raises:
        BenchError: not ``count`` of them.
    """
    parts = text.split("x")
    if len(parts) != count or not all(part.isdecimal() and int(part) > 0 for part in parts):
        example = "x".join("2" * count)
        raise BenchError(
            f"{what}: {text!r} is not {count} positive numbers joined by x.", f"As in {example}."
        )
    return [int(part) for part in parts]


def _convert(key: str, text: str, default: Any, verb: str) -> Any:
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise BenchError(f"{verb}: {key}={text!r}.", "Allowed: true, false.")
        return text == "true"
    numeric = isinstance(default, int | float)
    kind = default if default in (int, float) else type(default) if numeric else str
    try:
        return kind(text)
    except ValueError as error:
        raise BenchError(f"{verb}: {key}={text!r} is no {kind.__name__}.") from error
