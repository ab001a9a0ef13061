"""Charge and potential that a field induces along z, all models in one panel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes

from bench.evaluate.profiles import InducedProfile
from bench.evaluate.registry import DENSITY_SLOPE
from bench.evaluate.series import field_series
from bench.report.drawing import NoData, panels
from bench.report.paper.caption import Drawing
from bench.report.paper.lines import legend_below, model_curve
from bench.report.paper.scene import Scene
from bench.report.profile_figure import one_of_each_kind

NOTHING = 1e-8  # e/(V Å²), rounding
Take = Callable[[InducedProfile, str], np.ndarray]


def draw(scene: Scene) -> Drawing:
    """A column for metal, for what is on it and for both; above the charge, below the potential.

    Raises:
        NoData: no experiment has profiles, or none has kept its predictions.
    """
    found = _profiles(scene)
    names = list(dict.fromkeys(name for of in found.values() for name in of))
    title = scene.title("what a field induces along z")
    figure, axes = panels(2 * len(names), title=title, columns=len(names))
    parts: tuple[tuple[str, Take], ...] = (
        ("induced charge density (me/(V Å²))", lambda p, source: 1000.0 * p.density[source]),
        ("induced potential (V/(V/Å))", lambda p, source: p.potential[source]),
    )
    for row, (text, take) in enumerate(parts):
        for column, name in enumerate(names):
            panel = axes[row * len(names) + column]
            panel.set(ylabel=text if column == 0 else "", xlabel="z (Å)" if row else "")
            panel.set_title("" if row else name)
            _draw(
                panel, scene, {label: of[name] for label, of in found.items() if name in of}, take
            )
    legend_below(figure, axes)
    some = next(iter(found.values()))
    fields = ", ".join(f"{name}: {some[name][0].fields}" for name in names if name in some)
    says = [
        "Planar averages per unit of felt field at fixed positions, every density smeared to the "
        "models' Gaussian width; potentials include the field's own. Grey: layers of metal.",
        "Lines are means over seeds, shades their range. Dots: what DFT's own multipoles give in "
        "Gaussians of that width.",
        *_unmoved(found),
        f"One geometry of each kind; fields it stands on: {fields}.",
    ]
    return Drawing(figure, says, list(found), intervals=False)


def _unmoved(found: dict[str, dict[str, list[InducedProfile]]]) -> list[str]:
    """A sentence on the experiments whose lines lie on each other, since nothing is induced."""
    names = [
        label
        for label, of in found.items()
        if all(np.abs(p.density["predicted"]).max() < NOTHING for each in of.values() for p in each)
    ]
    return [f"Nothing is induced, one line for all: {', '.join(names)}."] if len(names) > 1 else []


def _profiles(scene: Scene) -> dict[str, dict[str, list[InducedProfile]]]:
    """By experiment and by formula and series, one profile per seed."""
    scored = scene.values(f"{DENSITY_SLOPE.name}_rmse").index
    none = "no experiment has profiles along z"
    found: dict[str, dict[str, list[InducedProfile]]] = {}
    labels = (label for label in scene.points if label in scored)
    for label, seeds in scene.predictions(labels, none=none).items():
        of = defaultdict(list)
        for frames in seeds:
            for series, profile in one_of_each_kind(field_series(frames))[0]:
                formula = series.atoms.get_chemical_formula(mode="metal")
                of[f"{formula}, {series.name}"].append(profile)
        if of:
            found[label] = of
    if not found:
        raise NoData(none)
    return found


def _draw(axes: Axes, scene: Scene, found: dict[str, list[InducedProfile]], take: Take) -> None:
    some = next(iter(found.values()))[0]
    for height in some.layers:
        axes.axvline(height, color="0.88", linewidth=3.0, zorder=0)
    for label, profiles in found.items():
        model_curve(axes, scene, label, some.heights, [take(p, "predicted") for p in profiles])
    axes.plot(some.heights, take(some, "multipoles"), ":", color="0.35", label="DFT's multipoles")
    axes.plot(some.heights, take(some, "reference"), "-", color="black", linewidth=1.8, label="DFT")
    axes.margins(x=0.0)
