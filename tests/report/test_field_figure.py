"""Field series as they are drawn: which points, which axis, which slopes."""

import numpy as np
import pytest

from bench.report.drawing import NoData
from bench.report.field_figure import field_figure
from tests.evaluate.predicted import frame

FIELDS = (-0.2, 0.0, 0.1, 0.3)


def series(*, group="g0", slopes=(1.5, 2.0), **info):
    return [
        frame(group=group, field=e, dipole=(slopes[0] * e + 3.0, slopes[1] * e - 1.0), **info)
        for e in FIELDS
    ]


def points(axes, label):
    (line,) = (x for x in axes.lines if x.get_label() == label)
    return line.get_xdata(), line.get_ydata()


def test_points_are_less_their_mean_and_in_the_order_of_the_field():
    (axes,) = field_figure(series()[::-1], "title").axes
    for label, slope in (("DFT", 1.5), ("model", 2.0)):
        field, dipole = points(axes, label)
        assert field.tolist() == list(FIELDS)
        assert dipole == pytest.approx(slope * (np.array(FIELDS) - 0.05), abs=1e-12)
    assert axes.get_title() == "group=g0\nslope DFT 1.5, model 2 e Å²/V"
    assert (axes.get_xlabel(), axes.get_ylabel()) == (
        "felt field along z (V/Å)",
        "induced dipole (e Å)",
    )


@pytest.mark.parametrize("spoil", [{"SCF_converged": False}, {"PRED_dipole": np.full(3, np.nan)}])
def test_an_unsound_member_is_left_out_and_counted(spoil):
    frames = series()
    frames[3].info |= spoil
    (axes,) = field_figure(frames, "title").axes
    assert points(axes, "DFT")[0].tolist() == points(axes, "model")[0].tolist() == [-0.2, 0.0, 0.1]
    assert points(axes, "model")[1].sum() == pytest.approx(0.0, abs=1e-12)
    assert axes.get_title().endswith("\nunsound predictions, left out: 1")


def test_every_scored_series_has_a_panel_and_no_other():
    spoilt = series(group="g2")
    for atoms in spoilt[:2]:
        atoms.info["SCF_converged"] = False
    frames = [*series(), *series(group="g1", slopes=(1.0, 0.5)), *spoilt]
    figure = field_figure(frames, "al_water, polar")
    assert [axes.get_title().split("\n")[0] for axes in figure.axes] == ["group=g0", "group=g1"]
    assert figure.axes[1].get_title().endswith("slope DFT 1, model 0.5 e Å²/V")
    assert figure.get_suptitle() == "al_water, polar"


def test_a_molecule_is_drawn_along_its_own_axis():
    frames = series(pbc=(False, False, False))
    for atoms in frames:
        for key in ("electric_field", "REF_dipole", "PRED_dipole", "dipole_mask"):
            atoms.info[key] = np.roll(atoms.info[key], 1)
    (axes,) = field_figure(frames, "title").axes
    assert axes.get_xlabel() == "felt field along x (V/Å)"
    assert points(axes, "DFT")[0].tolist() == list(FIELDS)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([], "in the test set"),
        (series()[:2], "in the test set"),
        ([frame(field=e) for e in FIELDS], "not defined along the field"),
    ],
)
def test_no_series_is_no_figure(frames, reason):
    with pytest.raises(NoData, match=reason):
        field_figure(frames, "title")


def test_a_series_whose_predictions_are_all_unsound_is_no_figure():
    with pytest.raises(NoData, match="fewer than 3 fields of a series are converged"):
        field_figure(series(SCF_converged=False), "title")
