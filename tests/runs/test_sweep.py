"""The last table of a sweep: every cell with what the disk says of it."""

import io

import pytest
from rich.console import Console

from bench.config.compose import combinations
from bench.errors import BenchError
from bench.runs.folder import Status
from bench.runs.recording import recording
from bench.runs.sweep import cells, sweep_table

WORDS = ["preset=smoke", "model=les,polar", "seed=0,1", "results_dir=runs"]


@pytest.fixture
def swept(tmp_path, monkeypatch):
    """Four cells of which the first has been computed before."""
    monkeypatch.chdir(tmp_path)
    first = cells(WORDS)[0].folder
    with recording(first):
        pass
    return cells(WORDS)


def test_cells_in_hydras_order_by_what_changes(swept):
    assert [list(cell.settings.values()) for cell in swept] == [
        ["les", "0"],
        ["les", "1"],
        ["polar", "0"],
        ["polar", "1"],
    ]
    assert {key for cell in swept for key in cell.settings} == {"model", "seed"}
    assert len({cell.folder.path for cell in swept}) == 4
    assert [cell.folder.path.parts[:3] for cell in swept[1:3]] == [
        ("runs", "pt_water", "les"),
        ("runs", "pt_water", "polar"),
    ]


def test_combinations_are_all_of_them():
    found = combinations(["seed=1,2", "model=glob(scf_q*)", "training.epochs=range(3,9,3)"])
    assert found == [
        [f"seed={seed}", "model=scf_qeq", f"training.epochs={epochs}"]
        for seed in (1, 2)
        for epochs in (3, 6)
    ]


def test_how_each_cell_ended(swept):
    _, done, failed, diverged = (cell.folder for cell in swept)
    done.write_status(Status.done)
    failed.write_status(Status.failed, "ValueError: odd\nlines")
    diverged.write_status(Status.diverged, "loss nan")
    assert [cell.outcome() for cell in swept] == [
        ("found", ""),
        ("done", ""),
        ("failed", "ValueError: odd\nlines"),
        ("diverged", "loss nan"),
    ]


def test_what_never_began_is_said_with_the_reason_that_is_known(swept):
    assert swept[1].outcome() == ("not started", "")
    assert swept[1].outcome("no such data") == ("failed", "no such data")


def test_a_run_of_another_process_is_running(swept):
    with recording(swept[1].folder):
        assert swept[1].outcome("is being written by another process") == (
            "running",
            "is being written by another process",
        )


def test_a_system_without_data_is_told_by_its_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "system").mkdir(parents=True)
    (tmp_path / "conf" / "system" / "lost.yaml").write_text("name: lost\ndescription: no data\n")
    lost, found = cells(["system=lost,pt_water", "preset=smoke"])
    assert lost.folder is None and found.folder is not None
    assert lost.outcome("card.yaml does not exist") == ("failed", "card.yaml does not exist")
    with pytest.raises(BenchError, match="epochs"):
        cells(["training.epochs=1,0"])


def test_the_table_has_a_row_for_each_and_counts(swept):
    swept[2].folder.write_status(Status.failed, "ValueError: odd\nlines")
    console = Console(file=io.StringIO(), width=200)
    console.print(sweep_table(swept, {3: "no space"}))
    rows = [line.split() for line in console.file.getvalue().splitlines() if line.strip()]
    assert rows[0] == ["model", "seed", "status", "folder", "reason"]
    assert rows[2][:3] == ["les", "0", "found"] and rows[3][2:4] == ["not", "started"]
    assert rows[4][2:] == ["failed", str(swept[2].folder.path), "ValueError:", "odd", "lines"]
    assert rows[5][2:3] + rows[5][-2:] == ["failed", "no", "space"]
    assert " ".join(rows[-1]) == "4 cells: 1 found, 1 not started, 2 failed"
