import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from bench.report.drawing import diagonal, panels, parity, rmse, styled


@pytest.mark.parametrize(
    ("number", "columns", "shape"), [(1, 3, (1, 1)), (3, 2, (2, 2)), (6, 3, (2, 3)), (7, 3, (3, 3))]
)
def test_panels_are_as_many_as_asked_for(number: int, columns: int, shape: tuple[int, int]) -> None:
    figure, axes = panels(number, title="pt_water, scf_qeq", columns=columns)
    assert len(axes) == len(figure.axes) == number
    grid = axes[0].get_gridspec()
    assert (grid.nrows, grid.ncols) == shape
    assert figure.get_suptitle() == "pt_water, scf_qeq"


def test_more_rows_make_a_taller_figure() -> None:
    heights = [panels(n, title="t", columns=3)[0].get_figheight() for n in (1, 3, 4, 9)]
    assert heights[0] == heights[1] < heights[2] < heights[3]


def test_the_diagonal_holds_every_value() -> None:
    axes = Figure().subplots()
    diagonal(axes, [np.array([-1.0, 3.0]), np.array([9.0])])
    assert axes.get_xlim() == axes.get_ylim()
    low, high = axes.get_xlim()
    assert low < -1.0 and high > 9.0
    (line,) = axes.lines
    assert list(line.get_xdata()) == list(line.get_ydata())


def test_the_diagonal_of_a_single_value_has_an_extent() -> None:
    axes = Figure().subplots()
    diagonal(axes, [np.array([2.0])])
    assert axes.get_xlim() == (1.5, 2.5)


def test_parity_draws_each_name_with_reference_along_x() -> None:
    axes = Figure().subplots()
    pairs = {"O": (np.array([1.0, 2.0]), np.array([1.5, 2.5])), "H": (np.zeros(1), np.ones(1))}
    parity(axes, pairs, size=3.0)
    drawn = {line.get_label(): line for line in axes.lines[:2]}
    assert set(drawn) == {"O", "H"}
    assert list(drawn["O"].get_xdata()) == [1.0, 2.0]
    assert list(drawn["O"].get_ydata()) == [1.5, 2.5]
    assert drawn["O"].get_marker() != drawn["H"].get_marker()


def test_many_points_are_drawn_as_an_image() -> None:
    """A PDF with ten thousand vector markers would take a reader minutes to draw."""
    axes = Figure().subplots()
    many = np.arange(5000.0)
    parity(axes, {"many": (many, many), "few": (many[:5], many[:5])}, size=2.0)
    assert [line.get_rasterized() for line in axes.lines[:2]] == [True, False]


def test_rmse_is_over_all_pairs() -> None:
    pairs = {"a": (np.zeros(3), np.ones(3)), "b": (np.zeros(1), np.full(1, 3.0))}
    assert rmse(pairs) == pytest.approx(np.sqrt(3.0))


def test_the_style_ends_with_its_block() -> None:
    before = mpl.rcParams["axes.spines.top"]
    with styled():
        assert mpl.rcParams["axes.spines.top"] is False
    assert mpl.rcParams["axes.spines.top"] == before
