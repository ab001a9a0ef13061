"""Every point on its axes, with what it gets right and what it costs."""

from __future__ import annotations

from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.config.catalogue import axes as catalogued
from bench.evaluate.registry import VACANCY_CHARGE
from bench.report.drawing import NoData
from bench.report.paper.caption import Drawing, counts
from bench.report.paper.cost import COST_RATIO, CPU_SECONDS
from bench.report.paper.qualities import QUALITIES as FIRST
from bench.report.paper.rows import HEAD, WIDTH, Panel, draw_rows, in_units, panel, rows_of
from bench.report.paper.scene import Scene

AXES = ("density", "response", "energy")
QUALITIES = {
    **FIRST,
    f"{VACANCY_CHARGE.name}_rmse": "charge within 3 Å\nof the vacancy",
}
LINE = 22  # characters of a column of words
CHARACTER = 0.063  # inches, of a small font
ROW = 0.34  # inches, for two lines of words


def draw(scene: Scene) -> Drawing:
    """Rows are points with their axes in words, panels errors and cost.

    Raises:
        NoData: no experiment has numbers.
    """
    labels = rows_of(scene)
    shown = [name for name in QUALITIES if len(scene.values(name))][:3]
    if not shown:
        raise NoData("no experiment has errors")
    panels = [*(panel(scene, name, QUALITIES[name]) for name in shown), cost_panel(scene)]
    words = CHARACTER * LINE * (1 + len(AXES))
    size = (words + WIDTH * len(panels), ROW * len(labels) + HEAD)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(scene.title("the design space"))
    ratios = [words, *[WIDTH] * len(panels)]
    first, *others = figure.subplots(1, 1 + len(panels), width_ratios=ratios)
    for axes, one in zip(others, panels):
        draw_rows(axes, scene, labels, one)
        axes.tick_params(labelleft=False)
    _write_words(first, scene, labels)
    stands = ", ".join(f"{QUALITIES[name]} {counts(scene, name)}" for name in shown)
    says = [
        "Points of the design space on their axes, with root mean square errors and cost.",
        cost_says(scene),
        f"Errors stand on so many structures, series or pairs: {stands}.".replace("\n", " "),
    ]
    return Drawing(figure, says, labels)


def _write_words(axes: Axes, scene: Scene, labels: list[str]) -> None:
    """Where each point lies, a column for its name and for each axis."""
    known = catalogued()
    columns = ["point", *AXES]
    rows = [
        [label, *(str(known.get(scene.points[label], {}).get(axis) or "–") for axis in AXES)]
        for label in labels
    ]
    axes.set(xlim=(0, len(columns)), ylim=(len(labels) - 0.5, -0.5))
    axes.axis("off")
    for place, heading in enumerate(columns):
        axes.text(place, -0.6, heading, weight="bold", va="bottom", fontsize=8)
        for row, texts in enumerate(rows):
            axes.text(place, row, fill(texts[place], LINE), va="center", fontsize=7.5)


def cost_panel(scene: Scene) -> Panel:
    """CPU time over that of ``short_range`` where there is one, else in seconds."""
    ratio = scene.values(COST_RATIO)
    if len(ratio):
        return Panel("CPU time of a run", "over short_range's", ratio, 1.0, "short_range")
    return Panel("CPU time of a run", in_units("s", "CPU"), scene.values(CPU_SECONDS))


def cost_says(scene: Scene) -> str:
    """What cost means here, and on which processors."""
    processors = ", ".join(sorted(set(scene.runs["cpu"].dropna()))) or "unknown"
    return f"Cost: CPU time of training and evaluation; processor {processors}."
