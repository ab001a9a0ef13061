"""Derivatives by the field of every atom and layer, model against DFT."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import ase
import numpy as np
from ase.data import chemical_symbols
from matplotlib.figure import Figure

from bench.evaluate.field_response import born_charges, layer_charges
from bench.evaluate.layers import slab_parts
from bench.evaluate.scoring import Missing
from bench.evaluate.series import FieldSeries, SoundValues, field_series
from bench.report.drawing import NoData, panels, parity, rmse

Pairs = dict[str, tuple[np.ndarray, np.ndarray]]


def born_figure(frames: Sequence[ase.Atoms], title: str) -> Figure:
    """Born charges dF/dE by element, and the charge per field of metal layers and what is on them.

    Raises:
        NoData: no field series with sound forces.
    """
    series = field_series(frames)
    kinds = {
        "Z* = dF/dE": ("e", _pairs(series, born_charges, _elements)),
        "dq/dE of layers": (
            "e Å/V",
            _pairs(series, layer_charges, lambda s: [*slab_parts(s.atoms)]),
        ),
    }
    drawn = {name: (unit, pairs) for name, (unit, pairs) in kinds.items() if pairs}
    if not drawn:
        raise NoData("no field series with sound forces in the test set")
    figure, axes = panels(len(drawn), title=title)
    for panel, (name, (unit, pairs)) in zip(axes, drawn.items()):
        parity(panel, pairs, size=4.0)
        panel.set(
            title=f"RMSE {rmse(pairs):.3g} {unit}",
            xlabel=f"{name}, DFT ({unit})",
            ylabel=f"model ({unit})",
        )
        panel.legend(loc="best", handletextpad=0.1)
    return figure


def _elements(series: FieldSeries) -> list[str]:
    return [chemical_symbols[number] for number in series.atoms.numbers]


def _pairs(
    series: Sequence[FieldSeries],
    values: Callable[[FieldSeries], SoundValues],
    names: Callable[[FieldSeries], list[str]],
) -> Pairs:
    """By name, the slopes of everything that has it, over all series that have a sound one."""
    found: dict[str, list[np.ndarray]] = defaultdict(list)
    for one in series:
        try:
            slopes = np.stack(values(one).slopes)  # [2, n, ...]
        except Missing:
            continue
        for index, name in enumerate(names(one)):
            found[name].append(slopes[:, index].reshape(2, -1))
    both = {name: np.concatenate(members, axis=1) for name, members in found.items()}
    return {name: (reference, predicted) for name, (reference, predicted) in both.items()}
