"""Where numbers came from: sessions that add up, a commit that is true, plain types."""

import json
import os
import subprocess
import sys
import time

import pytest

from bench.config.compose import compose
from bench.runs import provenance
from bench.runs.folder import RunFolder
from bench.runs.identity import Identity
from bench.runs.provenance import git_commit, hardware, session, surroundings, total_seconds

IDENTITY = Identity("0123456789", "d" * 64, "abcdef0123")


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


@pytest.fixture
def config():
    return compose(["model=les", "system=al_water", "preset=smoke", "seed=5"])


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when they are told to."""
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(time, "process_time", lambda: 0.5 * now[0])

    def wait(seconds):
        now[0] += seconds

    return wait


def test_every_start_is_a_session_and_their_seconds_add_up(folder, config, clock, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/bench", "run", "model=les", "note=two words"])
    for seconds in (10.0, 2.55):
        with session(folder, IDENTITY, config, 1234) as this:
            clock(seconds)
    first, second = folder.read_provenance()["sessions"]
    assert (first["seconds"], second["seconds"]) == (10.0, pytest.approx(2.5, abs=0.11))
    assert second["command"] == "bench run model=les 'note=two words'"
    assert this.run()["seconds"] == pytest.approx(12.5, abs=0.11)
    assert this.run()["cpu_seconds"] == pytest.approx(6.25, abs=0.21)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_session_keeps_its_seconds(folder, config, clock, error):
    with pytest.raises(error), session(folder, IDENTITY, config, 1234):
        clock(7.0)
        raise error
    assert [each["seconds"] for each in folder.read_provenance()["sessions"]] == [7.0]


def test_a_killed_session_was_there_from_its_start(folder, config, clock):
    with session(folder, IDENTITY, config, 1234) as this:
        clock(3.0)
        assert folder.read_provenance()["sessions"][0]["seconds"] == 0.0
        this.save()
        assert folder.read_provenance()["sessions"][0]["seconds"] == 3.0


def test_the_entry_of_metrics_names_the_run(folder, config, clock):
    with session(folder, IDENTITY, config, 1234) as this:
        clock(4.0)
        run = this.run()
    content = folder.read_provenance()
    assert run == {
        "id": "0123456789",
        "model": "les",
        "system": "al_water",
        "preset": "smoke",
        "seed": 5,
        "data_checksum": "d" * 64,
        "code_version": "abcdef0123",
        "packages": content["packages"],
        "hardware": content["hardware"],
        "parameters": 1234,
        "seconds": 4.0,
        "cpu_seconds": 2.0,
    }


def test_a_session_of_an_earlier_version_has_no_cpu_time():
    sessions = [{"seconds": 2.0}, {"seconds": 3.0, "cpu_seconds": 2.5}]
    assert total_seconds(sessions) == {"seconds": 5.0, "cpu_seconds": 2.5}


def test_surroundings_are_plain_and_name_versions():
    found = surroundings("cpu")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    import ase

    assert found["packages"]["ase"] == ase.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))


def test_hardware_is_that_of_this_process():
    found = hardware("cpu")
    assert (found["device"], found["accelerator"]) == ("cpu", None)
    assert 1 <= found["cores"] <= os.cpu_count() and found["cpu"]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with one commit, in which the package seems to lie."""
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    (tmp_path / "__init__.py").write_text("a = 1\n")
    who = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
    for words in (["init", "-q"], ["add", "__init__.py"], [*who, "commit", "-q", "-m", "a"]):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    return tmp_path


def test_the_commit_and_whether_files_differ_from_it(checkout):
    clean = git_commit()
    assert len(clean["commit"]) == 40 and clean["changed"] is False
    (checkout / "__init__.py").write_text("a = 2\n")
    assert git_commit() == {"commit": clean["commit"], "changed": True}


def test_a_new_file_is_a_change(checkout):
    (checkout / "b.py").touch()
    assert git_commit()["changed"] is True


def test_a_package_installed_inside_another_repository_has_no_commit(checkout, monkeypatch):
    (checkout / ".venv/bench").mkdir(parents=True)
    (checkout / ".venv/bench/__init__.py").touch()
    monkeypatch.setattr(provenance, "PACKAGE", checkout / ".venv/bench")
    assert git_commit() is None


def test_outside_of_a_checkout_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_commit() is None


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    assert git_commit() is not None
    monkeypatch.setenv("PATH", "/nonexistent")
    assert git_commit() is None
