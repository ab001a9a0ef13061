"""What a field does to metal, to what is on it and to both together, by model."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from bench.evaluate.registry import (
    BEYOND,
    BORN_CHARGE,
    COOPERATIVITY,
    DIPOLE_SLOPE,
    INDUCED_DIPOLE,
    LAYER_SLOPE,
    SCREENING_RATIO,
)
from bench.report.drawing import NoData
from bench.report.paper.caption import Drawing, counts
from bench.report.paper.rows import Panel, in_units, panel, row_figure
from bench.report.paper.scene import Scene


def draw(scene: Scene) -> Drawing:
    """Polarisability of each kind of slab, cooperativity, screening, and errors of the response.

    Raises:
        NoData: no experiment has a field series.
    """
    kinds = series_by_kind(scene)
    if not kinds:
        raise NoData("no field series in the test set")
    panels = [
        *(_slopes(scene, DIPOLE_SLOPE.name, kind, names) for kind, names in kinds.items()),
        _slopes(scene, COOPERATIVITY.name, "cooperativity", scene.subsets(COOPERATIVITY.name)),
        *(_screening(scene, kind, names) for kind, names in kinds.items()),
        panel(scene, f"{BORN_CHARGE.name}_rmse", "Born charges"),
        panel(
            scene,
            f"{INDUCED_DIPOLE.name}_rmse",
            "dipole in stronger\nfields than trained on",
            BEYOND,
        ),
    ]
    figure, labels = row_figure(scene, panels, "response to an electric field")
    stands = ", ".join(f"{kind}: {len(names)}" for kind, names in kinds.items())
    says = [
        "Response to a field at fixed positions. dM/dE: least-squares slope of the dipole against "
        "the felt field, mean over the series of a kind. Line: DFT in the same fields.",
        "Cooperativity: dM/dE of an interface less those of its metal and of the rest, each alone. "
        "Screening ratio: potential drop across the metal over that of vacuum (0: a conductor).",
        f"Field series ({stands}); Born charges stand on {counts(scene, 'born_charge_rmse')} "
        "series. A dash: not predicted.",
    ]
    return Drawing(figure, says, labels)


def series_by_kind(scene: Scene) -> dict[str, list[str]]:
    """Names of the field series: metal alone, what else there is alone, and both together.

    The metrics of layers tell them apart; without any, all series are of one kind.
    """
    parts: dict[str, list[str]] = defaultdict(list)
    for subset in scene.subsets(f"{LAYER_SLOPE.name}_reference"):
        series, _, part = subset.rpartition(", ")
        parts[series].append(part)
    rest = {p for found in parts.values() for p in found if not p.startswith("layer ")}
    on = rest.pop() if len(rest) == 1 else "rest"
    kinds: dict[str, list[str]] = {"metal alone": [], f"{on} alone": [], f"metal with {on}": []}
    metal, other, both = list(kinds)
    everything = scene.subsets(f"{DIPOLE_SLOPE.name}_reference")
    if not parts:
        return {"all series": everything} if everything else {}
    for one in everything:
        bare = all(part.startswith("layer ") for part in parts[one])
        kinds[other if not parts[one] else metal if bare else both].append(one)
    return {kind: found for kind, found in kinds.items() if found}


def _slopes(scene: Scene, name: str, title: str, series: list[str]) -> Panel:
    values = scene.mean_over(name, series)
    reference = scene.mean_over(f"{name}_reference", series)["mean"].mean()
    return Panel(title, in_units(DIPOLE_SLOPE.unit, "dM/dE"), values, float(reference), error=False)


def _screening(scene: Scene, kind: str, series: list[str]) -> Panel:
    found = [one for one in series if one in scene.subsets(SCREENING_RATIO.name)]
    values = scene.mean_over(SCREENING_RATIO.name, found)
    reference = scene.mean_over(f"{SCREENING_RATIO.name}_reference", found)["mean"].mean()
    name = SCREENING_RATIO.name.replace("_", " ")
    shown = float(reference) if found else np.nan
    return Panel(f"screening, {kind}", name, values, shown, error=False)
