"""How every point of the design space is drawn, the same in all figures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

# Okabe and Ito's colours without yellow, which white paper swallows.
BLACK, GREY, ORANGE, SKY = "#000000", "#7a7a7a", "#E69F00", "#56B4E9"
GREEN, BLUE, VERMILION, PURPLE = "#009E73", "#0072B2", "#D55E00", "#CC79A7"


class PointStyle(NamedTuple):
    """Colour, marker and line; no two points share all of them, nor colour and line."""

    color: str
    marker: str
    line: str


# From no electrostatics to self-consistency; a colour is shared by kin, told apart by the rest.
STYLES = {
    "short_range": PointStyle(BLACK, "o", "-."),
    "global_embedding": PointStyle(GREY, "s", "--"),
    "fixed_charge": PointStyle(ORANGE, "o", "-"),
    "split_charges": PointStyle(ORANGE, "s", "--"),
    "local_charges": PointStyle(SKY, "o", "-"),
    "les": PointStyle(SKY, "s", "--"),
    "polar": PointStyle(PURPLE, "D", "-"),
    "scf_qeq": PointStyle(VERMILION, "o", "-"),
    "scf_energy_functional": PointStyle(VERMILION, "s", "--"),
    "scf_fixed_point": PointStyle(BLUE, "^", "-"),
    "scf_response": PointStyle(GREEN, "o", "-"),
    "scf_levels": PointStyle(GREEN, "s", "--"),
}
_OTHERS = tuple(
    PointStyle(color, marker, ":")
    for marker in "Pv"
    for color in (PURPLE, BLUE, GREY, VERMILION, GREEN, SKY, ORANGE)
)


def styles(models: Iterable[str]) -> dict[str, PointStyle]:
    """Each model's style, in the order of the design space; those from outside come last."""
    names = set(models)
    known = {name: style for name, style in STYLES.items() if name in names}
    others = sorted(names - known.keys())
    return known | {name: _OTHERS[k % len(_OTHERS)] for k, name in enumerate(others)}
