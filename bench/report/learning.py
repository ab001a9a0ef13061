"""Learning curves from a training log."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from bench.labels.quantities import errors
from bench.report.drawing import NoData, panels
from bench.train.log import TrainingLog, error_column

LOSSES = ("train_loss", "valid_loss")
CURVES = {
    **{error_column(name): f"{part.label}\nRMSE" for name, part in errors().items() if part.drawn},
    "learning_rate": "learning rate",
}


def learning_curves(log: TrainingLog, title: str) -> Figure:
    """Losses, validation errors and learning rate by step, with the changes of training mode.

    Raises:
        NoData: nothing finite in the log.
    """
    found = [name for name in CURVES if _has_numbers(log, name)]
    losses = [name for name in LOSSES if _has_numbers(log, name)]
    if not found and not losses:
        raise NoData("no finite number in the training log")
    figure, axes = panels(len(found) + bool(losses), title=title)
    if losses:
        for name in losses:
            _curve(axes[0], log, name, label=name.replace("_", " "))
        axes[0].set(ylabel="loss")
        axes[0].legend()
    for panel, name in zip(axes[bool(losses) :], found):
        _curve(panel, log, name, label=None)
        unit = log.units[name]
        panel.set(ylabel=f"{CURVES[name]} ({unit})" if unit else CURVES[name])
    for panel in axes:
        _mark_modes(panel, log)
        panel.set(xlabel=log.counted, yscale="log")
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        _plain_ticks(panel)
    return figure


def _has_numbers(log: TrainingLog, name: str) -> bool:
    values = log.columns.get(name)
    return values is not None and bool(np.any(values[np.isfinite(values)] > 0.0))


def _curve(axes: Axes, log: TrainingLog, name: str, *, label: str | None) -> None:
    few = len(log.position) <= 30
    axes.plot(log.position, log.columns[name], "o-" if few else "-", markersize=3, label=label)


def _plain_ticks(axes: Axes) -> None:
    """Numbers that can be read: 20 and 50 instead of 2 × 10¹ and none."""
    low, high = axes.get_ylim()
    narrow = high / low < 50.0
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _mark_modes(axes: Axes, log: TrainingLog) -> None:
    """A line where the mode changes, named on both sides."""
    for k in range(1, len(log.mode)):
        if log.mode[k] == log.mode[k - 1]:
            continue
        where = log.position[k - 1]  # rows are written at validations, and so do modes change
        axes.axvline(where, color="0.55", linewidth=0.8, linestyle=":")
        for text, side in ((f"{log.mode[k - 1]} ", "right"), (f" {log.mode[k]}", "left")):
            axes.annotate(
                text,
                (where, 1.0),
                xycoords=("data", "axes fraction"),
                ha=side,
                va="bottom",
                fontsize=7,
                color="0.35",
            )
