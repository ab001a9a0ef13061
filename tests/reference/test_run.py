"""The generator with a stand-in for CP2K: resume, retry, failures, restarts, one call at a time."""

import os
import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from ase.data import atomic_numbers

from bench.errors import BenchError
from bench.reference.cp2k_output import OutputError
from bench.reference.labelling import NotLabelled, Worker, require_cp2k
from bench.reference.partition import PROATOMS, load_proatoms, proatom_checksums
from bench.reference.run import Queue, generate
from bench.reference.store import Store
from bench.storage import locked
from tests.reference.planned import crystal, install_stand_in, slab


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "al_water")
    made.write_plan(
        [slab("al0000", "g0", 0.0), slab("al0001", "g0", 0.1), slab("al0002", "g1", 0.2)]
    )
    return made


def test_every_structure_gets_a_label_once(store, tmp_path, monkeypatch):
    calls = install_stand_in(tmp_path / "bin", monkeypatch)
    first = generate(store, workers=1, scratch=tmp_path / "work", limit=2)
    assert first.labelled == 2 and store.labelled() == {"al0000", "al0001"}
    second = generate(store, workers=2, scratch=tmp_path / "work")
    assert second.labelled == 1 and store.labelled() == {"al0000", "al0001", "al0002"}
    assert len(calls.read_text().splitlines()) == 3
    label = store.read_label("al0001")
    assert label["provenance"]["scf_steps"] == 7
    assert len(label["provenance"]["input_sha256"]) == 64
    assert abs(sum(label["charges"])) < 1e-7
    assert (tmp_path / "work/densities/al0000.npz").is_file()


def test_the_next_state_of_a_group_starts_from_the_wave_function(store, tmp_path, monkeypatch):
    calls = install_stand_in(tmp_path / "bin", monkeypatch)
    generate(store, workers=1, scratch=tmp_path / "work", limit=2)
    assert [line.split()[-1] for line in calls.read_text().splitlines()] == ["False", "True"]
    assert store.read_label("al0001")["provenance"]["restarted"] is True


def test_a_system_with_free_atoms_of_its_own_stays_with_them(store, tmp_path, monkeypatch):
    install_stand_in(tmp_path / "bin", monkeypatch)
    own = Path(__file__).parent / "recorded/contracted_proatoms.npz"
    shutil.copy(own, store.folder / "proatoms.npz")
    generate(store, workers=1, scratch=tmp_path / "work", limit=1)
    kept = store.read_label("al0000")["provenance"]["proatoms"]
    numbers = [atomic_numbers[symbol] for symbol in kept]
    assert kept == proatom_checksums(numbers, load_proatoms(own))
    assert kept != proatom_checksums(numbers, load_proatoms())
    assert Store(store.folder / "validation").free_atoms == store.free_atoms != PROATOMS


def test_an_open_shell_starts_from_a_closed_one_of_its_geometry(tmp_path, monkeypatch):
    calls = install_stand_in(tmp_path / "bin", monkeypatch)
    worker = Worker(tmp_path / "work")
    for charge in (0, 2, -1, 1):
        worker.label(crystal(charge=charge))
    restarted = [line.split()[-1] for line in calls.read_text().splitlines()]
    assert restarted == ["False", "False", "True", "True"]


@pytest.mark.parametrize("charge", [1, -1])
def test_an_open_shell_alone_calculates_its_closed_shell_first(tmp_path, monkeypatch, charge):
    calls = install_stand_in(tmp_path / "bin", monkeypatch)
    worker = Worker(tmp_path / "work", tmp_path / "densities")
    label = worker.label(crystal("si0007", charge=charge))
    assert [line.split()[-1] for line in calls.read_text().splitlines()] == ["False", "True"]
    assert label["provenance"]["restarted"] is True and label["uid"] == "si0007"
    kept = sorted(path.name.split("_", 1)[1] for path in (tmp_path / "work").glob("*.wfn"))
    assert kept == sorted(["0_1.wfn", f"{charge}_2.wfn"])
    worker.label(crystal(charge=0))
    assert calls.read_text().splitlines()[-1].split()[-1] == "True"


def test_an_open_shell_whose_closed_shell_fails_starts_from_free_atoms(tmp_path, monkeypatch):
    def fail(self, atoms):
        raise OutputError("not converged")

    calls = install_stand_in(tmp_path / "bin", monkeypatch)
    monkeypatch.setattr(Worker, "_closed_shell", fail)
    label = Worker(tmp_path / "work").label(crystal(charge=1))
    assert label["provenance"]["restarted"] is False and label["provenance"]["attempts"] == 2
    assert len(calls.read_text().splitlines()) == 1


