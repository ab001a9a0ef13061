"""Training logs as they come, short or with holes, and the curves drawn from them."""

import numpy as np
import pytest

from bench.report.drawing import NoData
from bench.report.learning import learning_curves
from bench.storage import write_csv
from bench.train.log import lines, read_log


def rows(count, **columns):
    """Steps from 1; a column is a function of the step."""
    return [
        {"step": k, "mode": "implicit", **{name: f(k) for name, f in columns.items()}}
        for k in range(1, count + 1)
    ]


@pytest.fixture
def log_of(tmp_path):
    return lambda made: read_log(write_csv(tmp_path / "log.csv", lines(made)))


def labels(figure):
    return [axes.get_ylabel() for axes in figure.axes]


@pytest.mark.parametrize(
    ("column", "label"),
    [
        ("train_loss", "loss"),
        ("valid_loss", "loss"),
        ("valid_charges_rmse", "atomic charges\nRMSE (e)"),
        ("valid_atomic_dipoles_rmse", "atomic dipoles\nRMSE (e Å)"),
        ("valid_dipole_rmse", "dipole\nRMSE (e Å)"),
        ("valid_fermi_level_rmse", "Fermi level\nRMSE (eV)"),
        ("learning_rate", "learning rate"),
    ],
)
def test_what_the_log_has_gets_a_panel(log_of, column, label):
    figure = learning_curves(log_of(rows(4, **{column: lambda k: 0.1 * k})), "title")
    assert labels(figure) == [label]
    (axes,) = figure.axes
    (line,) = axes.lines
    assert line.get_xdata().tolist() == [1, 2, 3, 4]
    assert line.get_ydata() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert axes.get_yscale() == "log" and axes.get_xlabel() == "step"


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_what_a_logarithm_cannot_show_is_no_data(log_of, value):
    with pytest.raises(NoData, match="no finite number"):
        learning_curves(log_of(rows(3, valid_forces_rmse=lambda k: value)), "title")


def test_one_good_row_is_enough_and_keeps_its_place(log_of):
    made = rows(3, valid_loss=lambda k: 0.5 if k == 2 else float("nan"))
    (line,) = learning_curves(log_of(made), "title").axes[0].lines
    assert np.isfinite(line.get_ydata()).tolist() == [False, True, False]


@pytest.mark.parametrize(("count", "marker"), [(1, "o"), (30, "o"), (31, "None")])
def test_few_rows_are_marked(log_of, count, marker):
    figure = learning_curves(log_of(rows(count, train_loss=lambda k: 1.0)), "title")
    assert figure.axes[0].lines[0].get_marker() == marker


def test_every_change_of_mode_is_marked_in_every_panel(log_of):
    made = rows(5, train_loss=lambda k: 1.0, learning_rate=lambda k: 0.1)
    for row, mode in zip(made, ("direct", "direct", "implicit", "implicit", "direct")):
        row["mode"] = mode
    for axes in learning_curves(log_of(made), "title").axes:
        assert [line.get_xdata()[0] for line in axes.lines[1:]] == [2.0, 4.0]
        texts = [text.get_text().strip() for text in axes.texts]
        assert texts == ["direct", "implicit", "implicit", "direct"]


@pytest.mark.parametrize(("last", "ticks"), [(2.0, {1.0, 2.0, 5.0}), (1e4, {1.0})])
def test_ticks_can_be_read(log_of, last, ticks):
    figure = learning_curves(log_of(rows(2, train_loss=lambda k: last if k == 2 else 1.0)), "t")
    axis = figure.axes[0].yaxis
    digits = {float(f"{tick:e}".split("e")[0]) for tick in axis.get_majorticklocs()}
    assert digits == ticks
    assert [axis.get_major_formatter()(v) for v in (0.02, 1.0, 500.0)] == ["0.02", "1", "500"]
