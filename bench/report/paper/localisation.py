"""Where an added charge sits around a vacancy, all models in one panel per charge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from matplotlib.axes import Axes

from bench.evaluate.added_charge import NEAR, radial_charge
from bench.evaluate.charge_groups import charge_groups, state_pairs
from bench.evaluate.registry import RADIAL_CHARGE
from bench.evaluate.scoring import Missing
from bench.report.added_charge_figure import RADII
from bench.report.drawing import panels
from bench.report.paper.caption import Drawing, counts
from bench.report.paper.lines import legend_below, model_curve
from bench.report.paper.scene import Scene

Curves = dict[float, np.ndarray]  # charge to [2, r]: DFT's and the model's, means over geometries


def draw(scene: Scene) -> Drawing:
    """q(Q) − q(0) of all atoms within r of the vacancy.

    Raises:
        NoData: no experiment has such charges, or none has kept its predictions.
    """
    found = _curves(scene)
    charges = sorted({charge for seeds in found.values() for curves in seeds for charge in curves})
    title = scene.title("where an added charge sits")
    figure, axes = panels(len(charges), title=title)
    for panel, charge in zip(axes, charges):
        _draw(panel, scene, found, charge)
    axes[0].set_ylabel("added charge within r (e)")
    legend_below(figure, axes)
    pairs = ", ".join(
        f"Q = {charge:+g}: {counts(scene, f'{RADIAL_CHARGE.name}_rmse', f'charge={charge:+g}')}"
        for charge in charges
    )
    says = [
        "Charge of a charged cell less that of the neutral one at equal geometry, summed over "
        f"atoms within r of the vacancy; dotted: {NEAR:g} Å.",
        "Lines are means over geometries and seeds, shades the range over seeds.",
        f"Geometries that the errors of these curves stand on: {pairs}.",
    ]
    return Drawing(figure, says, list(found), intervals=False)


def _curves(scene: Scene) -> dict[str, list[Curves]]:
    scored = scene.values(f"{RADIAL_CHARGE.name}_rmse").index
    labels = (label for label in scene.points if label in scored)
    kept = scene.predictions(labels, none="no experiment has charges around a vacancy")
    return {label: [_of_run(frames) for frames in seeds] for label, seeds in kept.items()}


def _of_run(frames: Sequence[Atoms]) -> Curves:
    by_charge = defaultdict(list)
    for pair in state_pairs(charge_groups(frames)):
        try:
            by_charge[pair.charge].append(radial_charge(pair).within(RADII))
        except Missing:
            continue
    return {charge: np.mean(curves, axis=0) for charge, curves in by_charge.items()}


def _draw(axes: Axes, scene: Scene, found: dict[str, list[Curves]], charge: float) -> None:
    reference = [c[charge][0] for seeds in found.values() for c in seeds if charge in c]
    for label, seeds in found.items():
        curves = [of[charge][1] for of in seeds if charge in of]
        if curves:
            model_curve(axes, scene, label, RADII, curves)
    axes.plot(RADII, reference[0], "-", color="black", linewidth=1.8, label="DFT")
    axes.axvline(NEAR, color="0.55", linewidth=0.8, linestyle=":")
    axes.set(title=f"Q = {charge:+g}".replace("-", "−"), xlabel="r from the vacancy (Å)")
    axes.margins(x=0.0)
