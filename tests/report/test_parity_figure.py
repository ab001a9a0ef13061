"""Points of the parity panels: units, names, and what is left out."""

import numpy as np
import pytest

from bench.report.drawing import NoData
from bench.report.parity_figure import parity_figure
from bench.testing.frames import slab
from tests.evaluate.predicted import frame


def drawn(figure, panel):
    """Legend entry to reference and predicted values of a panel."""
    lines = [line for line in figure.axes[panel].lines if line.get_marker() != "None"]
    return {x.get_label(): (x.get_xdata().tolist(), x.get_ydata().tolist()) for x in lines}


def panel_names(figure):
    return [axes.get_xlabel().split(", DFT")[0] for axes in figure.axes]


def test_energies_are_per_atom_above_the_baseline_by_subset():
    frames = [
        frame(energy=(-10.0, -10.006), baseline=-10.2, atoms=2, subset="water"),
        frame(energy=(-20.0, -19.996), baseline=-20.4, atoms=4, subset="interface"),
    ]
    points = drawn(parity_figure(frames, "title"), 0)
    assert list(points) == ["interface", "water"]
    assert points["water"] == (pytest.approx([100.0]), pytest.approx([97.0]))
    assert points["interface"] == (pytest.approx([100.0]), pytest.approx([101.0]))


def test_values_are_in_the_units_of_the_metrics_and_named_by_element():
    atoms = slab()
    for name in ("forces", "multipoles"):
        atoms.arrays[f"PRED_{name}"] = atoms.arrays[f"REF_{name}"] + 0.5
    atoms.info |= {"BASELINE_energy": 0.0}
    figure = parity_figure([atoms], "title")
    assert panel_names(figure) == ["force components", "atomic charges", "atomic dipoles"]
    for panel, name, components, factor in (
        (0, "forces", slice(3), 1000.0),
        (1, "multipoles", slice(1), 1.0),
        (2, "multipoles", slice(1, 4), 1.0),
    ):
        points = drawn(figure, panel)
        assert list(points) == ["Al", "H", "O"]
        values = factor * atoms.arrays[f"REF_{name}"][atoms.numbers == 1][:, components].ravel()
        assert points["H"] == (pytest.approx(values), pytest.approx(values + 0.5 * factor))
    assert figure.axes[0].get_title() == "RMSE 500 meV/Å"


def test_charges_alone_are_enough():
    atoms = frame()
    atoms.set_array("PRED_multipoles", None)
    atoms.set_array("PRED_multipoles", np.array([0.1, 0.3]))
    points = drawn(parity_figure([atoms], "title"), 2)
    assert points == {"Pt": ([0.0, 0.0], [0.1, 0.3])}


def test_only_defined_components_of_a_dipole_are_drawn():
    figure = parity_figure([frame(dipole=(0.5, 0.7)), frame()], "title")
    assert drawn(figure, 4) == {"interface": ([0.5], [0.7])}
    assert figure.axes[4].get_title() == "RMSE 0.2 e Å"


def test_a_dipole_that_is_defined_nowhere_has_no_panel():
    figure = parity_figure([frame(), frame()], "title")
    assert panel_names(figure) == [
        "energy above baseline",
        "force components",
        "atomic charges",
        "atomic dipoles",
        "Fermi level",
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_takes_its_own_structure_out(bad):
    frames = [frame(energy=(1.0, 2.0)), frame(energy=(5.0, bad)), frame(energy=(3.0, 5.0))]
    figure = parity_figure(frames, "title")
    assert drawn(figure, 0)["interface"] == ([500.0, 1500.0], [1000.0, 2500.0])
    assert len(drawn(figure, 1)["Pt"][0]) == 18, "its forces are sound"


def test_the_title_counts_the_unconverged():
    frames = [frame(), frame(SCF_converged=False), frame(SCF_converged=False)]
    figure = parity_figure(frames, "al_water, polar")
    assert figure.get_suptitle() == "al_water, polar; unconverged structures, not shown: 2"
    assert len(drawn(figure, 0)["interface"][0]) == 1
    assert parity_figure(frames[:1], "al_water").get_suptitle() == "al_water"


def test_no_structure_is_no_figure():
    with pytest.raises(NoData, match="no structure with a reference"):
        parity_figure([], "title")