def test_careful_settings_follow_a_failure(store, tmp_path, monkeypatch):
    install_stand_in(tmp_path / "bin", monkeypatch, fail_above=0.2)  # usual mixing 0.4, then 0.1
    generate(store, workers=1, scratch=tmp_path / "work", limit=1)
    provenance = store.read_label("al0000")["provenance"]
    assert provenance["attempts"] == 2 and provenance["settings"]["mixing"] == 0.1


def test_what_never_converges_is_listed_and_not_included(store, tmp_path, monkeypatch):
    calls = install_stand_in(tmp_path / "bin", monkeypatch, fail_above=0.0)
    outcome = generate(store, workers=1, scratch=tmp_path / "work")
    assert outcome.labelled == 0 and store.labelled() == set()
    assert set(store.failures()) == {"al0000", "al0001", "al0002"}
    assert "not converged" in store.failures()["al0000"]
    count = len(calls.read_text().splitlines())
    generate(store, workers=1, scratch=tmp_path / "work")
    assert len(calls.read_text().splitlines()) == count  # not tried again unasked
    install_stand_in(tmp_path / "bin", monkeypatch)
    again = generate(store, workers=1, scratch=tmp_path / "work", retry_failed=True, limit=2)
    assert again.labelled == 2 and set(again.failed) == set(store.failures()) == {"al0002"}
    assert generate(store, workers=1, scratch=tmp_path / "work", retry_failed=True).failed == {}
    assert store.failures() == {}


@pytest.mark.parametrize(
    ("symbol", "mend"), [("Cu", "bench data proatoms elements=Cu"), ("Xe", "POTENTIALS")]
)
def test_an_element_that_cannot_be_treated_is_told_first(tmp_path, monkeypatch, symbol, mend):
    calls = install_stand_in(tmp_path / "bin", monkeypatch)
    atoms = slab("al0001")
    atoms.symbols[0] = symbol
    store = Store(tmp_path / "x")
    store.write_plan([slab("al0000"), atoms])
    with pytest.raises(BenchError, match=mend):
        generate(store, workers=1, scratch=tmp_path / "work")
    assert not calls.exists()
    assert generate(store, workers=1, scratch=tmp_path / "work", limit=1).labelled == 1


def test_workers_do_not_share_folders(store, tmp_path, monkeypatch):
    calls = install_stand_in(tmp_path / "bin", monkeypatch)
    generate(store, workers=2, scratch=tmp_path / "work")
    folders = {line.split()[0] for line in calls.read_text().splitlines()}
    assert folders <= {str(tmp_path / f"work/worker-{n}/job") for n in range(2)}


@pytest.mark.parametrize("held", ["work", "al_water"])
def test_a_second_call_for_a_system_or_in_a_folder_is_refused(store, tmp_path, held):
    call = partial(generate, store, workers=1, scratch=tmp_path / "work")
    with locked(tmp_path / held), pytest.raises(BenchError, match=r"by another process .*\nWait"):
        call()
    assert store.labelled() == set()


def test_missing_program_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BenchError, match="apt-get install"):
        require_cp2k()


def test_a_stopped_worker_labels_nothing(tmp_path, monkeypatch):
    install_stand_in(tmp_path / "bin", monkeypatch)
    worker = Worker(tmp_path / "w")
    worker.stop()
    with pytest.raises(NotLabelled, match="stopped"):
        worker.label(crystal())


def test_the_queue_gives_whole_groups_once():
    plan = [slab("a", "g0"), slab("c", "g0"), slab("b", "g1"), slab("d", "g2"), slab("e", "g0")]
    queue = Queue.of(plan, {"d"})
    taken: list[list[str]] = []

    def take():
        while group := queue.take():
            taken.append([a.info["uid"] for a in group])

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [["a", "c"], ["b"], ["e"]]  # the last one was put off by the plan


def test_the_end_of_a_jobs_time_leaves_no_calculation_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "datasets/al_water"
    Store(folder).write_plan([slab("al0000", "g0", 0.0)])
    (folder / "about.yaml").write_text("system: al_water\nlabels: {}\n")
    (tmp_path / "cp2k.psmp").write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    (tmp_path / "cp2k.psmp").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    command = [sys.executable, "-m", "bench", "data", "generate", "system=al_water", "workers=1"]
    generating = subprocess.Popen(command)
    calculation = int(_wait_for(tmp_path / "pid"))
    generating.terminate()
    assert generating.wait(timeout=60) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(calculation, 0)


def _wait_for(path):
    for _ in range(600):
        if path.is_file() and (text := path.read_text()):
            return text
        time.sleep(0.1)
    raise AssertionError(f"{path} was not written")
