"""A run's folder: nothing half written, one writer at a time, a status that is true."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from bench.config.compose import compose
from bench.errors import BenchError
from bench.runs.folder import Diverged, RunFailed, RunFolder, Status
from bench.signals import Interrupted


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


def names(folder):
    return sorted(path.name for path in folder.path.iterdir())


def test_the_folder_of_a_run():
    config = compose(["model=short_range", "system=sio2_vacancy", "results_dir=here"])
    assert str(RunFolder.of(config, "0a1b").path) == "here/sio2_vacancy/short_range/0a1b"


def test_json_round_trip(folder):
    content = {"mean": 0.1 + 0.2, "unit": "e Å", "ci95": None, "n": [1, 2]}
    path = folder.write_json("metrics.json", content)
    assert json.loads(path.read_text(encoding="utf-8")) == content


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_refuses_what_is_no_number(folder, value):
    with pytest.raises(ValueError, match="JSON"):
        folder.write_json("metrics.json", {"value": value})
    assert not folder.path.exists()


def test_a_write_that_fails_leaves_the_old_file_and_no_other(folder):
    folder.write_text("config.yaml", "seed: 0\n")

    def half(path):
        path.write_text("see")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        folder.write_with("config.yaml", half)
    assert names(folder) == ["config.yaml"]
    assert (folder.path / "config.yaml").read_text() == "seed: 0\n"


def test_the_old_file_stays_until_the_new_one_is_complete(folder):
    folder.write_text("training_log.csv", "old")
    seen = []

    def write(path):
        path.write_text("new")
        seen.append(((folder.path / "training_log.csv").read_text(), path.suffix))

    folder.write_with("training_log.csv", write)
    assert seen == [("old", ".csv")]
    assert (folder.path / "training_log.csv").read_text() == "new"


def test_files_have_the_permissions_of_ordinary_files(folder):
    path, umask = folder.write_text("metrics.json", "{}"), os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_observers_see_complete_files_in_order(folder):
    seen = []
    folder.observers.append(lambda path: seen.append((path.name, path.read_text())))
    folder.write_text("a", "1")
    folder.write_text("sub/b", "2")
    assert seen == [("a", "1"), ("b", "2")]


def test_a_folder_without_a_run_has_no_status(folder):
    assert folder.status is None and folder.reason == ""


def test_a_run_is_running_and_then_done(folder):
    with folder.recording():
        assert folder.status is Status.running
    assert folder.status is Status.done
    content = json.loads((folder.path / "status.json").read_text())
    assert set(content) == {"status", "reason", "updated"}


@pytest.mark.parametrize(
    ("error", "raised", "status", "reason"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt, Status.interrupted, "interrupted"),
        (Interrupted("epoch 3"), KeyboardInterrupt, Status.interrupted, "epoch 3"),
        (Diverged("loss nan"), RunFailed, Status.diverged, "loss nan"),
        (BenchError("no label", "add it"), BenchError, Status.failed, "no label\nadd it"),
        (ZeroDivisionError("by zero"), RunFailed, Status.failed, "ZeroDivisionError: by zero"),
    ],
)
def test_the_status_tells_how_a_run_ended(folder, error, raised, status, reason):
    with pytest.raises(raised), folder.recording():
        raise error
    assert (folder.status, folder.reason) == (status, reason)
    assert (folder.path / "error.log").exists() == (reason.startswith("ZeroDivision"))


def test_a_failure_keeps_its_traceback_and_names_the_folder(folder):
    with pytest.raises(RunFailed, match=str(folder.path)), folder.recording():
        _ = 1 / 0
    assert "_ = 1 / 0" in (folder.path / "error.log").read_text()


def test_a_failed_run_can_be_tried_again(folder):
    with pytest.raises(RunFailed), folder.recording():
        raise ValueError
    with folder.recording():
        pass
    assert folder.status is Status.done


def test_sigterm_is_an_interrupt_and_the_handler_comes_back(folder):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), folder.recording():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigtimedwait([], 1.0)
    assert folder.status is Status.interrupted
    assert signal.getsignal(signal.SIGTERM) is before


HOLDER = """
    import pathlib, sys, time
    from bench.runs.folder import RunFolder
    with RunFolder(pathlib.Path(sys.argv[1])).recording():
        print("locked", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def holder(folder):
    """Another process that writes the run."""
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(folder.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_two_processes_do_not_write_the_same_run(folder, holder):
    with pytest.raises(BenchError, match=rf"another process \(pid {holder.pid}\)"):
        folder.locked().__enter__()
    assert folder.status is Status.running


def test_the_lock_of_a_killed_process_is_taken_over(folder, holder):
    holder.kill()
    holder.wait()
    assert folder.status is Status.running  # nobody could say otherwise
    with folder.recording():
        assert (folder.path / ".lock").read_text() == str(os.getpid())
    assert folder.status is Status.done
