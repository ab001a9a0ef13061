"""Formation energies of charge states against the Fermi level, from their transition levels."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bench.evaluate.registry import FORMATION_ENERGY, RELAXED_LEVEL, TRANSITION_LEVEL, Family
from bench.report.drawing import NoData, panels
from bench.report.paper.caption import Drawing, counts
from bench.report.paper.lines import legend_below
from bench.report.paper.points import BLACK
from bench.report.paper.rows import Panel, in_units, row_figure
from bench.report.paper.scene import Scene

MARGIN = 1.0  # eV beyond the outermost levels
DFT = "DFT"
Array = NDArray[np.float64]
KINDS = {TRANSITION_LEVEL: "equal geometry", RELAXED_LEVEL: "each charge at its minimum"}


def draw(scene: Scene) -> Drawing:
    """The formation energy of the most stable charge, in DFT and in every model.

    Raises:
        NoData: no experiment has transition levels.
    """
    kinds = {
        "equal geometry\nover the neutral vacancy": _from_levels(scene, TRANSITION_LEVEL),
        "each charge at its minimum\nover the relaxed host": _from_energies(scene),
    }
    if kinds["each charge at its minimum\nover the relaxed host"].empty:
        kinds["each charge at its minimum\nover the neutral vacancy"] = _from_levels(
            scene, RELAXED_LEVEL
        )
    drawn = {text: table for text, table in kinds.items() if not table.empty}
    if not drawn:
        raise NoData("no charge states whose transition levels a model knows")
    figure, axes = panels(len(drawn), title=scene.title("formation energies"))
    for panel, (text, table) in zip(axes, drawn.items()):
        _draw(panel, scene, table)
        panel.set_title(text)
    axes[0].set_ylabel("formation energy (eV)")
    legend_below(figure, axes)
    stands = ", ".join(f"{text} {_stands(scene, family)}" for family, text in KINDS.items())
    says = [
        "Formation energy of the most stable charge against the Fermi level over the cell's "
        "average potential; means over geometries and seeds, corrected for periodic images alike "
        "in DFT and models (metrics transition_level_correction, relaxed_level_correction).",
        f"Geometries: {stands}.",
    ]
    shown = [label for label in scene.points if any(label in t.index for t in drawn.values())]
    return Drawing(figure, says, shown, intervals=False)


def draw_levels(scene: Scene) -> Drawing:
    """The transition levels themselves, with intervals.

    Raises:
        NoData: no experiment has any.
    """
    panels = [
        Panel(
            f"ε({subset.removeprefix('level=').replace('-', '−')}), {text}",
            in_units(family.unit, "level"),
            scene.values(family.name, subset),
            scene.reference(family.name, subset),
            error=False,
        )
        for family, text in KINDS.items()
        for subset in scene.subsets(family.name)
    ]
    figure, labels = row_figure(scene, panels, "transition levels")
    stands = ", ".join(f"{text} {_stands(scene, family)}" for family, text in KINDS.items())
    says = [
        "Fermi levels over the cell's average potential at which two charges of the vacancy have "
        "equal formation energies, corrected for periodic images. Line: DFT.",
        f"Geometries: {stands}. A dash: blind to the total charge.",
    ]
    return Drawing(figure, says, labels)


def _stands(scene: Scene, family: Family) -> str:
    subsets = scene.subsets(family.name)
    return counts(scene, family.name, subsets[0]) if subsets else "0"


def _from_levels(scene: Scene, family: Family) -> pd.DataFrame:
    """By label (and DFT) and charge: energies at ε_F = 0 over the neutral state, in eV.

    E(Q) − E(0) + ΔE + Q ε_F = Q (ε_F − ε(Q/0)), so that the levels ε(Q/0) say all of it.
    """
    columns: dict[float, pd.Series[float]] = {}
    for subset in scene.subsets(family.name):
        one, _, other = subset.removeprefix("level=").partition("/")
        if "0" in (one, other):
            charge = float(other if one == "0" else one)
            columns[charge] = -charge * _with_reference(scene, family.name, subset)
    table = pd.DataFrame(columns).dropna()
    return table.assign(**{"0": 0.0}).rename(columns=float) if len(columns) else table


def _from_energies(scene: Scene) -> pd.DataFrame:
    """The same over the relaxed host, of every relaxed charge."""
    name = FORMATION_ENERGY.name
    charges = [s for s in scene.subsets(name) if s.startswith("charge=")]
    columns = {float(s.removeprefix("charge=")): _with_reference(scene, name, s) for s in charges}
    return pd.DataFrame(columns).dropna()


def _with_reference(scene: Scene, name: str, subset: str) -> pd.Series[float]:
    means: pd.Series[float] = scene.values(name, subset)["mean"].copy()
    means.loc[DFT] = scene.reference(name, subset)
    return means


def _draw(axes: Axes, scene: Scene, table: pd.DataFrame) -> None:
    charges = np.array(table.columns, dtype=float)
    energies = table.to_numpy(dtype=float)
    crossings = [
        (energies[:, j] - energies[:, i]) / (charges[i] - charges[j])
        for i, j in combinations(range(len(charges)), 2)
    ]
    low, high = np.min(crossings), np.max(crossings)
    fermi = np.linspace(low - MARGIN, high + MARGIN, 500)
    for label in (label for label in scene.points if label in table.index):
        style = scene.style(label)
        stable = most_stable(fermi, charges, table.loc[label].to_numpy(dtype=float))
        axes.plot(fermi, stable, style.line, color=style.color, label=label)
    stable = most_stable(fermi, charges, table.loc[DFT].to_numpy(dtype=float))
    axes.plot(fermi, stable, "-", color=BLACK, linewidth=1.8, label=DFT, zorder=1)
    axes.set_xlabel("Fermi level (eV)")
    axes.margins(x=0.0)


def most_stable(fermi: Array, charges: Array, energies: Array) -> Array:
    """[m] the lowest of E(Q) + Q ε_F over the charges.

    Args:
        fermi: [m] ε_F in eV.
        charges: [c] in e.
        energies: [c] at ε_F = 0 in eV.
    """
    lowest: Array = (energies[:, None] + charges[:, None] * fermi).min(axis=0)
    return lowest
