"""What training at the reference density is worth once the density is self-consistent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from bench.errors import BenchError
from bench.evaluate.registry import CHARGE_SPREAD, DIPOLE_SLOPE
from bench.report.drawing import NoData, equal_axes, panels
from bench.report.paper.caption import Drawing, counts
from bench.report.paper.lines import legend_below
from bench.report.paper.qualities import of_several
from bench.report.paper.rows import in_units
from bench.report.paper.scene import MODE, Scene
from bench.runs.folder import RunFolder

ORDER = ("direct", "staged", "unrolled", "implicit")
MARKERS = {"direct": "X", "staged": "D", "unrolled": "s", "implicit": "o"}
COMPARED = {"forces": "forces", "energy": "energy", "charges": "atomic charges"}
BY_MODE = {
    f"{DIPOLE_SLOPE.name}_rmse": "polarisability dM/dE",
    f"{CHARGE_SPREAD.name}_rmse": "E(Q) − E(0) less its mean",
}


def draw(scene: Scene) -> Drawing:
    """Errors at the reference density against those at self-consistency, and others by mode.

    Raises:
        NoData: no model was trained in two modes.
    """
    table = of_several(modes(scene), "mode")
    if table.empty:
        raise NoData("no model was trained in two modes: training.mode=direct,implicit")
    pairs = {name: _pairs(scene, table, name) for name in COMPARED}
    compared = [name for name, found in pairs.items() if len(found)]
    by_mode = {} if compared else {"forces_rmse": "forces"}
    by_mode |= {name: text for name, text in BY_MODE.items() if len(scene.values(name))}
    figure, axes = panels(
        len(compared) + len(by_mode), title=scene.title("training modes"), columns=4
    )
    for panel, name in zip(axes, compared):
        _draw_pairs(panel, scene, pairs[name], COMPARED[name])
    for panel, (name, text) in zip(axes[len(compared) :], by_mode.items()):
        _draw_errors(panel, scene, table, name, text)
    legend_below(figure, axes)
    return Drawing(figure, list(_says(scene, compared, by_mode)), list(table["label"].unique()))


def _says(scene: Scene, compared: Sequence[str], by_mode: Mapping[str, str]) -> Iterator[str]:
    if compared:
        yield (
            "RMSE of the test set with the density converged against that at the reference "
            "density, which direct training sees: energies and forces of that density, and "
            "charges after one update from it. Above the diagonal lies what iterating adds; below "
            "it, what the model's energy makes of a density that is not its own. Axes are "
            "logarithmic; an interval that reaches zero leaves the panel. "
            f"{counts(scene, 'forces_at_reference_rmse')} structures."
        )
    if by_mode:
        told = ", ".join(f"{text} {counts(scene, name)}" for name, text in by_mode.items())
        yield f"Errors by mode stand on so many structures, series or pairs: {told}."
    if not compared:
        yield (
            "Without errors at the reference density, which these runs do not have: "
            "bench evaluate run=FOLDER predict=true."
        )


def modes(scene: Scene) -> pd.DataFrame:
    """A row per experiment with a log: label, model and the mode it was trained in."""
    rows = []
    for label, model in scene.experiments.items():
        if label not in (model, f"{model} mode={scene.setting(label, MODE)}"):
            continue  # something else sets it apart, too
        found = set(map(_trained_in, scene.folders(label))) - {""}
        rows += [(label, model, mode) for mode in found]
    table = pd.DataFrame(rows, columns=["label", "model", "mode"])
    known = table[table["mode"].isin(ORDER)]
    return known.sort_values("mode", key=lambda column: column.map(ORDER.index), kind="stable")


def _trained_in(folder: RunFolder) -> str:
    """The mode of a log's rows, which also says what ``auto`` was; empty without a log."""
    try:
        found = set(folder.read_log().mode)
    except BenchError:
        return ""
    return "staged" if len(found) > 1 else "".join(found)


def _pairs(scene: Scene, table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of the table that have both errors: ``at`` the reference and ``own``, with ends."""
    pairs = table
    for column, metric in (("at", f"{name}_at_reference_rmse"), ("own", f"{name}_rmse")):
        values = scene.values(metric)[["mean", "low", "high", "unit"]].add_prefix(f"{column}_")
        pairs = pairs.join(values, on="label", how="inner")
    return pairs


def _draw_pairs(axes: Axes, scene: Scene, pairs: pd.DataFrame, text: str) -> None:
    for row in pairs.to_dict("records"):
        model, mode = row["model"], row["mode"]
        ends = {
            side: np.nan_to_num([[row[f"{side}_mean"] - max(row[f"{side}_low"], 0.0)],
                                 [row[f"{side}_high"] - row[f"{side}_mean"]]])
            for side in ("at", "own")
        }  # fmt: skip
        axes.errorbar(
            row["at_mean"],
            row["own_mean"],
            ends["own"],
            ends["at"],
            fmt=MARKERS[mode],
            color=scene.styles[model].color,
            label=f"{model}, {mode}",
            elinewidth=0.7,
            markersize=6,
        )
    means = pairs[["at_mean", "own_mean"]].to_numpy(float)
    highs = pairs[["at_high", "own_high"]].to_numpy(float)
    axes.set(xscale="log", yscale="log")  # modes differ by factors
    equal_axes(axes, (0.7 * means.min(), 1.2 * np.nanmax([means, highs])))
    _like_ticks(axes)
    unit = str(pairs["own_unit"].iloc[0])
    axes.set(title=text, xlabel=in_units(unit, "at reference density"))
    axes.set_ylabel(in_units(unit, "at self-consistency"))


def _like_ticks(axes: Axes) -> None:
    """Numbers at 1, 2 and 5 of each power along both logarithmic axes."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())


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
