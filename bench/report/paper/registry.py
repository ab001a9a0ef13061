"""All figures over many runs, in the order in which a paper would show them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class PaperFigure(NamedTuple):
    """A figure's module and function, imported when it is drawn, and one line about it."""

    drawing: str
    shows: str

    def load(self) -> Callable[..., object]:
        """The function that draws it: of a ``Scene``, gives a ``Drawing``."""
        from importlib import import_module

        module, _, name = self.drawing.partition(":")
        draw: Callable[..., object] = getattr(import_module(f"bench.report.paper.{module}"), name)
        return draw


FIGURES = {
    "design_space": PaperFigure("design_space:draw", "points on their axes, accuracy and cost"),
    "accuracy_cost": PaperFigure("accuracy_cost:draw", "errors against cost, with the front"),
    "field_response": PaperFigure(
        "field_response:draw", "what a field does to metal, water and interface, by model"
    ),
    "profiles": PaperFigure("profiles:draw", "induced charge and potential along z"),
    "charge_states": PaperFigure("charge_states:draw", "errors between charge states, by model"),
    "localisation": PaperFigure("localisation:draw", "where an added charge sits"),
    "formation_energies": PaperFigure(
        "formation_energies:draw", "formation energies against the Fermi level"
    ),
    "transition_levels": PaperFigure(
        "formation_energies:draw_levels", "levels where two charges are equally stable"
    ),
    "qeq_pathologies": PaperFigure(
        "pathologies:draw", "chains that conduct, fractions of charges (bench check run=FOLDER)"
    ),
    "training_modes": PaperFigure(
        "training_modes:draw", "error at the reference density and at self-consistency"
    ),
    "training_size": PaperFigure("training_size:draw", "error against training-set size"),
}
