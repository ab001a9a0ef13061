"""Tables of verbs: a line about each, and the module that does it, imported when it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NamedTuple

from bench.errors import BenchError, nearest

HELP = ("-h", "--help")


class Verb(NamedTuple):
    """A module whose ``main(words) -> int`` does the work, and one line about it."""

    module: str
    description: str


def dispatch(
    words: Sequence[str], verbs: Mapping[str, Verb], *, command: str, about: str, more: str = ""
) -> int:
    """Do the verb that the words begin with, of one word or two; alone, tell what there is.

    Args:
        words: what was typed after the command.
        verbs: by name.
        command: such as ``bench data``, for help and messages.
        about: what the command is for.
        more: text at the end of its help.

    Returns:
        The verb's exit code.

    Raises:
        BenchError: there is no such verb, or the verb's.
    """
    if not words or words[0] in HELP:
        print("\n\n".join(filter(None, [overview(verbs, command=command, about=about), more])))
        return 0
    for count in (1, 2):
        name = " ".join(words[:count])
        if name in verbs:
            return int(import_module(verbs[name].module).main(words[count:]) or 0)
    first = words[0]
    within = {name: verb for name, verb in verbs.items() if name.startswith(f"{first} ")}
    if within and not set(HELP).isdisjoint(words):
        print(overview(within, command=command, about=about))
        return 0
    typed = " ".join(words[:2]) if within else first
    raise BenchError(f"{command} {typed} does not exist.", nearest(typed, within or verbs))


def overview(verbs: Mapping[str, Verb], *, command: str, about: str) -> str:
    """What a command is for, and a line for each of its verbs."""
    width = max(map(len, verbs))
    lines = "\n".join(f"  {name:<{width}}  {verb.description}" for name, verb in verbs.items())
    return (
        f"usage: {command} VERB [KEY=VALUE ...]\n\n{about}\n\n{lines}\n\n"
        f"Each verb explains itself: {command} {next(iter(verbs))} --help"
    )
