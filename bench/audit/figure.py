"""Distributions of every label, by split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from bench.audit.label_values import label_values
from bench.labels.keys import SPLITS
from bench.storage import replacing

FORMATS = (".png", ".pdf", ".svg")
_COLOURS = {"train": "#4477aa", "valid": "#ccbb44", "test": "#ee6677"}


def draw(frames: Sequence[Atoms], path: Path) -> None:
    """A histogram for every label; the bars of the splits stand on each other."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    by_split = {s: [a for a in frames if a.info["split"] == s] for s in SPLITS}
    labels = label_values(frames)
    parts = {s: _by_label(by_split[s], frames) for s in SPLITS}
    columns = 3
    rows = -(-len(labels) // columns)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(3.2 * columns, 2.4 * rows), squeeze=False
    )
    for axis, (name, unit, values, count, per_atom) in zip(axes.flat, labels):
        edges = np.histogram_bin_edges(values, bins=40)
        axis.hist(
            [parts[s].get(name, np.empty(0)) for s in SPLITS],
            bins=list(edges),
            stacked=True,
            label=list(SPLITS),
            color=[_COLOURS[s] for s in SPLITS],
        )
        axis.set_xlabel(f"{name} ({unit})")
        axis.set_title(f"{count} structures", fontsize=8)
        if per_atom:
            axis.set_yscale("log")
    for axis in list(axes.flat)[len(labels) :]:
        axis.set_visible(False)
    axes.flat[0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    with replacing(path) as file:
        figure.savefig(file, dpi=150)
    pyplot.close(figure)


def _by_label(frames: Sequence[Atoms], everything: Sequence[Atoms]) -> dict[str, np.ndarray]:
    found = label_values(frames, everything) if frames else []
    return {one.name: one.numbers for one in found}
