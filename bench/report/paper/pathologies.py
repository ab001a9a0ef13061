"""What charge equilibration is known to get wrong: chains that conduct, fractions of charges."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.report.drawing import NoData
from bench.report.paper.caption import Drawing
from bench.report.paper.rows import Panel, in_units, row_figure
from bench.report.paper.scene import Scene, over_seeds

# Measurements of ``bench check``: title and axis of their panel, and whether they are errors.
SHOWN = {
    "polarisability per molecule, 8": ("chain of 8 molecules", "α per molecule", False),
    "polarisability per molecule, 16": ("chain of 16 molecules", "α per molecule", False),
    "chain exponent": ("chain exponent\n(1: insulates, 3: conducts)", "exponent", False),
    "fractional charge": ("fraction of a charge on\nseparated ions", "charge", True),
    "missing attraction of ions": ("missing attraction of\nseparated ions", "q₁q₂ lost", True),
    "energy of a bystander": ("what a molecule 100 Å\nfrom an ion notices", "energy", True),
    "unscreened potential": ("potential that a metal\nleaves unscreened", "of vacuum's", True),
}


def draw(scene: Scene) -> Drawing:
    """Numbers of the probes of trained models, with the bar that each has to stay below.

    Raises:
        NoData: no run has been checked.
    """
    everything = measurements(scene)
    if everything.empty:
        raise NoData("no run has verdicts of its probes: bench check run=FOLDER writes them")
    measured = everything[everything["name"].isin(SHOWN)]
    panels = []
    for name, (title, axis, error) in SHOWN.items():
        rows = measured[measured["name"] == name]
        if len(rows):
            text = in_units(str(rows["unit"].iloc[0]), axis)
            bar = float(rows["bar"].dropna().iloc[0]) if rows["bar"].notna().any() else np.nan
            values = over_seeds(rows)
            panels.append(Panel(title, text, values, bar, "passes up to", error=error))
    figure, labels = row_figure(scene, panels, "probes of trained models")
    materials = "; ".join(dict.fromkeys(m for m in measured["material"] if m))
    checked = everything.groupby("label")["run"].nunique()
    numbers = {label: int(checked[label]) for label in labels if label in checked.index}
    each = f"{min(numbers.values())} of each model"
    seeds = ", ".join(f"{label} {number}" for label, number in numbers.items())
    says = [
        "Probes without labels (bench check): polarisability of chains of molecules, ions far "
        "apart, a molecule far from an ion, a metal in a field. Line: the largest value to pass.",
        f"Materials: {materials}.",
        f"Checked runs: {each if len({*numbers.values()}) == 1 else seeds}. A dash: not applicable "
        "to this point, or not checked.",
    ]
    return Drawing(figure, says, labels)


def measurements(scene: Scene) -> pd.DataFrame:
    """A row for each number of each probed run: label, run, name, value, unit, bar, material."""
    rows = []
    for label in scene.points:
        for folder in scene.folders(label):
            for result in folder.read_probes():
                rows += [
                    {
                        **{key: number[key] for key in ("name", "value", "unit", "bar")},
                        "label": label,
                        "run": str(folder.path),
                        "material": result["material"],
                    }
                    for number in result["measurements"]
                ]
    columns = ["label", "run", "name", "value", "unit", "bar", "material"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"value": "float64", "bar": "float64"})
