"""``bench complete``: the shell completes verbs, keys and values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from typing import Any

from bench.commands import VERBS
from bench.commands.data import VERBS as DATA
from bench.config.catalogue import GROUPS, choices
from bench.config.key import Key, entries, key
from bench.config.options import call
from bench.config.schema import RunConfig
from bench.config.study import GROUP as STUDY
from bench.report.paper.registry import FIGURES
from bench.verbs import Verb

# Options whose values are names of files.
_NAMED: dict[str, Callable[[], Mapping[str, Any]]] = {
    STUDY: lambda: choices(STUDY),
    "figure": lambda: FIGURES,
}
# The line up to the cursor is asked about; where bash ends words at "=" only what follows counts.
SCRIPT = r"""
_bench() {
    local line="${COMP_LINE:0:$COMP_POINT}" IFS=$'\n'
    local current="${line##* }"
    COMPREPLY=($(bench complete line="$line" 2>/dev/null))
    if [[ "$current" == *=* && "$COMP_WORDBREAKS" == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${current%%=*}="}")
    fi
    if [[ "${COMPREPLY[*]}" == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o default -F _bench bench
"""


@dataclass
class Complete:
    """Let the shell complete verbs, keys and values with the tabulator.

    For bash, in ~/.bashrc:   eval "$(bench complete)"
    For zsh, in ~/.zshrc:     autoload -U bashcompinit && bashcompinit && eval "$(bench complete)"
    """

    line: str = key("", "what was typed up to the cursor; without it the script is printed")


def main(words: Sequence[str]) -> int:
    """Print the script, or what may follow a line."""
    return call(words, Complete, run, verb="bench complete")


def run(options: Complete) -> int:
    """Print the script, or what may follow a line, one word a line."""
    print("\n".join(following(options.line)) if options.line else SCRIPT.strip())
    return 0


def following(line: str) -> list[str]:
    """The words that may stand where a line ends.

    Args:
        line: begins with the name of the command; a space at its end begins a new word.
    """
    _, *words = line.split() or [""]
    current = "" if line.endswith(" ") or not words else words.pop()
    return sorted({word for word in _candidates(words, current) if word.startswith(current)})


def _candidates(words: Sequence[str], current: str) -> Iterator[str]:
    if words[:1] == ["data"]:
        yield from _after(words[1:], DATA, current)
    else:
        yield from _after(words, VERBS, current)


def _after(words: Sequence[str], verbs: Mapping[str, Verb], current: str) -> Iterator[str]:
    """Next words of a verb's name, or its options."""
    for name, verb in verbs.items():
        parts = name.split()
        if parts == list(words[: len(parts)]):
            yield from _options(verb.module, current)
        elif parts[: len(words)] == list(words):
            yield parts[len(words)]


def _options(module: str, current: str) -> Iterator[str]:
    """``key=`` of a verb's options; its allowed values once there is an equals sign."""
    kinds = options_of(module)
    for kind in kinds:
        for entry in entries(kind()):
            if entry.key.positional or entry.key.rest:
                yield from entry.key.choices
            elif entry.kind is bool:
                yield from _typed(entry.name, ("false", "true"), current)
            elif entry.name in _NAMED:
                yield from _typed(entry.name, _NAMED[entry.name](), current)
            else:
                yield from _typed(entry.name, entry.key.choices, current)
    if RunConfig in kinds:
        for group in GROUPS:
            yield from _typed(group, choices(group), current)
    if kinds == [RunConfig]:  # bench run -m
        yield from _typed(STUDY, choices(STUDY), current)


def _typed(name: str, values: Sequence[Any] | Mapping[str, Any], current: str) -> Iterator[str]:
    """A key, or with what is typed of it up to the last comma each of its values."""
    if not current.startswith(f"{name}="):
        yield f"{name}="
    else:
        begun = max(current.rfind("="), current.rfind(",")) + 1
        yield from (f"{current[:begun]}{value}" for value in values)


def options_of(module: str) -> list[type[Any]]:
    """The dataclasses whose keys a verb's module takes, those of a run among them."""
    if module == "bench.commands.run":
        return [RunConfig]
    found = [kind for kind in vars(import_module(module)).values() if _is_options(kind)]
    own = [kind for kind in found if kind.__module__ == module] or found
    rest = any(_known(item.metadata).rest for kind in own for item in fields(kind))
    return [*own, RunConfig] if rest else own


def _is_options(kind: Any) -> bool:
    return (
        isinstance(kind, type)
        and is_dataclass(kind)
        and all("key" in item.metadata for item in fields(kind))
    )


def _known(metadata: Mapping[Any, Any]) -> Key:
    known: Key = metadata["key"]
    return known
