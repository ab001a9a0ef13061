"""Rows are experiments, cells mean ± deviation, and bold is only who is apart from all others."""

from datetime import datetime, timedelta, timezone

import pytest

from bench.commands.table import main
from bench.report.leaderboard import leaderboards
from bench.report.status import age, status_lines
from bench.runs.collection import collect
from bench.runs.folder import Status
from tests.report.test_groups import runs
from tests.runs.test_collection import RMSE, write_run


def board(place, **models):
    for model, values in models.items():
        runs(place, values, model=model)
    (found,) = leaderboards(collect([place]))
    return found


def test_who_is_apart_from_all_others_is_best(tmp_path):
    found = board(tmp_path, polar=[20.0, 20.1, 20.2], scf_qeq=[30.0, 30.1, 30.2])
    (_, best), (_, other) = found.rows
    assert (best[0].text, best[0].best) == ("20.1 ± 0.1 (3)", True) and not other[0].best


def test_seeds_that_rounding_sets_apart_do_not_deviate(tmp_path):
    """What is not learned, such as a formal charge's dipole in a field."""
    (_, cells), _ = board(tmp_path, polar=[3.42, 3.42 + 2e-8], scf_qeq=[3.42, 3.43]).rows
    assert cells[0].text == "3.42 ± 0 (2)"


def test_who_overlaps_is_not(tmp_path):
    found = board(tmp_path, polar=[20.0, 22.0, 24.0], scf_qeq=[21.0, 23.0, 25.0])
    assert not any(cell.best for _, cells in found.rows for cell in cells)


def test_a_model_without_the_number_has_a_dash(tmp_path):
    runs(tmp_path, [20.0], model="polar", name="dipole_rmse")
    found = board(tmp_path, short_range=[30.0])
    row = {label: [cell.text for cell in cells] for label, cells in found.rows}
    assert row == {"polar": ["–", "20"], "short_range": ["30", "–"]}
    assert found.heading[0] == "model" and found.heading[1].startswith("forces_rmse")


def test_every_column_says_how_much_it_stands_on(tmp_path):
    """Structures of an error, solves and series are counted apart, of models together."""
    for model, n in {"polar": 9, "les": 7}.items():
        records = [{**RMSE, "n": 43}, {**RMSE, "name": "dipole_slope_rmse", "n": n}]
        write_run(tmp_path, model, f"model={model}", records=records)
    (found,) = leaderboards(collect([tmp_path]))
    assert found.counts == ["43", "7–9"]
    assert found.title.startswith("pt_water, test structures: mean")
    assert found.plain().splitlines()[-1].split() == ["n", *found.counts]
    assert found.markdown().splitlines()[-1] == "| *n* | 43 | 7–9 |"
    assert r"$n$ & 43 & 7--9 \\" in found.latex().splitlines()


def test_settings_are_in_the_label_where_they_differ(tmp_path):
    write_run(tmp_path, "a")
    write_run(tmp_path, "b", "model.r_max=6.0")
    (found,) = leaderboards(collect([tmp_path]))
    assert [label for label, _ in found.rows] == ["scf_qeq", "scf_qeq model.r_max=6.0"]


def test_markdown_latex_and_csv(tmp_path, capsys):
    board(tmp_path / "runs", polar=[20.0, 20.1, 20.2], scf_qeq=[30.0, 30.1, 30.2])
    assert main([str(tmp_path / "runs"), "format=markdown"]) == 0
    assert "| polar | **20.1 ± 0.1 (3)** |" in capsys.readouterr().out
    assert main([str(tmp_path / "runs"), f"out={tmp_path}/t.tex"]) == 0
    text = (tmp_path / "t.tex").read_text()
    assert r"\textbf{20.1 $\pm$ 0.1 (3)}" in text and r"scf\_qeq & 30.1" in text
    assert main([str(tmp_path / "runs"), f"out={tmp_path}/t.csv"]) == 0
    heading, *rows = (tmp_path / "t.csv").read_text().splitlines()
    assert "std" in heading and "unit" in heading and len(rows) == 2


def test_runs_without_numbers_are_told(tmp_path, capsys):
    write_run(tmp_path, "a")
    write_run(tmp_path, "b", "seed=1", status=Status.diverged, reason="loss 1e9")
    assert main([str(tmp_path)]) == 0
    assert "diverged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 s"), (150, "2 min"), (7300, "2 h"), (200000, "2 d"), (-3, "0 s")]
)
def test_age(seconds, text):
    now = datetime(2026, 1, 2, tzinfo=timezone.utc)
    assert age((now - timedelta(seconds=seconds)).isoformat(), now) == text


def test_status_counts_and_puts_unfinished_first(tmp_path):
    write_run(tmp_path, "a")
    write_run(tmp_path, "b", "seed=1", status=Status.failed, reason="ValueError: no\nmore")
    heading, first, second, _, counts = status_lines(collect([tmp_path]))
    assert heading.startswith("status") and first.startswith("failed")
    assert first.endswith("ValueError: no more") and second.startswith("done")
    assert counts == "1 done, 1 failed"
