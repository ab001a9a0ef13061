"""What every figure shares: the style, the grid of panels, labels with units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.storage import replacing

STYLE = Path(__file__).with_name("bench.mplstyle")
PANEL = (3.2, 2.8)  # inches
FORMATS = ("png", "pdf")
TICKS = 5  # intervals of an axis, at most: panels are small, and text is what drawing costs
MARKERS = "osD^vP*X"


class NoData(Exception):
    """A figure without anything to show; the text says why."""


@contextmanager
def styled() -> Iterator[None]:
    """The style of all figures, while making and while saving them."""
    with matplotlib.style.context(STYLE):
        yield


def panels(number: int, *, title: str, columns: int = 3) -> tuple[Figure, list[Axes]]:
    """A figure with that many panels, row by row; spare places stay empty.

    Args:
        number: at least one.
        title: system and model.
        columns: at most.
    """
    columns = min(columns, number)
    rows = ceil(number / columns)
    size = (PANEL[0] * max(columns, 1.4), PANEL[1] * rows + 0.3)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[number:]:
        spare.remove()
    for panel in axes[:number]:
        panel.locator_params(nbins=TICKS)
    return figure, axes[:number]


def diagonal(axes: Axes, values: Sequence[NDArray[np.float64]]) -> None:
    """Equal limits along both axes, and the line on which predictions are right."""
    everything = np.concatenate([np.ravel(v) for v in values])
    low, high = float(everything.min()), float(everything.max())
    margin = 0.05 * (high - low) or 0.5
    equal_axes(axes, (low - margin, high + margin))


def equal_axes(axes: Axes, limits: tuple[float, float]) -> None:
    """These limits along both axes, and the line on which both are equal."""
    axes.plot(limits, limits, color="0.55", linewidth=0.8, zorder=1)
    axes.set(xlim=limits, ylim=limits)
    axes.set_aspect("equal")


def parity(
    axes: Axes, pairs: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]], *, size: float
) -> None:
    """Predicted against reference values, one colour and marker per name.

    Args:
        axes: where.
        pairs: name to reference [k] and predicted [k]; an empty name has no entry in the legend.
        size: of the markers in points.
    """
    for (name, (reference, predicted)), marker in zip(pairs.items(), MARKERS * len(pairs)):
        axes.plot(
            reference,
            predicted,
            marker,
            markersize=size,
            alpha=0.7,
            markeredgewidth=0.0,
            label=name or None,
            rasterized=len(reference) > 2000,
        )
    diagonal(axes, [values for pair in pairs.values() for values in pair])


def rmse(pairs: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> float:
    """Over all pairs."""
    errors = np.concatenate([predicted - reference for reference, predicted in pairs.values()])
    return float(np.sqrt(np.mean(errors**2)))


def save(figure: Figure, path: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write ``<path>.png`` and ``<path>.pdf``; without a date, so that the same gives the same.

    The canvases are used directly: ``savefig`` would lay out and draw the figure twice for each.

    Args:
        figure: made and saved in the same style.
        path: without a suffix.
        formats: which of the two.
    """
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)
    figure.set_layout_engine("none")
    files = {kind: path.with_name(f"{path.name}.{kind}") for kind in formats}
    if "pdf" in files:
        from matplotlib.backends.backend_pdf import FigureCanvasPdf  # brings all of fontTools

        with replacing(files["pdf"]) as temporary:
            FigureCanvasPdf(figure).print_pdf(temporary, metadata={"CreationDate": None})  # type: ignore[no-untyped-call]
    if "png" in files:
        figure.set_dpi(rcParams["savefig.dpi"])
        with replacing(files["png"]) as temporary:
            FigureCanvasAgg(figure).print_png(temporary, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return list(files.values())
