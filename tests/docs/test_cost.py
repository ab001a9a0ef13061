"""Costs on the pages come from files, or are said not to be measured."""

import pytest

from bench.speed import files
from bench.speed.marks import Mark, write_marks
from bench.speed.solvers import SolverCost
from bench.speed.timing import Ratio
from docs.hooks import cost
from tests.docs.commands import ROOT

USUAL = {"dtype": "float32", "threads": 1}


def ratio(name, value):
    return files.ratio_row(Ratio(name, 0.5, value, value - 0.01, value + 0.02), 15)


@pytest.fixture
def speed(monkeypatch, tmp_path):
    """A folder of costs, and no runs."""
    monkeypatch.setattr(cost, "SPEED", tmp_path / "speed")
    monkeypatch.setattr(cost, "RUNS", tmp_path / "runs")
    return tmp_path / "speed"


def lines(text):
    return [line for line in text.splitlines() if line.startswith("|")]


def test_without_files_everything_is_said_not_to_be_measured(speed):
    for what in ("point scf_qeq", "points"):
        _, _, *rows = lines(cost.MADE[what]())
        cells = [cell.strip() for row in rows for cell in row.split("|")[2:-1]]
        assert cells.count("not measured") >= 5 and {*cells} <= {"not measured", "nothing"}
    for part in ("training", "solvers", "accuracy"):
        assert cost.MADE[part]().startswith(f"Not measured: `bench speed part={part}")


def test_a_point_has_a_row_for_each_size_and_a_column_for_each_variant(speed):
    named = [ratio("scf_fixed_point", 0.4), ratio("scf_fixed_point-mlp", 0.45), ratio("les", 0.3)]
    files.write(speed, "training", {**USUAL, "atoms": 24}, named)
    files.write(speed, "training", {**USUAL, "atoms": 216}, named[:1])
    peak = {"name": "scf_fixed_point", "peak [MiB]": 147.2, "ratio": 0.4}
    files.write(speed, "memory", {**USUAL, "atoms": 54}, [peak])
    text = cost.MADE["point scf_fixed_point"]()
    heading, _, *rows = lines(text)
    assert heading == (
        "|  | `scf_fixed_point` | `scf_fixed_point-mlp` | `scf_fixed_point-many_body` |"
    )
    assert rows[:2] == [
        "| training step, 24 atoms | 0.40 (0.39 to 0.42) | 0.45 (0.44 to 0.47) | not measured |",
        "| training step, 216 atoms | 0.40 (0.39 to 0.42) | not measured | not measured |",
    ]
    assert any("| peak memory of a training step, 54 atoms | 0.40 (147 MiB) |" in r for r in rows)


def test_other_number_types_and_threads_are_not_mixed_in(speed):
    for other in ({"dtype": "float64"}, {"threads": 2}):
        files.write(speed, "training", {**USUAL, **other, "atoms": 54}, [ratio("les", 0.9)])
    assert "0.9" not in cost.MADE["point les"]()
    assert cost.MADE["training"]().startswith("Not measured")


def test_without_a_density_nothing_is_behind_the_backbone(speed):
    behind = {name: cost.shown("share", name, 54) for name in ("short_range", "les")}
    assert behind == {"short_range": "nothing", "les": "not measured"}


def test_all_points_stand_in_one_table_at_one_size(speed):
    files.write(speed, "inference", {**USUAL, "atoms": 24}, [ratio("les", 0.2)])
    files.write(speed, "inference", {**USUAL, "atoms": 54}, [ratio("les", 0.3)])
    (row,) = [line for line in lines(cost.MADE["points"]()) if "`les`" in line]
    assert row.startswith("| [`les`](les.md) | not measured | 0.30 | not measured |")


def test_a_part_has_a_column_for_each_size_the_cheapest_first(speed):
    files.write(speed, "training", {**USUAL, "atoms": 24}, [ratio("polar", 0.5), ratio("les", 0.4)])
    files.write(speed, "training", {**USUAL, "atoms": 54}, [ratio("les", 0.3)])
    assert lines(cost.MADE["training"]()) == [
        "|  | 24 atoms | 54 atoms |",
        "| --- | ---: | ---: |",
        "| `les` | 0.40 (0.39 to 0.42) | 0.30 (0.29 to 0.32) |",
        "| `polar` | 0.50 (0.49 to 0.52) | not measured |",
    ]


def test_solvers_have_their_errors(speed):
    one = SolverCost(Ratio("mixing", 0.08, 3.21, 3.04, 3.46), 61, 12.4, 3.4e-9, 0.0567)
    setting = {"dtype": "float64", "threads": 1, "atoms": 54}
    files.write(speed, "solvers", setting, [files.solver_row("mlp", one, 15)])
    row = lines(cost.MADE["solvers"]())[-1]
    assert row == "| mlp: mixing | 54 | 3.2 (3.0 to 3.5) | 61 | 12 | 3e-09 | 5.7 % |"


def test_time_to_accuracy_is_that_of_the_slowest_ones_error(speed):
    marks = [Mark("a", 10, 5.0, 90.0, 2.0), Mark("a", 20, 10.0, 70.0, 1.5)]
    marks += [Mark("b", 20, 30.0, 80.0, 1.0), Mark("c", 20, 12.0, 85.0, 1.0)]
    write_marks(speed / "time_to_accuracy.csv", marks)
    heading, _, *rows = lines(cost.MADE["accuracy"]())
    assert heading.endswith("CPU time to 80 meV/Å [s] |")
    assert [row.split("|")[-2].strip() for row in rows] == ["10", "30", "not reached"]


def test_runs_of_the_study_tell_their_cpu_time():
    """The committed ones: sessions of a provenance are added up."""
    rows = lines(cost.MADE["point scf_levels"]())
    told = [row for row in rows if row.startswith("| quick run, pt_water [CPU s] |")]
    assert len(told) == 1 and float(told[0].split("|")[2]) > 10


def test_settings_of_most_runs_are_not_told(monkeypatch):
    """They may be those of an earlier default; others stand in the heading."""
    study = [
        {"model": model, "system": "al", "preset": "quick", "changed": changed, "mean": mean}
        for model, changed, mean in [("les", "a=1", 5.0), ("scf_qeq", "a=1", 6.0), ("les", "", 7.0)]
    ]
    monkeypatch.setattr(cost, "runs", lambda place: study)
    assert [row[:2] for row in cost._runs_of(["les"])] == [
        ["quick run, al [CPU s]", "5"],
        ["quick run, al with today's defaults [CPU s]", "7"],
    ]
    study[2]["changed"] = "a=2"
    assert [row[0] for row in cost._runs_of(["les"])][1] == "quick run, al a=2 [CPU s]"
    (row,) = [line for line in lines(cost.points()) if "`scf_qeq`" in line]
    assert row.endswith("| 6 |")


def test_a_page_gets_the_costs_it_asks_for(speed):
    page = cost.on_page_markdown("A\n\n<!-- cost: training -->\n\nB")
    assert page.startswith("A\n\nNot measured") and page.endswith("\n\nB")
    with pytest.raises(KeyError, match="everything"):
        cost.on_page_markdown("<!-- cost: everything -->")
    text = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert all(f"<!-- cost: {part} -->" in text for part in (*cost.PARTS, "accuracy", "solvers"))
