"""How far a run is that is under way, whichever way its budget is counted."""

import pytest

from bench.config.compose import compose
from bench.report.status import status_lines
from bench.runs.collection import collect
from bench.runs.folder import RunFolder, Status
from bench.storage import write_csv
from bench.train.log import lines

ROWS = [{"step": 13 * k, "epoch": float(k), "mode": "direct", "seconds": 1.0} for k in (1, 2, 3)]


def interrupted(place, *words, rows=ROWS):
    """A run of these settings that was stopped after these rows of its log."""
    config = compose([*words, f"results_dir={place}"])
    folder = RunFolder.of(config, "0123456789")
    folder.write_config(config)
    folder.write_status(Status.interrupted, "SIGINT")
    folder.write_provenance({"data_checksum": "d", "sessions": []})
    if rows:
        write_csv(folder.training_files.log, lines(rows))
    return folder


def progress(place):
    (line,) = [x for x in status_lines(collect([place])) if x.startswith("interrupted")]
    return " ".join(line.split("pt_water")[0].split()[-2:])


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["training.steps=1000"], "39/1000 steps"),
        (["training.epochs=80"], "3/80 epochs"),
        (["preset=smoke"], "39/16 steps"),
    ],
)
def test_progress_is_counted_as_the_budget_is(tmp_path, words, text):
    interrupted(tmp_path, *words)
    assert progress(tmp_path) == text


@pytest.mark.parametrize(
    ("words", "text"),
    [(["training.steps=1000"], "0/1000 steps"), (["training.epochs=80"], "0/80 epochs")],
)
def test_before_the_first_validation_there_is_none(tmp_path, words, text):
    interrupted(tmp_path, *words, rows=())
    assert progress(tmp_path) == text


def test_a_log_of_epochs_from_before_steps_were_counted(tmp_path):
    folder = interrupted(tmp_path, "training.epochs=80")
    log = folder.training_files.log
    log.write_text("epoch,mode,seconds [s]\n1,direct,1.0\n2,direct,1.0\n")
    assert progress(tmp_path) == "2/80 epochs"


def test_a_damaged_log_shows_no_progress(tmp_path):
    folder = interrupted(tmp_path, "training.steps=100")
    folder.training_files.log.write_text("no,log\n")
    assert "steps" not in progress(tmp_path)
