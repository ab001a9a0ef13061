"""Derivatives by the field as they are drawn, by element and layer."""

import ase
import numpy as np
import pytest

from bench.report.born_figure import born_figure
from bench.report.drawing import NoData
from tests.evaluate.predicted import responding


def series(*, group="g0", metal="Pt", factor=1.0, **kind):
    """Three atoms with Z* of 0.1, −0.8 and 0.4 e along z, and two layers' charges."""
    atoms = ase.Atoms(f"{metal}2O", [[0, 0, 5], [0, 0, 7.5], [0, 0, 10]], cell=[4, 4, 20])
    atoms.pbc = (True, True, False)
    forces = np.outer([0.1, -0.8, 0.4], [0.0, 0.0, 1.0])
    charges = np.array([-0.2, 0.1, 0.1])
    return responding(
        atoms,
        group=group,
        REF={"forces": forces, "charges": charges},
        PRED={"forces": factor * forces, "charges": factor * charges},
        **kind,
    )


def drawn(axes):
    lines = [line for line in axes.lines if line.get_marker() != "None"]
    return {x.get_label(): (x.get_xdata(), x.get_ydata()) for x in lines}


def test_points_by_element_and_layer():
    figure = born_figure([*series(factor=1.5), *series(group="g1", factor=0.5)], "title")
    charges, layers = (drawn(axes) for axes in figure.axes)
    assert list(charges) == ["Pt", "O"] and list(layers) == ["layer 1", "layer 2", "O"]
    reference, predicted = charges["O"]
    assert reference == pytest.approx([0.0, 0.0, 0.4] * 2, abs=1e-12)
    assert predicted == pytest.approx([0.0, 0.0, 0.6, 0.0, 0.0, 0.2], abs=1e-12)
    assert layers["layer 1"][1] == pytest.approx([-0.3, -0.1])
    rms = np.sqrt((0.01 + 0.64 + 0.16) / 9) / 2
    assert figure.axes[0].get_title() == f"RMSE {rms:.3g} e"
    assert figure.axes[1].get_xlabel() == "dq/dE of layers, DFT (e Å/V)"


def test_without_metal_there_are_no_layers():
    figure = born_figure(series(metal="H"), "title")
    assert [axes.get_xlabel() for axes in figure.axes] == ["Z* = dF/dE, DFT (e)"]


def test_nothing_sound_is_no_figure():
    frames = series()
    for atoms in frames:
        atoms.info["SCF_converged"] = False
    for given in ([], frames):
        with pytest.raises(NoData, match="no field series with sound forces"):
            born_figure(given, "title")
