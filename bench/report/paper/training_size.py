"""Error against the number of training structures."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from bench.config.schema import SystemConfig
from bench.errors import BenchError
from bench.report.drawing import NoData, panels
from bench.report.paper import qualities
from bench.report.paper.caption import Drawing
from bench.report.paper.lines import legend_below
from bench.report.paper.rows import in_units, label_logarithm
from bench.report.paper.scene import SIZE, Scene

APART = 1.04  # ratio of the places of two models of one size, whose intervals else hide each other


def draw(scene: Scene) -> Drawing:
    """A panel for each quality, a line for each model, both axes logarithmic.

    Raises:
        NoData: no model was trained on two sizes.
    """
    found = qualities.of_several(sizes(scene), "size")
    if found.empty:
        raise NoData(f"no model was trained on two sizes: {SIZE}=20,40")
    shown = qualities.shown(scene, found["label"])
    figure, axes = panels(len(shown), title=scene.title("error against training-set size"))
    for panel, name in zip(axes, shown):
        _draw(panel, scene, found, name)
    legend_below(figure, axes)
    says = [
        "Root mean square errors of the same test set after training on nested subsets; models "
        "of one size stand beside each other.",
        qualities.stands_on(scene, shown),
    ]
    return Drawing(figure, says, list(found["label"]))


def sizes(scene: Scene) -> pd.DataFrame:
    """A row for each experiment that nothing but its size sets apart: label, model, size."""
    asked = {label: scene.setting(label, SIZE) or 0 for label in scene.experiments}
    whole = whole_size(scene) if any(asked.values()) else 0
    rows = [
        (label, model, asked[label] or whole)
        for label, model in scene.experiments.items()
        if label in (model, f"{model} train_size={asked[label]}") and (asked[label] or whole)
    ]
    return pd.DataFrame(rows, columns=["label", "model", "size"]).sort_values("size")


def whole_size(scene: Scene) -> int:
    """Structures of the whole training set; 0 where these data are not here."""
    from bench.data.dataset import dataset_checksum, load_dataset

    config = next(scene.folders(next(iter(scene.experiments)))).read_plain_config()["system"]
    system = SystemConfig(name=config["name"], path=config.get("path", ""))
    try:
        if dataset_checksum(system) != scene.checksum:
            return 0
        return len(load_dataset(system).frames["train"])
    except BenchError:
        return 0


def _draw(axes: Axes, scene: Scene, found: pd.DataFrame, name: str) -> None:
    values, models = scene.values(name), found["model"].nunique()
    for place, (model, rows) in enumerate(found.groupby("model", sort=False)):
        beside = APART ** (place - (models - 1) / 2)
        style = scene.styles[str(model)]
        known = values.reindex(rows["label"]).set_axis(rows["size"]).dropna(subset=["mean"])
        means = known["mean"].to_numpy(dtype=float)
        bars = np.array([means - known["low"], known["high"] - means])
        axes.errorbar(
            known.index * beside,
            means,
            np.clip(bars, 0.0, 0.95 * means),  # what a logarithmic axis can show
            fmt=style.line,
            color=style.color,
            marker=style.marker,
            capsize=2,
            label=str(model),
        )
    axes.set(
        xscale="log", yscale="log", title=qualities.QUALITIES[name], xlabel="training structures"
    )
    axes.set_ylabel(in_units(str(values["unit"].iloc[0])))
    axes.set_xticks(sorted(found["size"].unique()), sorted(found["size"].unique()))
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_ylim()
    label_logarithm(axes.yaxis, high / low)
