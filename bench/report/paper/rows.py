"""Panels side by side with a row for each experiment: means with intervals, and DFT's value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

from bench.report.drawing import NoData
from bench.report.paper.points import BLACK
from bench.report.paper.scene import Scene

ROW, HEAD, WIDTH, NAMES = 0.24, 1.25, 2.1, 1.9  # inches
MOST_COLUMNS = 4
AROUND = 0.2  # of DFT's value, which an axis shows at least on both sides
# Decades of a logarithmic axis below which these multiples of ten are labelled.
_LABELLED = {1.3: (1.0, 2.0, 5.0), 2.5: (1.0, 3.0), np.inf: (1.0,)}
SHORT = 8.0  # largest over smallest of a logarithmic axis below which it is labelled evenly
BEYOND = 1.06  # of the largest error, so that its marker is within the panel
LOG_SPAN = 8.0  # largest over smallest from which on a logarithmic axis is easier to read


@dataclass(frozen=True)
class Panel:
    """One quantity.

    Attributes:
        title: what, with how much it stands on.
        axis: label of the axis, with its unit.
        values: by experiment: mean, low and high (NaN where unknown); those without are empty rows.
        reference: DFT's value or a bar, drawn as a line; NaN where there is none.
        named: what the line is.
        error: whether it is an error, from zero up, for which few decades are logarithmic.
    """

    title: str
    axis: str
    values: pd.DataFrame
    reference: float = np.nan
    named: str = "DFT"
    error: bool = True


def panel(scene: Scene, name: str, title: str, subset: str = "all", **more: object) -> Panel:
    """Of a metric; the axis has its unit."""
    values = scene.values(name, subset)
    unit = str(values["unit"].iloc[0]) if len(values) else "1"
    return Panel(title, in_units(unit), values, **more)  # type: ignore[arg-type]


def in_units(unit: str, what: str = "RMSE") -> str:
    """``RMSE (eV)``, or without a unit ``RMSE``."""
    return f"{what} ({unit})" if unit not in ("", "1") else what


def row_figure(scene: Scene, panels: Sequence[Panel], text: str) -> tuple[Figure, list[str]]:
    """Panels that have values, and the labels of their rows.

    Args:
        scene: whose plain experiments are the rows, those that some panel has.
        panels: candidates; those without any value are left out.
        text: what the figure shows.

    Raises:
        NoData: no panel has a value.
    """
    labels, wanted = rows_of(scene), []
    for candidate in panels:
        if candidate.values.reindex(labels)["mean"].notna().any():
            wanted.append(candidate)
    if not wanted:
        raise NoData("no experiment has such numbers")
    columns = min(len(wanted), MOST_COLUMNS)
    rows = -(-len(wanted) // columns)
    size = (NAMES + WIDTH * columns, rows * (ROW * len(labels) + HEAD) + 0.3)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(scene.title(text))
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes, one in zip(grid.flat, wanted):
        draw_rows(axes, scene, labels, one)
    for spare in list(grid.flat)[len(wanted) :]:
        spare.remove()
    return figure, labels


def rows_of(scene: Scene) -> list[str]:
    """The labels of the plain experiments.

    Raises:
        NoData: there is none.
    """
    if not scene.points:
        raise NoData("no experiment")
    return list(scene.points)


def draw_rows(axes: Axes, scene: Scene, labels: Sequence[str], shown: Panel) -> None:
    """One panel; the first experiment is on top."""
    values = shown.values.reindex(list(labels))
    if not np.isnan(shown.reference):
        axes.axvline(shown.reference, color=BLACK, linewidth=1.0, zorder=1)
    rows = values.to_dict("index")
    for place, label in enumerate(labels):
        row = rows[label]
        if np.isfinite(row["mean"]):
            _dot(axes, scene, label, place, row)
        else:
            axes.text(
                0.02, place, "–", color="0.5", va="center", transform=axes.get_yaxis_transform()
            )
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    value = f"{shown.reference:.3g}".replace("-", "−")
    line = f"\nline: {shown.named} {value}" if np.isfinite(shown.reference) else ""
    axes.set(title=f"{shown.title}{line}", xlabel=shown.axis)
    _scale(axes, values["mean"].to_numpy(dtype=float), shown)


def _dot(axes: Axes, scene: Scene, label: str, place: int, row: Mapping[Any, float]) -> None:
    style = scene.style(label)
    if np.isfinite(row["low"]) and np.isfinite(row["high"]):
        ends = [row["low"], row["high"]]
        axes.plot(ends, [place, place], "-", color=style.color, linewidth=1.4, alpha=0.7)
    axes.plot(
        row["mean"],
        place,
        style.marker,
        color=style.color,
        markersize=5.5,
        fillstyle=scene.filled(label),
        label=label,
        clip_on=False,  # at zero, too
    )


def _scale(axes: Axes, means: np.ndarray, shown: Panel) -> None:
    """Errors begin at zero, or are logarithmic where they span much."""
    known = means[np.isfinite(means)]
    if not known.size:  # as the cost of models that were not trained here
        return
    if shown.error and known.min() > 0 and known.max() > LOG_SPAN * known.min():
        ends = np.append(known, shown.reference if shown.reference > 0 else known[0])
        axes.set_xscale("log")
        axes.set_xlim(ends.min() / 1.6, ends.max() * 1.6)
        label_logarithm(axes.xaxis, float(ends.max() / ends.min()))
    elif shown.error:
        axes.set_xlim(0.0, BEYOND * axes.dataLim.x1)
        axes.locator_params(axis="x", nbins=4)
    else:
        axes.margins(x=0.1)
        if np.isfinite(shown.reference):  # small differences shall look small
            around = shown.reference + np.array([-1, 1]) * AROUND * abs(shown.reference)
            low, high = axes.get_xlim()
            axes.set_xlim(min(low, around[0]), max(high, around[1]))
        axes.locator_params(axis="x", nbins=4)


def label_logarithm(axis: Axis, span: float) -> None:
    """A few plain numbers along a logarithmic axis.

    Args:
        axis: of the panel.
        span: largest over smallest value on it.
    """
    if span < SHORT:
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axis.set_minor_locator(NullLocator())
    else:
        subs = next(subs for most, subs in _LABELLED.items() if np.log10(span) < most)
        axis.set_major_locator(LogLocator(subs=subs, numticks=5))
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(lambda value, _: f"{value:g}")
