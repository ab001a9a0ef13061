"""The induced dipole against the felt field, one panel per series."""

from __future__ import annotations

from collections.abc import Sequence

import ase
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evaluate.field_response import FieldSeries, field_series, slope, why_not
from bench.report.drawing import NoData, panels

AXES = "xyz"


def field_figure(frames: Sequence[ase.Atoms], title: str) -> Figure:
    """Dipole less its mean over the series, as in the metric: points, and lines of least squares.

    Raises:
        NoData: no field series, or no sound prediction of one.
    """
    series = field_series(frames)
    scored = [one for one in series if one.scored]
    if not scored:
        raise NoData(why_not(series))
    figure, axes = panels(len(scored), title=title)
    for panel, one in zip(axes, scored):
        _draw(panel, one)
    return figure


def _draw(axes: Axes, series: FieldSeries) -> None:
    field, *dipoles = series.sound_values()
    ends = np.array([field.min(), field.max()])
    texts = []
    for name, dipole, marker in zip(("DFT", "model"), dipoles, ("o", "s")):
        induced = dipole - dipole.mean()
        (points,) = axes.plot(field, induced, marker, label=name, fillstyle="none")
        steepness = slope(field, dipole)
        line = steepness * (ends - field.mean())
        axes.plot(ends, line, "-" if name == "DFT" else "--", color=points.get_color())
        texts.append(f"{name} {steepness:.3g}")
    left_out = len(series.sound) - len(field)
    axes.set(
        title=f"{series.name}\nslope {', '.join(texts)} e Å²/V"
        + (f"\nunsound predictions, left out: {left_out}" if left_out else ""),
        xlabel=f"felt field along {AXES[series.axis]} (V/Å)",
        ylabel="induced dipole (e Å)",
    )
    axes.legend(loc="best")
