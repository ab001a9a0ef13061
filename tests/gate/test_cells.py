"""Which trainings guard accuracy."""

import pytest

from bench.config.compose import compose
from bench.errors import BenchError
from bench.gate.cells import Cell, read_cells
from bench.paths import PACKAGE

SHIPPED = PACKAGE.parent / "results/baselines"
TEXT = "common: [preset=smoke]\ncells:\n  a: [model=les]\n  b: [model=polar, seed=1]\n"


def test_common_words_come_first(tmp_path):
    (tmp_path / "cells.yaml").write_text(TEXT)
    assert read_cells(tmp_path) == [
        Cell("a", ("preset=smoke", "model=les")),
        Cell("b", ("preset=smoke", "model=polar", "seed=1")),
    ]
    assert [cell.name for cell in read_cells(tmp_path, ["b"])] == ["b"]


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        (None, [], r"cells.yaml does not exist.\nbench regress runs in the repository"),
        ("cells: [a]\n", [], "it needs common, a list of words"),
        ("common: [\n", [], "it needs common"),
        (TEXT, ["c"], r"has no cell c.\nAllowed: a, b"),
    ],
)
def test_mistakes_are_told(tmp_path, text, names, message):
    if text is not None:
        (tmp_path / "cells.yaml").write_text(text)
    with pytest.raises(BenchError, match=message):
        read_cells(tmp_path, names)


@pytest.mark.parametrize("cell", read_cells(SHIPPED), ids=lambda cell: cell.name)
def test_shipped_cells_are_small_and_in_double_precision(cell):
    config = compose(cell.words)
    assert config.dtype == "float64" and config.training.steps <= 200
    assert cell.name == f"{config.system.name}-{config.model.name}"
