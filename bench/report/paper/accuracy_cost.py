"""Accuracy against cost, with the front of those that nothing beats in both."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bench.report.drawing import NoData, panels
from bench.report.paper import qualities
from bench.report.paper.caption import Drawing
from bench.report.paper.cost import COST_RATIO, CPU_SECONDS
from bench.report.paper.design_space import cost_says
from bench.report.paper.lines import legend_below
from bench.report.paper.rows import in_units
from bench.report.paper.scene import Scene


def draw(scene: Scene) -> Drawing:
    """A panel for each quality, every experiment a marker.

    Raises:
        NoData: no experiment has both.
    """
    cost = scene.values(COST_RATIO)
    axis = "CPU time of a run over short_range's"
    if cost.empty:
        cost, axis = scene.values(CPU_SECONDS), "CPU time of a run (s)"
    labels = [label for label in scene.points if label in cost.index]
    shown = qualities.shown(scene, labels)
    if not shown:
        raise NoData("no experiment has errors and a cost")
    figure, axes = panels(len(shown), title=scene.title("accuracy against cost"))
    for panel, name in zip(axes, shown):
        _draw(panel, scene, cost.reindex(labels), scene.values(name))
        unit = str(scene.values(name)["unit"].iloc[0])
        panel.set(title=qualities.QUALITIES[name], xlabel=axis, ylabel=in_units(unit))
    legend_below(figure, axes)
    says = [
        "Root mean square errors against the cost of a run; grey: the front of those that no other "
        "beats in both. Lower left is better.",
        cost_says(scene),
        qualities.stands_on(scene, shown),
    ]
    return Drawing(figure, says, labels)


def front(cost: NDArray[np.float64], error: NDArray[np.float64]) -> list[int]:
    """Indices of those that no other beats in both, from the cheapest on.

    Args:
        cost: [k], finite.
        error: [k], finite; of equal cost the smaller one counts.
    """
    found: list[int] = []
    for k in np.lexsort((error, cost)):
        if not found or error[k] < error[found[-1]]:
            found.append(int(k))
    return found


def _draw(axes: Axes, scene: Scene, cost: pd.DataFrame, errors: pd.DataFrame) -> None:
    both = cost.join(errors, lsuffix="_x", rsuffix="_y", how="inner").dropna(
        subset=["mean_x", "mean_y"]
    )
    x, y = (both[key].to_numpy(dtype=float) for key in ("mean_x", "mean_y"))
    best = front(x, y)
    axes.step(x[best], y[best], where="post", color="0.6", linewidth=1.0, zorder=1)
    for place, label in enumerate(map(str, both.index)):
        style, row = scene.style(label), both.iloc[place]
        for low, high, line in (
            (row["low_x"], row["high_x"], ([0, 1], 0)),
            (row["low_y"], row["high_y"], ([0, 1], 1)),
        ):
            if np.isfinite([low, high]).all():
                across = line[1] == 0
                ends = ([low, high], [y[place]] * 2) if across else ([x[place]] * 2, [low, high])
                axes.plot(*ends, "-", color=style.color, linewidth=1.0, alpha=0.6)
        axes.plot(
            x[place],
            y[place],
            style.marker,
            color=style.color,
            fillstyle=scene.filled(label),
            label=label,
            markersize=6,
        )
    axes.set_ylim(bottom=0.0)
    axes.margins(x=0.12)
