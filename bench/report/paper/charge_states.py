"""What a charge changes at equal geometry, and where it sits, by model."""

from __future__ import annotations

from bench.evaluate.registry import (
    ADDED_CHARGE,
    CHARGE_CURVATURE,
    CHARGE_DIFFERENCE,
    CHARGE_FORCES,
    CHARGE_SPREAD,
    VACANCY_CHARGE,
)
from bench.report.drawing import NoData
from bench.report.paper.caption import Drawing, counts
from bench.report.paper.rows import Panel, in_units, panel, row_figure
from bench.report.paper.scene import CHARGE, Scene

ERRORS = {
    CHARGE_DIFFERENCE: "E(Q) − E(0)",
    CHARGE_SPREAD: "E(Q) − E(0), less its\nmean over geometries",
    CHARGE_CURVATURE: "E(Q) − 2E(Q+1) + E(Q+2)",
    CHARGE_FORCES: "forces F(Q) − F(0)",
    ADDED_CHARGE: "added charge of each atom",
}


def draw(scene: Scene) -> Drawing:
    """Errors of energies, forces and charges between charge states, and the charge at a vacancy.

    Raises:
        NoData: no experiment has several charge states.
    """
    panels = [panel(scene, f"{family.name}_rmse", title) for family, title in ERRORS.items()]
    panels += [_within(scene, subset) for subset in scene.charge_subsets(VACANCY_CHARGE.name)]
    try:
        figure, labels = row_figure(scene, panels, "charge states")
    except NoData as nothing:
        raise NoData("no geometry with several total charges that a model knows") from nothing
    stands = ", ".join(
        f"{family.name.replace('_', ' ')} {counts(scene, f'{family.name}_rmse')}"
        for family in ERRORS
    )
    says = [
        "Charge states against the neutral one at equal geometry: root mean square errors.",
        "Added charge within 3 Å of the vacancy: mean over geometries; line: DFT.",
        f"Pairs of charge states, or triples, that errors stand on: {stands}. A dash: not "
        "predicted, or blind to the total charge.",
    ]
    return Drawing(figure, says, labels)


def _within(scene: Scene, subset: str) -> Panel:
    charge = subset.removeprefix(CHARGE).replace("-", "−")
    return Panel(
        f"added charge within 3 Å,\nQ = {charge}",
        in_units(VACANCY_CHARGE.unit, "charge"),
        scene.values(VACANCY_CHARGE.name, subset),
        scene.reference(VACANCY_CHARGE.name, subset),
        error=False,
    )
