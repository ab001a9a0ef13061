"""Formation energies of charge states against the Fermi level, from their transition levels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bench.evaluate.charge_groups import ChargeStates, charge_groups
from bench.evaluate.registry import FORMATION_ENERGY, RELAXED_LEVEL, TRANSITION_LEVEL
from bench.evaluate.transition_levels import correction
from bench.report.drawing import NoData, panels
from bench.report.paper.caption import Drawing, counts
from bench.report.paper.lines import legend_below
from bench.report.paper.points import BLACK
from bench.report.paper.rows import Panel, in_units, row_figure
from bench.report.paper.scene import CHARGE, Scene

MARGIN = 1.0  # eV beyond the outermost levels
DFT = "DFT"
Array = NDArray[np.float64]
KINDS = {TRANSITION_LEVEL: "equal geometry", RELAXED_LEVEL: "each charge at its minimum"}


@dataclass(frozen=True)
class Diagram:
    """What one panel is drawn from.

    Attributes:
        title: of the panel.
        energies: by label, and DFT, and charge: at ε_F = 0, in eV.
    """

    title: str
    energies: pd.DataFrame


def draw(scene: Scene) -> Drawing:
    """The formation energy of the most stable charge, in DFT and in every model.

    Raises:
        NoData: no experiment has transition levels, or none has kept its predictions.
    """
    drawn = [d for d in (*_equal_geometry(scene), _relaxed(scene)) if not d.energies.empty]
    if not drawn:
        raise NoData("no charge states whose transition levels a model knows")
    figure, axes = panels(len(drawn), title=scene.title("formation energies"))
    for panel, diagram in zip(axes, drawn):
        _draw(panel, scene, diagram.energies)
        panel.set_title(diagram.title)
    axes[0].set_ylabel("formation energy (eV)")
    legend_below(figure, axes)
    shown = [label for label in scene.points if any(label in d.energies.index for d in drawn)]
    says = [
        "Formation energy of the most stable charge against the Fermi level over the cell's "
        "average potential; means over geometries and seeds, corrected for periodic images alike "
        "in DFT and models (metrics transition_level_correction, relaxed_level_correction).",
        "A panel stands on the geometries that have all of its charges; in the figure of "
        "transition levels each level stands on all geometries that have its two.",
        *_why_not_relaxed(scene),
    ]
    return Drawing(figure, says, shown, intervals=False)


def draw_levels(scene: Scene) -> Drawing:
    """The transition levels themselves, with intervals.

    Raises:
        NoData: no experiment has any.
    """
    panels = [
        Panel(
            f"{_level(subset)}\n{text}\ngeometries: {counts(scene, family.name, subset)}",
            in_units(family.unit, "level"),
            scene.values(family.name, subset),
            scene.reference(family.name, subset),
            error=False,
        )
        for family, text in KINDS.items()
        for subset in scene.subsets(family.name)
    ]
    figure, labels = row_figure(scene, panels, "transition levels")
    says = [
        "Fermi levels over the cell's average potential at which two charges of the vacancy have "
        "equal formation energies, corrected for periodic images; means over all geometries that "
        "have both charges, which differ from panel to panel. Line: DFT. A dash: blind to the "
        "total charge.",
        *_why_not_relaxed(scene),
    ]
    return Drawing(figure, says, labels)


def _level(subset: str) -> str:
    return f"ε({subset.removeprefix('level=').replace('-', '−')})"


def _with_levels(scene: Scene) -> list[str]:
    """The experiments that have levels at equal geometry: none that is blind to the charge."""
    rows = scene.numbers["name"] == TRANSITION_LEVEL.name
    scored = set(scene.numbers.loc[rows, "label"])
    return [label for label in scene.points if label in scored]


def _why_not_relaxed(scene: Scene) -> list[str]:
    """Why there is no panel of geometries relaxed at each charge, where there is none."""
    if scene.subsets(RELAXED_LEVEL.name) or scene.subsets(FORMATION_ENERGY.name):
        return []
    told = (
        folder.read_metrics()["absent"].get(f"{RELAXED_LEVEL.name}_rmse")
        for label in _with_levels(scene)
        for folder in scene.folders(label)
    )
    reason = next(filter(None, told), "no model relaxed any")
    return [f"Nothing is shown of geometries relaxed at each charge: {reason}."]


def _equal_geometry(scene: Scene) -> list[Diagram]:
    """Panels at equal geometry over the neutral state, from the runs' predictions.

    One for all charges where the same geometries have them all, else one for those of each sign.

    Raises:
        NoData: no run of those that have levels has kept its predictions.
    """
    labels = _with_levels(scene)
    if not labels:
        return []
    kept = scene.predictions(labels, none="no run has levels")
    found = {label: [charge_groups(frames) for frames in seeds] for label, seeds in kept.items()}
    return [_diagram(found, charges) for charges in sides(next(iter(found.values()))[0])]


def sides(states: Sequence[ChargeStates]) -> list[list[float]]:
    """Charges that are shown together: those of one sign, or all where the same geometries have
    them; a charge that shares no geometry with the others is left out.
    """
    having = {
        charge: {k for k, state in enumerate(states) if {0, charge} <= set(state.frames)}
        for charge in sorted({c for state in states for c in state.frames} - {0})
    }
    found: list[list[float]] = []
    for sign in (1, -1):
        side = [charge for charge in having if having[charge] and charge * sign > 0]
        while side and not set.intersection(*(having[charge] for charge in side)):
            side.remove(min(side, key=lambda charge: len(having[charge])))
        found += [side] if side else []
    together = [set.intersection(*(having[charge] for charge in side)) for side in found]
    return (
        [sorted(charge for side in found for charge in side)]
        if len({*map(frozenset, together)}) == 1
        else found
    )


def _diagram(
    found: Mapping[str, Sequence[Sequence[ChargeStates]]], charges: list[float]
) -> Diagram:
    """Means over seeds of the means over geometries that have the charges and are sound."""
    rows: dict[str, list[Array]] = defaultdict(list)
    numbers = set()
    for label, seeds in found.items():
        for states in seeds:
            complete = [state for state in states if {0, *charges} <= state.sound]
            numbers.add(len(complete))
            if complete:
                reference, predicted = np.mean(
                    [_over_neutral(s, charges) for s in complete], axis=0
                )
                rows[label].append(predicted)
                rows[DFT].append(reference)
    energies = pd.DataFrame({k: np.mean(v, axis=0) for k, v in rows.items()}, index=charges).T
    named = ", ".join(f"{charge:+g}".replace("-", "−") for charge in charges)
    many = "–".join(map(str, sorted({min(numbers), max(numbers)})))
    word = "charges" if len(charges) > 1 else "charge"
    title = f"{word} {named} over the neutral vacancy,\nequal geometry ({many} geometries)"
    return Diagram(title, energies.assign(**{"0": 0.0}).rename(columns=float))


def _over_neutral(state: ChargeStates, charges: Sequence[float]) -> Array:
    """[2, c] E(Q) − E(0) + ΔE of reference and model, in eV."""
    shifts = [correction(state.frames[charge], relaxed=False) or 0.0 for charge in charges]
    over = [state.energies[charge] - state.energies[0] for charge in charges]
    return np.array([energies[:2] + shift for energies, shift in zip(over, shifts)]).T


def _relaxed(scene: Scene) -> Diagram:
    """Over the relaxed host, or without one over the relaxed neutral state."""
    energies = _from_energies(scene)
    if not energies.empty:
        return Diagram("each charge at its minimum\nover the relaxed host", energies)
    return Diagram("each charge at its minimum\nover the neutral vacancy", _from_levels(scene))


def _from_levels(scene: Scene) -> pd.DataFrame:
    """By label (and DFT) and charge: energies at ε_F = 0 over the relaxed neutral state, in eV.

    E(Q) − E(0) + ΔE + Q ε_F = Q (ε_F − ε(Q/0)), so that the levels ε(Q/0) say all of it.
    """
    columns: dict[float, pd.Series[float]] = {}
    for subset in scene.subsets(RELAXED_LEVEL.name):
        one, _, other = subset.removeprefix("level=").partition("/")
        if "0" in (one, other):
            charge = float(other if one == "0" else one)
            columns[charge] = -charge * _with_reference(scene, RELAXED_LEVEL.name, subset)
    table = pd.DataFrame(columns).dropna()
    return table.assign(**{"0": 0.0}).rename(columns=float) if len(columns) else table


def _from_energies(scene: Scene) -> pd.DataFrame:
    """The same over the relaxed host, of every relaxed charge."""
    name = FORMATION_ENERGY.name
    charges = scene.charge_subsets(name)
    columns = {float(s.removeprefix(CHARGE)): _with_reference(scene, name, s) for s in charges}
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
    axes.plot(fermi, stable, "-", color=BLACK, linewidth=2.6, label=DFT, zorder=1)
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
