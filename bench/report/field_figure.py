"""The induced dipole against the felt field, one panel per series."""

from __future__ import annotations

from collections.abc import Sequence

import ase
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evaluate.field_response import dipoles
from bench.evaluate.scoring import Missing
from bench.evaluate.series import FieldSeries, SoundValues, field_series, slope
from bench.report.drawing import NoData, panels

AXES = "xyz"


def field_figure(frames: Sequence[ase.Atoms], title: str) -> Figure:
    """Dipole less its mean over the series, as in the metric: points, and lines of least squares.

    Raises:
        NoData: no field series, or no sound prediction of one.
    """
    found: list[tuple[FieldSeries, SoundValues]] = []
    reasons = []
    for series in field_series(frames):
        try:
            found.append((series, dipoles(series)))
        except Missing as reason:
            reasons.append(str(reason))
    if not found:
        raise NoData("; ".join(dict.fromkeys(reasons)) or "no field series in the test set")
    figure, axes = panels(len(found), title=title)
    for panel, (series, values) in zip(axes, found):
        _draw(panel, series, values)
    return figure


def _draw(axes: Axes, series: FieldSeries, values: SoundValues) -> None:
    field = values.field
    ends = np.array([field.min(), field.max()])
    texts = []
    drawn = {"DFT": (values.reference, "o", "-"), "model": (values.predicted, "s", "--")}
    for name, (dipole, marker, style) in drawn.items():
        induced = dipole - dipole.mean()
        (points,) = axes.plot(field, induced, marker, label=name, fillstyle="none")
        steepness = float(slope(field, dipole))
        line = steepness * (ends - field.mean())
        axes.plot(ends, line, style, color=points.get_color())
        texts.append(f"{name} {steepness:.3g}")
    left_out = len(series.frames) - len(field)
    axes.set(
        title=f"{series.name}\nslope {', '.join(texts)} e Å²/V"
        + (f"\nunsound predictions, left out: {left_out}" if left_out else ""),
        xlabel=f"felt field along {AXES[series.axis]} (V/Å)",
        ylabel="induced dipole (e Å)",
    )
    axes.legend(loc="best")
