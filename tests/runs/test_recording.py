"""While a run computes, one process writes it and its status is true, however it ends."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from bench.errors import BenchError, Diverged, RunFailed
from bench.runs.folder import RunFolder, Status
from bench.runs.recording import recording
from bench.signals import Interrupted


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


def test_a_run_is_running_and_then_done(folder):
    with recording(folder):
        assert folder.status is Status.running
    assert folder.status is Status.done
    content = json.loads((folder.path / "status.json").read_text())
    assert set(content) == {"status", "reason", "updated"}


def test_what_another_process_has_finished_meanwhile_is_left_alone(folder):
    with recording(folder) as needed:
        assert needed
    before = (folder.path / "status.json").read_bytes()
    with recording(folder) as needed:
        assert not needed and folder.status is Status.done
    assert (folder.path / "status.json").read_bytes() == before


@pytest.mark.parametrize(
    ("error", "raised", "status", "reason"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt, Status.interrupted, "interrupted"),
        (Interrupted("epoch 3"), KeyboardInterrupt, Status.interrupted, "epoch 3"),
        (Diverged("loss nan"), Diverged, Status.diverged, "loss nan"),
        (BenchError("no label", "add it"), BenchError, Status.failed, "no label\nadd it"),
        (ZeroDivisionError("by zero"), RunFailed, Status.failed, "ZeroDivisionError: by zero"),
    ],
)
def test_the_status_tells_how_a_run_ended(folder, error, raised, status, reason):
    with pytest.raises(raised), recording(folder):
        raise error
    assert folder.read_status() == (status, reason)
    assert (folder.path / "error.log").exists() == (reason.startswith("ZeroDivision"))


def test_a_full_disk_is_one_sentence_even_where_nothing_can_be_noted(folder, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with pytest.raises(RunFailed) as failure, recording(folder):
        monkeypatch.setattr("bench.storage.write_bytes", full)
        folder.write_error("training")
    monkeypatch.undo()
    reason = f"No space left on device: {folder.path / 'error.log'}.\nMake room"
    assert str(failure.value).startswith(f"failed: {reason}")
    status, why = folder.read_status()
    assert status is Status.interrupted and "killed" in why  # the same command resumes it


def test_a_full_disk_that_takes_a_last_note_has_failed(folder):
    with pytest.raises(RunFailed), recording(folder):
        raise OSError(errno.ENOSPC, "No space left on device", "last.pt")
    status, why = folder.read_status()
    assert status is Status.failed and why.startswith("No space left on device: last.pt.")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"status": "odd", "reason": ""}', "\0" * 20])
def test_a_damaged_status_is_refused_by_name(folder, content):
    folder.write_status(Status.done)
    (folder.path / "status.json").write_text(content)
    with pytest.raises(BenchError, match=r"(?s)status\.json is damaged.*Remove it"):
        folder.read_status()


def test_divergence_is_one_exception_all_the_way(folder):
    error = Diverged("loss nan")
    with pytest.raises(Diverged) as raised, recording(folder):
        raise error
    assert raised.value is error and str(error) == "diverged: loss nan"


def test_a_failure_keeps_its_traceback(folder):
    with pytest.raises(RunFailed, match="failed: ZeroDivisionError"), recording(folder):
        _ = 1 / 0
    assert "_ = 1 / 0" in (folder.path / "error.log").read_text()


def test_a_failed_run_can_be_tried_again(folder):
    with pytest.raises(RunFailed), recording(folder):
        raise ValueError
    with recording(folder):
        pass
    assert folder.status is Status.done


def test_sigterm_is_an_interrupt_and_the_handler_comes_back(folder):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), recording(folder):
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigtimedwait([], 1.0)
    assert folder.status is Status.interrupted
    assert signal.getsignal(signal.SIGTERM) is before


HOLDER = """
    import pathlib, sys, time
    from bench.runs.folder import RunFolder
    from bench.runs.recording import recording
    with recording(RunFolder(pathlib.Path(sys.argv[1]))):
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


def test_a_killed_process_leaves_an_interrupted_run_that_can_be_taken_over(folder, holder):
    holder.kill()
    holder.wait()
    assert folder.status is Status.interrupted
    with recording(folder):
        assert (folder.path / ".lock").read_text() == str(os.getpid())
    assert folder.status is Status.done
