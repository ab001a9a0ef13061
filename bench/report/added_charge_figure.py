"""Where an added charge sits around a vacancy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import ase
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evaluate.added_charge import NEAR, RadialCharge, radial_charge
from bench.evaluate.charge_groups import (
    CHARGE_BLIND,
    NO_GROUP,
    charge_groups,
    is_charge_blind,
    state_pairs,
)
from bench.evaluate.scoring import Missing
from bench.report.drawing import NoData, panels

RADII = np.arange(0.0, 6.01, 0.05)  # Å


def added_charge_figure(frames: Sequence[ase.Atoms], title: str) -> Figure:
    """q(Q) − q(0) of all atoms within r of the vacancy: means and ranges over the geometries.

    Raises:
        NoData: no geometry at several charges, no vacancy, or no sound charges.
    """
    if is_charge_blind(frames):
        raise NoData(CHARGE_BLIND)
    by_charge: dict[float, list[RadialCharge]] = defaultdict(list)
    reasons = []
    for pair in state_pairs(charge_groups(frames)):
        try:
            found = radial_charge(pair)
        except Missing as reason:
            reasons.append(str(reason))
            continue
        by_charge[pair.charge].append(found)
    if not by_charge:
        raise NoData("; ".join(dict.fromkeys(reasons)) or NO_GROUP)
    figure, axes = panels(len(by_charge), title=title)
    for panel, charge in zip(axes, sorted(by_charge)):
        _draw(panel, charge, by_charge[charge])
    axes[0].legend(loc="best")
    return figure


def _draw(axes: Axes, charge: float, found: Sequence[RadialCharge]) -> None:
    both = np.array([one.within(RADII) for one in found])  # [geometries, 2, r]
    for source, (name, style) in enumerate((("DFT", "-"), ("model", "--"))):
        curves = both[:, source]
        (line,) = axes.plot(RADII, curves.mean(0), style, label=name)
        axes.fill_between(
            RADII, curves.min(0), curves.max(0), color=line.get_color(), alpha=0.15, linewidth=0.0
        )
    axes.axvline(NEAR, color="0.55", linewidth=0.8, linestyle=":")
    near = both.mean(0)[:, np.searchsorted(RADII, NEAR)]
    axes.set(
        title=f"Q = {charge:+g}, geometries: {len(found)}\nwithin {NEAR:g} Å: "
        f"DFT {near[0]:.2f}, model {near[1]:.2f} e",
        xlabel="r from the vacancy (Å)",
        ylabel="added charge within r (e)",
    )
    axes.margins(x=0.0)
