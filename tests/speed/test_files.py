"""Measured costs on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.speed import files
from bench.speed.solvers import SolverCost
from bench.speed.timing import Ratio

SETTING = {"atoms": 54, "dtype": "float32", "threads": 1}


def rows(**ratios: float) -> list[files.Row]:
    return [files.ratio_row(Ratio(n, 0.5, r, 0.9 * r, 1.1 * r), 15) for n, r in ratios.items()]


def told(path: Path, part: str = "training") -> dict[tuple[int, str], float]:
    found = files.read(path, part)
    return {(row.atoms, row.name): row.ratio for row in found.itertuples(index=False)}


def test_a_row_says_what_was_measured_where_and_with_which_code(tmp_path: Path) -> None:
    path = files.write(tmp_path, "training", SETTING, rows(les=1.234567))
    heading, line = path.read_text().splitlines()
    assert heading == (
        "name,atoms,dtype,threads,CPU time [s],ratio,low,high,rounds,cpu,code_version"
    )
    assert line.startswith("les,54,float32,1,0.5,1.235,1.111,1.358,15,")
    assert files.code_version() in line


def test_what_is_measured_again_takes_its_rows_place_and_the_others_stay(tmp_path: Path) -> None:
    files.write(tmp_path, "training", SETTING, rows(scf_qeq=0.4, les=0.3))
    files.write(tmp_path, "training", {**SETTING, "atoms": 24}, rows(les=0.5))
    path = files.write(tmp_path, "training", SETTING, rows(les=0.35))
    assert list(told(path).items()) == [
        ((24, "les"), 0.5),
        ((54, "les"), 0.35),
        ((54, "scf_qeq"), 0.4),
    ]


def test_the_same_measurement_leaves_the_same_bytes(tmp_path: Path) -> None:
    first = files.write(tmp_path, "training", SETTING, rows(les=1 / 3)).read_bytes()
    assert files.write(tmp_path, "training", SETTING, rows(les=1 / 3)).read_bytes() == first


def test_a_solver_has_its_errors_beside_its_time(tmp_path: Path) -> None:
    cost = SolverCost(Ratio("mixing", 0.08, 3.2, 3.0, 3.5), 61, 12.4, 3.4e-9, 0.0567)
    path = files.write(tmp_path, "solvers", SETTING, [files.solver_row("linear", cost, 6)])
    (row,) = files.read(path, "solvers").to_dict("records")
    assert row["name"] == "linear: mixing" and row["iterations"] == 61
    assert (row["density error [e]"], row["gradient error"]) == (3.4e-9, 0.0567)


@pytest.mark.parametrize("content", ["", "model,ratio\nles,0.4\n"], ids=["empty", "another"])
def test_another_file_is_not_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / "training.csv").write_text(content)
    with pytest.raises(BenchError, match=r"training\.csv"):
        files.write(tmp_path, "training", SETTING, rows(les=0.3))
    assert (tmp_path / "training.csv").read_text() == content
