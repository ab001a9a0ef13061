"""Profiles as they are drawn: which series, which curves, what the titles say."""

import numpy as np
import pytest

from bench.evaluate.profiles import induced_profile
from bench.evaluate.series import field_series
from bench.report.drawing import NoData
from bench.report.profile_figure import profile_figure
from bench.runs.folder import RunFolder
from tests.report.synthetic import predict, reference


@pytest.fixture(scope="module")
def frames(slab_run):
    return RunFolder(slab_run).read_predictions()


def curve(axes, label):
    (line,) = (x for x in axes.lines if x.get_label() == label)
    return line.get_xdata(), line.get_ydata()


def test_metal_water_and_both_have_a_column_each(frames):
    figure = profile_figure(frames, "pt_water, polar")
    titles = [axes.get_title().split("\n")[0] for axes in figure.axes[:3]]
    assert titles == ["Pt12, group=g99", "H10O5, group=g100", "Pt12H10O5, group=g75"]
    assert figure.get_suptitle() == "pt_water, polar"
    assert {axes.get_ylabel() for axes in figure.axes[:3]} == {"induced charge (me/(VÅ²))"}
    assert {axes.get_ylabel() for axes in figure.axes[3:]} == {"induced potential (V/(V/Å))"}
    assert {axes.get_xlabel() for axes in figure.axes[3:]} == {"z (Å)"}


def test_curves_are_those_of_the_metric(frames):
    figure = profile_figure(frames, "title")
    (series,) = (s for s in field_series(frames) if s.group == "g75")
    profile = induced_profile(series)
    for label, source in (("DFT", "reference"), ("model", "predicted")):
        heights, density = curve(figure.axes[2], label)
        assert np.array_equal(heights, profile.heights)
        assert density == pytest.approx(1000.0 * profile.density[source])
        assert curve(figure.axes[5], label)[1] == pytest.approx(profile.potential[source])
    ratios = (f"{profile.screening[s]:.2g}" for s in ("reference", "predicted"))
    assert figure.axes[2].get_title().endswith("screening ratio DFT {}, model {}".format(*ratios))
    assert "\n" not in figure.axes[1].get_title(), "water screens nothing like a metal"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("REF_electron_profile", "no reference in the test set"),
        ("smearing_width", "do not state smearing_width"),
        (None, "no field series in the test set"),
    ],
)
def test_no_profile_is_no_figure(frames, key, reason):
    spoilt = [atoms.copy() for atoms in frames] if key else []
    for atoms in spoilt:
        atoms.info.pop(key, None)
    with pytest.raises(NoData, match=reason):
        profile_figure(spoilt, "title")


def test_an_interface_is_shown_with_its_own_metal_and_water():
    """Of aluminium, the first of those whose parts were calculated alone."""
    frames = [predict(atoms, None) for atoms in reference("al_water")]
    figure = profile_figure(frames, "al_water")
    titles = [axes.get_title().split("\n")[0] for axes in figure.axes[:3]]
    assert titles == ["Al12, group=g117", "H12O6, group=g118", "Al12H12O6, group=g116"]
