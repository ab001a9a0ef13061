"""Energy differences between charge states at equal geometry, model against DFT."""

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
    charge_groups,
    is_charge_blind,
)
from bench.evaluate.charge_states import (
    Difference,
    curvatures,
    differences,
    spreads,
)
from bench.report.drawing import NoData, panels, parity, rmse


def charge_figure(frames: Sequence[ase.Atoms], title: str) -> Figure:
    """E(Q) − E(0) raw and less its mean over geometries, and E(Q) − 2 E(Q+1) + E(Q+2).

    Raises:
        NoData: no geometry at several charges, or a point that does not know the charge.
    """
    states = charge_groups(frames)
    if not states:
        raise NoData(NO_GROUP)
    if is_charge_blind(frames):
        raise NoData(CHARGE_BLIND)
    kinds = {
        "E(Q) − E(0)": differences(states),
        "E(Q) − E(0) less its mean": spreads(states),
        "E(Q) − 2E(Q+1) + E(Q+2)": curvatures(states),
    }
    sound = {label: [d for d in found if d.sound] for label, found in kinds.items()}
    drawn = {label: found for label, found in sound.items() if found}
    if not drawn:
        raise NoData("no charge state with a sound prediction")
    figure, axes = panels(len(drawn), title=title)
    for panel, (label, found) in zip(axes, drawn.items()):
        _draw(panel, label, found)
    return figure


def _draw(axes: Axes, label: str, found: Sequence[Difference]) -> None:
    rows: dict[str, list[np.ndarray]] = defaultdict(list)
    for difference in found:
        rows[difference.subset.replace("charge=", "Q = ")].append(difference.values[:2])
    pairs = {name: tuple(np.array(values).T) for name, values in rows.items()}
    parity(axes, pairs, size=5.0)
    axes.set(title=f"RMSE {rmse(pairs):.3g} eV", xlabel=f"{label}, DFT (eV)", ylabel="model (eV)")
    axes.legend(loc="best", handletextpad=0.1)
