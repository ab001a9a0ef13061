"""The words of a verb, ``key=value``, into the dataclass that declares its options.

Values are read by Hydra's override grammar, as those of ``bench run``, and typed by OmegaConf; an
option that is a text takes what was typed as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar, cast, get_origin, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bench.config.help import explain
from bench.config.key import Key, check
from bench.errors import BenchError, nearest
from bench.verbs import HELP

Options = TypeVar("Options")
_EQUALS = re.compile(r"[^\s'\"()\[\]{}]*=[^\s'\"()\[\]{}]*")  # neither quotes nor brackets


def call(
    words: Sequence[str],
    kind: type[Options],
    do: Callable[[Options], int],
    *,
    verb: str,
    more: Callable[[], str] = str,
) -> int:
    """What every verb does with its words: explain itself, or read them and do its work.

    Args:
        words: what was typed after the verb.
        kind: dataclass with fields by ``bench.config.key.key``; its docstring begins the help.
        do: the work; returns the exit code.
        verb: such as ``bench data build``, for help and messages.
        more: text at the end of the help.

    Raises:
        BenchError: as ``parse``, or of the work.
    """
    if not set(HELP).isdisjoint(words):
        print("\n\n".join(filter(None, [explain(kind, verb=verb), more()])))
        return 0
    return do(parse(words, kind, verb=verb))


def parse(words: Sequence[str], kind: type[Options], *, verb: str) -> Options:
    """The options that were typed; of a key that is given twice the last.

    Raises:
        BenchError: no key=value, an unknown key, a missing or unreadable value, or one that the
            key does not allow.
    """
    values = _sorted(words, kind, verb)
    return filled(kind, values, where=f"{verb}: ", see=f"See {verb} --help")


def filled(kind: type[Options], values: Mapping[str, Any], *, where: str, see: str) -> Options:
    """A dataclass with values by name, each converted to its type and checked.

    Args:
        kind: dataclass with fields by ``bench.config.key.key``.
        values: by name of a field.
        where: what a message begins with, before the name.
        see: what helps where a value is missing.

    Raises:
        BenchError: an unknown name, a missing value, one of the wrong type or not allowed.
    """
    node, known = OmegaConf.structured(kind), [item.name for item in fields(cast(Any, kind))]
    for name, value in values.items():
        if name not in known:
            raise BenchError(f"{where}{name} does not exist.", nearest(str(name), known))
        try:
            node[name] = value
        except OmegaConfBaseException as error:
            reason = str(error).splitlines()[0]
            raise BenchError(f"{where}{name}={value} cannot be used: {reason}.") from error
    missing = OmegaConf.missing_keys(node)
    if names := [name for name in known if name in missing]:
        told = ", ".join(f"{name}=..." for name in names)
        raise BenchError(f"{where}{told} {'is' if len(names) == 1 else 'are'} missing.", see)
    options = cast(Options, OmegaConf.to_object(node))
    check(options, where)
    return options


def _sorted(words: Sequence[str], kind: type[Any], verb: str) -> dict[str, Any]:
    """The value that the words give to each option."""
    keys: dict[str, Key] = {item.name: item.metadata["key"] for item in fields(kind)}
    kinds = get_type_hints(kind)
    positional = next((name for name, known in keys.items() if known.positional), "")
    rest = next((name for name, known in keys.items() if known.rest), "")
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        head, _, part = name.partition(".")
        if word.startswith("-"):
            raise BenchError(
                f"{verb}: {word} does not exist; options are written key=value.",
                nearest(name.strip("-"), keys),
            )
        holds_parts = head in kinds and get_origin(kinds[head]) is dict
        if equals and part and holds_parts:
            values.setdefault(head, {})[part] = text
        elif equals and name in keys and not holds_parts:
            values[name] = _value(kinds[name], text, word)
        elif not equals and get_origin(kinds.get(positional)) is list:
            values.setdefault(positional, []).append(word)
        elif not equals and positional not in ("", *values):
            values[positional] = word
        elif rest:
            values.setdefault(rest, []).append(word)
        else:
            what = f"the key {name} does not exist" if equals else f"{word} is no key=value"
            raise BenchError(f"{verb}: {what}.", nearest(name, keys))
    return values


def _value(kind: Any, text: str, word: str) -> Any:
    """What was typed for an option, of which a list may be written ``a,b`` or ``[a,b]``."""
    if kind is str:
        return text
    if get_origin(kind) is list and _EQUALS.fullmatch(text):  # charge=*, which the grammar refuses
        return text.split(",")
    value = _read(word)
    return [value] if get_origin(kind) is list and not isinstance(value, list) else value


def read_word(text: str) -> Any:
    """A value of no declared type: number, truth value, null or list where it reads as one.

    Anything else is a text as it was typed.
    """
    try:
        return _read(f"word={text}")
    except BenchError:
        return text


def _read(word: str) -> Any:
    """The value of ``name=value``, a list where there are several.

    Raises:
        BenchError: Hydra's grammar has no such value.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(word)
        several = override.is_sweep_override()
        return list(override.sweep_iterator()) if several else override.value()
    except HydraException as error:
        raise BenchError(f"{word} cannot be read: {str(error).splitlines()[0]}.") from error


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
