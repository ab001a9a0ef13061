"""Charge states as they are drawn: three combinations of energies, by hand."""

import pytest

from bench.report.charge_figure import charge_figure
from bench.report.drawing import NoData
from tests.evaluate.predicted import frame

RAW, SPREAD, CURVATURE = "E(Q) − E(0)", "E(Q) − E(0) less its mean", "E(Q) − 2E(Q+1) + E(Q+2)"
# (reference, predicted) energies in eV of two geometries by total charge
ENERGIES = {
    "g0": {0: (-50.0, -50.1), 1: (-47.0, -46.6), 2: (-42.5, -42.5)},
    "g1": {0: (-51.0, -51.0), 1: (-47.6, -47.4), 2: (-43.0, -43.0)},
}


def states(groups=("g0", "g1"), charges=(0, 1, 2), **info):
    return [
        frame(group=group, charge=q, energy=ENERGIES[group][q], pbc=(True,) * 3, **info)
        for group in groups
        for q in charges
    ]


def drawn(figure):
    """Combination to legend entry to reference and predicted values."""
    found = {}
    for axes in figure.axes:
        lines = [line for line in axes.lines if line.get_marker() != "None"]
        values = {x.get_label(): (list(x.get_xdata()), list(x.get_ydata())) for x in lines}
        found[axes.get_xlabel().removesuffix(", DFT (eV)")] = values
    return found


def test_the_three_combinations_by_hand():
    figure = charge_figure(states(), "title")
    found = drawn(figure)
    assert list(found) == [RAW, SPREAD, CURVATURE]
    assert found[RAW]["Q = +1"] == (pytest.approx([3.0, 3.4]), pytest.approx([3.5, 3.6]))
    assert found[RAW]["Q = +2"] == (pytest.approx([7.5, 8.0]), pytest.approx([7.6, 8.0]))
    assert found[SPREAD]["Q = +1"] == (pytest.approx([-0.2, 0.2]), pytest.approx([-0.05, 0.05]))
    assert found[CURVATURE] == {
        "Q = 0,+1,+2": (pytest.approx([1.5, 1.2]), pytest.approx([0.6, 0.8]))
    }
    assert figure.axes[0].get_title() == "RMSE 0.274 eV"  # sqrt((0.5² + 0.2² + 0.1² + 0) / 4)
    assert {axes.get_ylabel() for axes in figure.axes} == {"model (eV)"}


def test_one_geometry_has_no_spread():
    assert list(drawn(charge_figure(states(["g0"]), "title"))) == [RAW, CURVATURE]


def test_two_charges_have_no_curvature():
    assert list(drawn(charge_figure(states(charges=(0, 1)), "title"))) == [RAW, SPREAD]


def test_without_a_neutral_state_nothing_can_be_combined():
    with pytest.raises(NoData, match="no charge state with a sound prediction"):
        charge_figure(states(charges=(1, 2)), "title")


@pytest.mark.parametrize("spoil", [{"SCF_converged": False}, {"PRED_energy": float("nan")}])
def test_an_unsound_state_takes_its_combinations_along(spoil):
    frames = states()
    frames[1].info |= spoil  # g0 at +1
    found = drawn(charge_figure(frames, "title"))
    assert found[RAW]["Q = +1"] == (pytest.approx([3.4]), pytest.approx([3.6]))
    assert len(found[RAW]["Q = +2"][0]) == 2
    assert list(found[SPREAD]) == ["Q = +2"] and len(found[CURVATURE]["Q = 0,+1,+2"][0]) == 1


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([], "no geometry with several total charges"),
        (states(charges=(0,)), "no geometry with several total charges"),
        (states(charge_blind=True), "does not know the total charge"),
        (states(SCF_converged=False), "no charge state with a sound prediction"),
    ],
)
def test_nothing_to_draw_is_said(frames, reason):
    with pytest.raises(NoData, match=reason):
        charge_figure(frames, "title")
