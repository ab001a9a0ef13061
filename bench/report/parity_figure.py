"""Predicted against reference values of the test set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import ceil

import ase
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.evaluate.selection import converged
from bench.evaluate.values import SCORED, Scored
from bench.report.drawing import NoData, panels, parity, rmse

Pairs = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]


def _by_subset(atoms: ase.Atoms, values: int) -> list[str]:
    return [str(atoms.info["subset"])] * values


def _by_element(atoms: ase.Atoms, values: int) -> list[str]:
    symbols = np.asarray(atoms.get_chemical_symbols())
    return [str(symbol) for symbol in symbols.repeat(values // len(atoms))]


def parity_figure(frames: Sequence[ase.Atoms], title: str) -> Figure:
    """A panel of every quantity that is predicted and has a reference.

    Structures whose density did not converge are not drawn, and the title says how many.

    Raises:
        NoData: no structure with reference and sound prediction of any of them.
    """
    sound = [(index, atoms) for index, atoms in enumerate(frames) if converged(atoms)]
    drawn = {name: scored for name, scored in SCORED.items() if scored.part.drawn}
    found = {name: pairs for name, one in drawn.items() if (pairs := _pairs(one, sound))}
    if not found:
        raise NoData("no structure with a reference and a sound prediction")
    missing = len(frames) - len(sound)
    if missing:
        title += f"; unconverged structures, not shown: {missing}"
    figure, axes = panels(
        len(found), title=title, columns=ceil(len(found) ** 0.5) if len(found) <= 6 else 4
    )
    for panel, (name, pairs) in zip(axes, found.items()):
        _draw(panel, drawn[name], pairs)
    return figure


def _pairs(scored: Scored, frames: Sequence[tuple[int, ase.Atoms]]) -> Pairs:
    """Legend entry to reference [k] and predicted [k], finite ones only."""
    names = _by_element if scored.quantity.per_atom else _by_subset
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for index, atoms in frames:
        reference, predicted = scored.reference(atoms, index), scored.predicted(atoms)
        if reference is None or predicted is None or not np.isfinite(predicted).all():
            continue
        for name, pair in zip(names(atoms, len(reference)), zip(reference, predicted)):
            rows[name].append(pair)
    arrays = {name: np.array(values).T for name, values in sorted(rows.items())}
    return {name: (values[0], values[1]) for name, values in arrays.items()}


def _draw(axes: Axes, scored: Scored, pairs: Pairs) -> None:
    part = scored.part
    size = 2.5 if scored.quantity.per_atom else 4.0  # of the markers in points
    parity(axes, pairs, size=size)
    axes.set(
        title=f"RMSE {rmse(pairs):.3g} {part.unit}",
        xlabel=f"{part.label}, DFT ({part.unit})",
        ylabel=f"model ({part.unit})",
    )
    axes.legend(loc="best", handletextpad=0.1, markerscale=6.0 / size)
