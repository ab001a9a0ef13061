"""``bench list``: what there is to choose from, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from bench.config.catalogue import axes, choices, presets
from bench.config.key import key
from bench.config.options import call
from bench.config.schema import Axes
from bench.evaluate.registry import METRICS

KINDS = ("models", "systems", "presets", "studies", "metrics")


@dataclass
class List:
    """What there is to choose from, a line each; models alone as a table of the design space."""

    kinds: list[str] = key(
        [], "what to list; nothing: all", positional=True, optional=True, choices=KINDS
    )


def main(argv: Sequence[str]) -> int:
    """Print one kind, or all of them."""
    return call(argv, List, show, verb="bench list")


def show(options: List) -> int:
    """Print what was asked for."""
    if options.kinds == ["models"]:
        _print_axes()
        return 0
    for kind in options.kinds or KINDS:
        rows = _ROWS[kind]()
        width = max(map(len, rows), default=0)
        print(f"{kind}:")
        print("\n".join(f"  {name:<{width}}  {line}".rstrip() for name, line in rows.items()))
    return 0


def _print_axes() -> None:
    """The models as combinations of density source, response, energy and training mode."""
    names = [item.name for item in fields(Axes)]
    rows = [["model", *names]]
    rows += [[model, *(where.get(n, "") for n in names)] for model, where in axes().items()]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip())


def _metrics() -> dict[str, str]:
    return {m.name: f"[{m.unit or '1'}] {m.description}" for m in METRICS.values()}


_ROWS = {
    "models": lambda: choices("model"),
    "systems": lambda: choices("system"),
    "presets": presets,
    "studies": lambda: choices("study"),
    "metrics": _metrics,
}
