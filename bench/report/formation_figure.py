"""Formation energies of charge states against the Fermi level."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import ase
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evaluate.charge_groups import (
    CHARGE_BLIND,
    NO_GROUP,
    ChargeStates,
    charge_groups,
    is_charge_blind,
)
from bench.evaluate.relaxed import relaxed_states
from bench.evaluate.transition_levels import correction
from bench.report.drawing import NoData, panels

MARGIN = 1.0  # eV beyond the outermost levels


def formation_figure(frames: Sequence[ase.Atoms], title: str) -> Figure:
    """Energies of each charge over the neutral state, E(Q) − E(0) + ΔE + Q ε_F, in DFT and model.

    One panel at equal geometry (means over geometries), one with every charge at its own minimum
    where there are such structures.

    Raises:
        NoData: no geometry with charge 0 and another, or a point that does not know the charge.
    """
    if is_charge_blind(frames):
        raise NoData(CHARGE_BLIND)
    kinds = {
        "equal geometry": _offsets(charge_groups(frames), relaxed=False),
        "each charge relaxed": _offsets(relaxed_states(frames), relaxed=True),
    }
    drawn = {kind: offsets for kind, offsets in kinds.items() if offsets}
    if not drawn:
        raise NoData(NO_GROUP)
    figure, axes = panels(len(drawn), title=title)
    for panel, (kind, offsets) in zip(axes, drawn.items()):
        _draw(panel, kind, offsets)
    axes[0].legend(loc="best")
    return figure


Offsets = dict[float, np.ndarray]  # charge to [geometries, 3]


def _offsets(states: Sequence[ChargeStates], *, relaxed: bool) -> Offsets:
    """By charge, of each geometry: E(Q) − E(0) + ΔE of DFT and of the model, and ΔE, in eV.

    Uncorrected, ΔE NaN, where the structures do not state the dielectric constants.
    """
    found: dict[float, list[list[float]]] = defaultdict(list)
    for state in states:
        for charge in sorted({*state.frames} - {0}):
            if {0, charge} <= state.sound:
                shift = correction(state.frames[charge], relaxed=relaxed)
                reference, predicted, _ = state.energies[charge] - state.energies[0]
                added = shift or 0.0
                found[charge].append(
                    [reference + added, predicted + added, np.nan if shift is None else shift]
                )
    return {charge: np.array(rows) for charge, rows in sorted(found.items())}


def _draw(axes: Axes, kind: str, offsets: Offsets) -> None:
    means = {charge: rows.mean(0) for charge, rows in offsets.items()}
    crossings = [-value / charge for charge, mean in means.items() for value in mean[:2]]
    levels = np.array([min(crossings) - MARGIN, max(crossings) + MARGIN])
    axes.axhline(0.0, color="0.55", linewidth=0.8)
    for charge, mean in means.items():
        name = f"Q = {charge:+g}, geometries: {len(offsets[charge])}"
        (line,) = axes.plot(levels, mean[0] + charge * levels, "-", label=name)
        axes.plot(levels, mean[1] + charge * levels, "--", color=line.get_color())
    shifts = ", ".join(f"{mean[2]:.2f}" for mean in means.values())
    known = not np.isnan([mean[2] for mean in means.values()]).any()
    axes.set(
        title=f"{kind} (dashes: model)\n"
        + (f"images corrected by {shifts} eV" if known else "images not corrected"),
        xlabel="Fermi level over mean potential (eV)",
        ylabel="formation energy over Q = 0 (eV)",
    )
    axes.margins(x=0.0)
