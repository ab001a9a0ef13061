"""What training at the reference density is worth once the density is self-consistent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.errors import BenchError
from bench.report.drawing import PANEL, NoData, diagonal
from bench.report.paper.caption import Drawing, counts
from bench.report.paper.lines import legend_below
from bench.report.paper.qualities import of_several
from bench.report.paper.rows import in_units
from bench.report.paper.scene import MODE, Scene

ORDER = ("direct", "staged", "unrolled", "implicit")
MARKERS = {"direct": "X", "staged": "D", "unrolled": "s", "implicit": "o"}
ERRORS = {"forces_rmse": "forces", "charges_rmse": "atomic charges"}


def draw(scene: Scene) -> Drawing:
    """Losses as each mode trains them against those at self-consistency, and errors by mode.

    Raises:
        NoData: no model was trained in two modes.
    """
    table = of_several(modes(scene), "mode")
    if table.empty:
        raise NoData("no model was trained in two modes: training.mode=direct,implicit")
    errors = {name: text for name, text in ERRORS.items() if len(scene.values(name))}
    size = (PANEL[0] * (1 + len(errors)) + 0.3, PANEL[1] + 0.3)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(scene.title("training modes"))
    first, *others = figure.subplots(1, 1 + len(errors), squeeze=False)[0]
    _draw_losses(first, scene, table)
    for axes, (name, text) in zip(others, errors.items()):
        _draw_errors(axes, scene, table, name, text)
    legend_below(figure, [first])
    says = [
        "Left: last loss as the mode trains it (direct: one update at the reference "
        "density; unrolled: after its steps; implicit and staged: converged; training set) against "
        "the loss at self-consistency (validation set, always converged densities), in units of "
        "how labels vary. Above the diagonal lies what training does not see.",
        "Right: errors of the test set at self-consistency; forces stand on "
        f"{counts(scene, 'forces_rmse')} structures. One marker per run on the left.",
    ]
    return Drawing(figure, says, list(table["label"].unique()))


def modes(scene: Scene) -> pd.DataFrame:
    """A row per run with a log: label, model, the mode it was trained in, the last two losses."""
    rows = []
    for label, model in scene.experiments.items():
        if label not in (model, f"{model} mode={scene.setting(label, MODE)}"):
            continue  # something else sets it apart, too
        for folder in scene.folders(label):
            try:
                log = folder.read_log()
            except BenchError:
                continue
            if not log.mode:
                continue
            trained, consistent = (log.columns[key][-1] for key in ("train_loss", "valid_loss"))
            rows.append((label, model, _trained_in(log.mode), trained, consistent))
    found = pd.DataFrame(rows, columns=["label", "model", "mode", "trained", "consistent"])
    return found[found["mode"].isin(ORDER)]


def _trained_in(rows: Sequence[str]) -> str:
    """The mode of a log's rows, which also says what ``auto`` was."""
    found = set(rows)
    return "staged" if len(found) > 1 else found.pop()


def _draw_losses(axes: Axes, scene: Scene, table: pd.DataFrame) -> None:
    known = table[np.isfinite(table[["trained", "consistent"]]).all(axis=1)]
    for (model, mode), rows in known.groupby(["model", "mode"], sort=False):
        axes.plot(
            rows["trained"],
            rows["consistent"],
            MARKERS[str(mode)],
            color=scene.styles[str(model)].color,
            label=f"{model}, {mode}",
            markersize=6,
            alpha=0.8,
        )
    if len(known):
        diagonal(axes, [known["trained"].to_numpy(float), known["consistent"].to_numpy(float)])
    axes.set(xlabel="loss as it is trained (1)", ylabel="loss at self-consistency (1)")


def _draw_errors(axes: Axes, scene: Scene, table: pd.DataFrame, name: str, text: str) -> None:
    values = scene.values(name)
    order = [mode for mode in ORDER if mode in set(table["mode"])]
    for shift, (model, rows) in enumerate(table.groupby("model", sort=False)):
        style = scene.styles[str(model)]
        labels = {mode: label for label, mode in zip(rows["label"], rows["mode"])}
        at = [k for k, mode in enumerate(order) if labels.get(mode) in values.index]
        found = values.reindex([labels[order[k]] for k in at])
        means = found["mean"].to_numpy(dtype=float)
        bars = np.array([means - found["low"], found["high"] - means])
        places = np.array(at) + 0.06 * shift  # intervals stand beside each other
        axes.errorbar(
            places, means, bars, fmt=style.line, color=style.color, marker=style.marker, capsize=2
        )
    unit = str(values["unit"].iloc[0])
    axes.set_xticks(range(len(order)), order)
    axes.set(title=text, ylabel=in_units(unit), xlabel="training.mode")
    axes.set_ylim(bottom=0.0)
    axes.margins(x=0.2)
