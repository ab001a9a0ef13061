"""Charge and potential that a field induces along z: metal, water and both together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ase
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evaluate.field_response import parts_alone
from bench.evaluate.layers import is_metal
from bench.evaluate.profiles import InducedProfile, induced_profile
from bench.evaluate.scoring import Missing
from bench.evaluate.series import FieldSeries, field_series
from bench.report.drawing import NoData, panels

# source to its label and line; the reference's multipoles are the best that such a density can do
LINES = {
    "reference": ("DFT", "-", "black"),
    "predicted": ("model", "--", "C0"),
    "multipoles": ("DFT's multipoles", ":", "0.6"),
}


def profile_figure(frames: Sequence[ase.Atoms], title: str) -> Figure:
    """One column per kind of slab: above the induced charge, below the potential, both per field.

    An interface is shown with its own metal and water where these stand alone at the same
    positions; all series are in the metrics.

    Raises:
        NoData: no series with profile and multipoles.
    """
    found, reasons = one_of_each_kind(field_series(frames))
    if not found:
        raise NoData("; ".join(dict.fromkeys(reasons)) or "no field series in the test set")
    figure, axes = panels(2 * len(found), title=title, columns=len(found))
    for above, below, (series, profile) in zip(axes, axes[len(found) :], found):
        _draw(above, series, profile, lambda p, source: 1000.0 * p.density[source])
        _draw(below, series, profile, lambda p, source: p.potential[source])
        below.plot(profile.heights, profile.vacuum, color="0.8", zorder=0, label="vacuum")
        above.set(ylabel="induced charge (me/(VÅ²))", title=_title(series, profile))
        below.set(ylabel="induced potential (V/(V/Å))", xlabel="z (Å)")
    axes[0].legend(loc="best")
    axes[len(found)].legend(loc="best")
    return figure


def one_of_each_kind(
    series: Sequence[FieldSeries],
) -> tuple[list[tuple[FieldSeries, InducedProfile]], list[str]]:
    """Metal, what may be on it, and both, as far as there are profiles; and why not."""
    found, reasons = [], []
    for candidates in _candidates(series):
        for one in candidates:
            try:
                found.append((one, induced_profile(one)))
                break
            except Missing as reason:
                reasons.append(str(reason))
    return found, reasons


def _candidates(series: Sequence[FieldSeries]) -> list[list[FieldSeries]]:
    """By kind; an interface whose parts stand alone at the same positions goes first, with them."""
    metal = {one.name: is_metal(one.atoms) for one in series}
    kinds = [
        [one for one in series if metal[one.name].all()],
        [one for one in series if not metal[one.name].any()],
        [one for one in series if metal[one.name].any() and not metal[one.name].all()],
    ]
    for interface in kinds[2]:
        alone = [part for part in parts_alone(interface, series) if part is not None]
        if len(alone) == 2:
            return [[first, *kind] for first, kind in zip((*alone, interface), kinds)]
    return kinds


def _title(series: FieldSeries, profile: InducedProfile) -> str:
    lines = [f"{series.atoms.get_chemical_formula(mode='metal')}, {series.name}"]
    if profile.screening:
        drops = (f"{LINES[s][0]} {profile.screening[s]:.2g}" for s in ("reference", "predicted"))
        lines.append(f"screening ratio {', '.join(drops)}")
    return "\n".join(lines)


def _draw(
    axes: Axes,
    series: FieldSeries,
    profile: InducedProfile,
    take: Callable[[InducedProfile, str], np.ndarray],
) -> None:
    for source, (label, style, color) in LINES.items():
        axes.plot(profile.heights, take(profile, source), style, color=color, label=label)
    for height in profile.layers:
        axes.axvline(height, color="0.85", linewidth=3.0, zorder=0)
    rest = series.atoms.positions[~is_metal(series.atoms), 2]
    if len(rest):
        axes.axvspan(rest.min(), rest.max(), color="tab:blue", alpha=0.08, linewidth=0.0)
    axes.margins(x=0.0)
