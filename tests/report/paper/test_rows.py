"""Panels with a row per experiment: what is drawn where, and on which axis."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.report.drawing import NoData
from bench.report.paper.rows import (
    Panel,
    draw_rows,
    in_units,
    label_logarithm,
    panel,
    row_figure,
)
from tests.report.paper.made import run, scene


@pytest.fixture
def three(tmp_path):
    """Three points, of which one says less."""
    run(tmp_path, "short_range", {"forces_rmse": 60.0})
    run(tmp_path, "polar", {"forces_rmse": 40.0, "dipole_rmse": 0.5})
    run(tmp_path, "scf_qeq", {"forces_rmse": 50.0, "dipole_rmse": 0.25})
    return scene(tmp_path)


def drawn(scene, means, **more):
    """The axes of a panel with such means by experiment."""
    ends = {"low": np.nan, "high": np.nan}
    values = pd.DataFrame({"mean": means, **ends}, index=list(means))
    axes = Figure().subplots()
    draw_rows(axes, scene, list(scene.points), Panel("what", "axis", values, **more))
    return axes


def test_rows_have_the_order_of_the_design_space_from_the_top(three):
    axes = drawn(three, {"scf_qeq": 2.0, "short_range": 1.0, "polar": 3.0})
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "short_range", "polar", "scf_qeq"
    ]  # fmt: skip
    at = {line.get_label(): line.get_ydata()[0] for line in axes.lines}
    assert (at["short_range"], at["polar"], at["scf_qeq"]) == (0, 1, 2)
    bottom, top = axes.get_ylim()
    assert bottom > top


def test_markers_have_the_style_of_their_point(three):
    axes = drawn(three, {"polar": 3.0})
    (line,) = [line for line in axes.lines if line.get_label() == "polar"]
    style = three.style("polar")
    assert (line.get_color(), line.get_marker()) == (style.color, style.marker)


def test_what_has_no_number_is_a_dash_in_its_row(three):
    axes = drawn(three, {"polar": 3.0})
    assert sorted(text.get_position()[1] for text in axes.texts) == [0, 2]
    assert {text.get_text() for text in axes.texts} == {"–"}


def test_bars_reach_over_the_interval(three):
    values = three.values("forces_rmse").assign(low=30.0, high=70.0)
    axes = Figure().subplots()
    draw_rows(axes, three, list(three.points), Panel("what", "axis", values))
    bars = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert len(bars) == 3 and all(list(bar.get_xdata()) == [30.0, 70.0] for bar in bars)


@pytest.mark.parametrize(
    ("means", "scale"),
    [
        ({"polar": 10.0, "scf_qeq": 79.0}, "linear"),
        ({"polar": 10.0, "scf_qeq": 81.0}, "log"),
        ({"polar": 0.0, "scf_qeq": 81.0}, "linear"),  # zero has no logarithm
    ],
)
def test_errors_over_a_wide_range_are_logarithmic(three, means, scale):
    axes = drawn(three, means)
    assert axes.get_xscale() == scale
    assert axes.get_xlim()[0] == 0.0 if scale == "linear" else axes.get_xlim()[0] > 0.0


@pytest.mark.parametrize("largest", [9e1, 9e2, 9e5])
def test_labels_of_a_logarithmic_axis_are_few_and_plain(three, largest):
    axes = drawn(three, {"polar": 10.0, "scf_qeq": largest}, reference=1.0)
    low, high = axes.get_xlim()
    texts = [axes.xaxis.get_major_formatter()(tick, 0) for tick in axes.get_xticks()
             if low <= tick <= high]  # fmt: skip
    assert 2 <= len(texts) <= 8 and not any("$" in text for text in texts)
    assert low < 1.0, "the line is within"


def test_small_differences_from_dft_look_small(three):
    low, high = drawn(three, {"polar": 10.1}, reference=10.0, error=False).get_xlim()
    assert low <= 8.0 and high >= 12.0
    low, high = drawn(three, {"polar": 30.0}, reference=10.0, error=False).get_xlim()
    assert low <= 8.0 and high >= 30.0


def test_the_line_is_named_with_its_value(three):
    axes = drawn(three, {"polar": 0.5}, reference=1.2, named="passes up to")
    assert axes.get_title() == "what\nline: passes up to 1.2"
    assert drawn(three, {"polar": 0.5}).get_title() == "what"


def test_panels_without_any_value_are_left_out(three):
    panels = [panel(three, name, name) for name in ("forces_rmse", "dipole_rmse", "charges_rmse")]
    figure, labels = row_figure(three, panels, "text")
    assert [axes.get_title() for axes in figure.axes] == ["forces_rmse", "dipole_rmse"]
    assert labels == ["short_range", "polar", "scf_qeq"]
    assert figure.get_suptitle() == "pt_water, preset smoke: text"


def test_panels_run_on_in_a_second_line(three):
    figure, _ = row_figure(three, [panel(three, "forces_rmse", f"{k}") for k in range(6)], "text")
    places = {tuple(axes.get_subplotspec().get_geometry()[:2]) for axes in figure.axes}
    assert len(figure.axes) == 6 and places == {(2, 4)}


def test_a_figure_of_nothing_says_so(three):
    with pytest.raises(NoData, match="no experiment has such numbers"):
        row_figure(three, [panel(three, "charges_rmse", "charges")], "text")


def test_units_stand_on_the_axis(three):
    assert panel(three, "forces_rmse", "forces").axis == "RMSE (meV/Å)"
    assert in_units("1") == "RMSE" and in_units("eV", "level") == "level (eV)"


@pytest.mark.parametrize(
    ("ends", "least"),
    [((600.0, 760.0), 3), ((0.29, 0.72), 4), ((60.0, 350.0), 3), ((0.01, 1.0), 3)],
)
def test_a_logarithmic_axis_has_a_few_plain_numbers_however_short_it_is(ends, least):
    axes = Figure().subplots()
    axes.set(xscale="log", xlim=ends)
    label_logarithm(axes.xaxis, ends[1] / ends[0])
    shown = [t for t in axes.get_xticks() if ends[0] <= t <= ends[1]]
    assert least <= len(shown) <= 6
    assert all("e" not in label.get_text() for label in axes.get_xticklabels())
