"""Added charges and formation energies as they are drawn, by hand."""

import numpy as np
import pytest

from bench.evaluate.image_charge import image_correction
from bench.report.added_charge_figure import added_charge_figure
from bench.report.drawing import NoData
from bench.report.formation_figure import formation_figure
from tests.evaluate.test_added_charge import ADDED, state, states
from tests.evaluate.test_relaxed import frames as relaxed
from tests.evaluate.test_transition_levels import CONSTANTS
from tests.evaluate.test_transition_levels import states as energies


def line(axes, label):
    (found,) = (x for x in axes.lines if x.get_label() == label)
    return found.get_xdata(), found.get_ydata()


def test_a_panel_per_charge_with_means_over_geometries():
    figure = added_charge_figure(states(), "title")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        "Q = -1, geometries: 1\nwithin 3 Å: DFT -0.85, model -0.70 e",
        "Q = +1, geometries: 2\nwithin 3 Å: DFT 0.85, model 0.62 e",
    ]
    for label, total in (("DFT", 1.0), ("model", 1.0)):
        radii, charge = line(figure.axes[1], label)
        assert charge[0] == 0.0 and charge[-1] == pytest.approx(total)
        assert (np.diff(radii) > 0).all()
    inside = line(figure.axes[1], "DFT")[1][np.searchsorted(line(figure.axes[1], "DFT")[0], 1.0)]
    assert inside == pytest.approx(ADDED[0])


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([], "no geometry with several total charges"),
        ([state(0), state(1, converged=False)], "not converged"),
    ],
)
def test_nothing_to_draw_is_said(frames, reason):
    with pytest.raises(NoData, match=reason):
        added_charge_figure(frames, "title")


@pytest.mark.parametrize("draw", [added_charge_figure, formation_figure])
def test_a_charge_blind_point_is_not_drawn(draw):
    frames = states()
    frames[0].info["charge_blind"] = True
    with pytest.raises(NoData, match="does not know the total charge"):
        draw(frames, "title")


def test_formation_energies_cross_zero_at_their_levels():
    """ε(+1/0) of DFT is 2 eV, of the model 2.5 eV, without the images' part."""
    (axes,) = formation_figure(energies(), "title").axes
    solid, dashed = (x for x in axes.lines if x.get_color() == line_colour(axes, "Q = +1"))
    for drawn, level in ((solid, 2.0), (dashed, 2.5)):
        fermi, energy = drawn.get_xdata(), drawn.get_ydata()
        assert np.diff(energy) / np.diff(fermi) == pytest.approx(1.0)
        assert np.interp(level, fermi, energy) == pytest.approx(0.0, abs=1e-12)
    assert axes.get_title().endswith("images not corrected")


def line_colour(axes, start):
    return next(x.get_color() for x in axes.lines if x.get_label().startswith(start))


def test_the_images_part_is_in_the_lines_and_in_the_title():
    frames = energies(dielectric_constants=CONSTANTS)
    (axes,) = formation_figure(frames, "title").axes
    one, two = (image_correction(frames[0].cell.array, q, 2.4) for q in (1.0, 2.0))
    assert f"images corrected by {one:.2f}, {two:.2f} eV" in axes.get_title()
    fermi, energy = line(axes, "Q = +2, geometries: 1")
    assert np.interp(1.5 - two / 2, fermi, energy) == pytest.approx(0.0, abs=1e-12)


def test_relaxed_states_have_a_panel_of_their_own():
    figure = formation_figure([*energies(), *relaxed()], "title")
    assert [axes.get_title().split(" (")[0] for axes in figure.axes] == [
        "equal geometry",
        "each charge relaxed",
    ]


def test_no_charge_states_are_no_figure():
    with pytest.raises(NoData, match="no geometry with several total charges"):
        formation_figure([], "title")
