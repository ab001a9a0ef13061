"""Curves of models beside DFT's, and one legend for all panels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bench.report.paper.scene import Scene


def model_curve(
    axes: Axes, scene: Scene, label: str, at: ArrayLike, curves: Sequence[ArrayLike]
) -> None:
    """The mean over seeds and their range, in the experiment's style.

    Args:
        axes: where.
        scene: of the experiment.
        label: of the experiment.
        at: [m] abscissae.
        curves: one [m] per seed.
    """
    style, values = scene.style(label), np.array(curves, dtype=float)
    line = ":" if scene.filled(label) != "full" else style.line
    axes.plot(at, values.mean(0), line, color=style.color, label=label, linewidth=1.1)
    if len(values) > 1:
        low, high = values.min(0), values.max(0)
        axes.fill_between(at, low, high, color=style.color, alpha=0.15, linewidth=0.0)


def legend_below(figure: Figure, axes: Sequence[Axes]) -> None:
    """Every label of the panels once, below all of them."""
    handles: dict[str, Artist] = {}
    for panel in axes:
        for handle, label in zip(*panel.get_legend_handles_labels()):
            handles.setdefault(label, handle)
    columns = max(2, int(figure.get_figwidth() / 1.9))
    rows = -(-len(handles) // columns)
    figure.set_figheight(figure.get_figheight() + 0.19 * rows)
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns)
