"""The errors that figures over many runs show first, and what they stand on."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from bench.evaluate.registry import CHARGE_DIFFERENCE, DIPOLE_SLOPE
from bench.report.paper.caption import counts
from bench.report.paper.scene import Scene

QUALITIES = {
    "forces_rmse": "forces",
    "energy_rmse": "energy",
    f"{DIPOLE_SLOPE.name}_rmse": "polarisability dM/dE",
    f"{CHARGE_DIFFERENCE.name}_rmse": "E(Q) − E(0)",
}
MOST = 3  # panels


def shown(scene: Scene, labels: Iterable[str]) -> list[str]:
    """The first qualities that one of these experiments has."""
    wanted = set(labels)
    return [name for name in QUALITIES if set(scene.values(name).index) & wanted][:MOST]


def stands_on(scene: Scene, names: Iterable[str]) -> str:
    """A sentence on how many structures, series or pairs each quality stands on."""
    stands = ", ".join(f"{QUALITIES[name]} {counts(scene, name)}" for name in names)
    return f"Errors stand on so many structures, series or pairs: {stands}."


def of_several(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows of models that have more than one value in a column."""
    several = table.groupby("model")[column].nunique()
    return table[table["model"].isin(several.index[several > 1])]
