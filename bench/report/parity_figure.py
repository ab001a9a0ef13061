"""Predicted against reference values of the test set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ase
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.evaluate.selection import converged
from bench.labels.quantities import QUANTITIES, Quantity
from bench.report.drawing import NoData, panels, parity, rmse

Pairs = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
Names = Callable[[ase.Atoms, int], list[str]]


def _by_subset(atoms: ase.Atoms, values: int) -> list[str]:
    return [str(atoms.info["subset"])] * values


def _by_element(atoms: ase.Atoms, values: int) -> list[str]:
    symbols = np.asarray(atoms.get_chemical_symbols())
    return [str(symbol) for symbol in symbols.repeat(values // len(atoms))]


@dataclass(frozen=True)
class Panel:
    """One quantity.

    Attributes:
        label: of both axes.
        unit: of the axes.
        scale: from the metrics' unit to this one.
        names: (structure, number of values) to the legend entry of each value.
        size: of the markers in points.
    """

    label: str
    unit: str
    scale: float
    names: Names
    size: float


PANELS = {
    "energy": Panel("energy above baseline", "meV/atom", 1.0, _by_subset, 4.0),
    "forces": Panel("force components", "eV/Å", 1e-3, _by_element, 2.0),
    "charges": Panel("atomic charges", "e", 1.0, _by_element, 2.5),
    "potential": Panel("potential at the atoms", "V", 1.0, _by_element, 2.5),
    "dipole": Panel("dipole", "e Å", 1.0, _by_subset, 4.0),
    "fermi_level": Panel("Fermi level", "eV", 1.0, _by_subset, 4.0),
}


def parity_figure(frames: Sequence[ase.Atoms], title: str) -> Figure:
    """Energy, forces, charges, potential, dipole and Fermi level, as far as they are predicted.

    Structures whose density did not converge are not drawn, and the title says how many.

    Raises:
        NoData: no structure with reference and sound prediction of any of them.
    """
    sound = [(index, atoms) for index, atoms in enumerate(frames) if converged(atoms)]
    found = {q.family: _pairs(q, sound) for q in QUANTITIES if q.family in PANELS}
    found = {name: pairs for name, pairs in found.items() if pairs}
    if not found:
        raise NoData("no structure with a reference and a sound prediction")
    missing = len(frames) - len(sound)
    if missing:
        title += f"; unconverged structures, not shown: {missing}"
    figure, axes = panels(len(found), title=title, columns=2 if len(found) <= 4 else 3)
    for panel, name in zip(axes, (name for name in PANELS if name in found)):
        _draw(panel, PANELS[name], found[name])
    return figure


def _pairs(quantity: Quantity, frames: Sequence[tuple[int, ase.Atoms]]) -> Pairs:
    """Legend entry to reference [k] and predicted [k], finite ones only."""
    panel = PANELS[quantity.family]
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for index, atoms in frames:
        reference, predicted = quantity.reference(atoms, index), quantity.predicted(atoms)
        if reference is None or predicted is None or not np.isfinite(predicted).all():
            continue
        for name, pair in zip(panel.names(atoms, len(reference)), zip(reference, predicted)):
            rows[name].append(pair)
    scaled = {name: panel.scale * np.array(values).T for name, values in sorted(rows.items())}
    return {name: (values[0], values[1]) for name, values in scaled.items()}


def _draw(axes: Axes, panel: Panel, pairs: Pairs) -> None:
    parity(axes, pairs, size=panel.size)
    axes.set(
        title=f"RMSE {rmse(pairs):.3g} {panel.unit}",
        xlabel=f"{panel.label}, DFT ({panel.unit})",
        ylabel=f"model ({panel.unit})",
    )
    axes.legend(loc="best", handletextpad=0.1, markerscale=6.0 / panel.size)
