"""Force error on the test set by CPU time of training: our program beside mace-torch's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.report.drawing import MARKERS, panels

if TYPE_CHECKING:
    from bench.speed.marks import Mark


def accuracy_by_time(marks: Sequence[Mark], title: str) -> Figure:
    """One curve a program, both axes logarithmic.

    Args:
        marks: of all programs.
        title: what was trained on what.
    """
    figure, (axes,) = panels(1, title=title)
    for program, marker in zip(dict.fromkeys(mark.program for mark in marks), MARKERS):
        own = [mark for mark in marks if mark.program == program]
        seconds, forces = [mark.seconds for mark in own], [mark.forces for mark in own]
        axes.plot(seconds, forces, f"{marker}-", markersize=3, label=program)
    axes.set(xscale="log", yscale="log")
    axes.set(xlabel="CPU time of the training steps (s)", ylabel="force components\nRMSE (meV/Å)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.legend()
    return figure
