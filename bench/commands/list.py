"""``bench list``: what there is to choose from, one line each."""

from __future__ import annotations

from dataclasses import fields

from bench.config.catalogue import axes, choices
from bench.config.schema import Axes
from bench.errors import BenchError, nearest
from bench.evaluate.registry import METRICS


def main(argv: list[str]) -> int:
    """Print one kind, or all of them."""
    if argv[:1] in (["-h"], ["--help"]):
        print(f"bench list [{'|'.join(_KINDS)}]: all of them, or one kind, a line each")
        return 0
    kinds = argv or list(_KINDS)
    for kind in kinds:
        if kind not in _KINDS:
            raise BenchError(f"bench list {kind} does not exist.", nearest(kind, _KINDS))
    if argv == ["models"]:
        _print_axes()
        return 0
    for kind in kinds:
        rows = _KINDS[kind]()
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


_KINDS = {
    "models": lambda: choices("model"),
    "systems": lambda: choices("system"),
    "presets": lambda: choices("preset"),
    "metrics": _metrics,
}
