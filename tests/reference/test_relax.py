"""Relaxation: it ends at the minimum, goes on where it ended, and passes CP2K its last orbitals."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.io import read

from bench.commands.data import main
from bench.errors import BenchError
from bench.reference.labelling import Worker
from bench.reference.relax import ReferenceForces, relax
from bench.reference.store import Store
from tests.reference.planned import crystal, install_stand_in


class Springs(Calculator):
    """Every atom tied to a place of its own by 5 eV/Å², so that the minimum is known."""

    implemented_properties = ["energy", "forces"]

    def __init__(self, places):
        super().__init__()
        self.places, self.calls = places, 0

    def calculate(self, atoms=None, properties=(), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        away = self.atoms.positions - self.places
        self.results = {"energy": 2.5 * (away**2).sum(), "forces": -5.0 * away}


@pytest.fixture
def displaced():
    start = crystal()
    start.info["vacancy_site"] = np.array([1.0, 2.0, 3.0])
    return start, start.positions + np.array([[0.3, 0, 0], [0, -0.4, 0], [0, 0, 0.2]])


def test_it_ends_where_forces_vanish_and_every_step_is_kept(displaced, tmp_path):
    start, places = displaced
    out = tmp_path / "rest.xyz"
    last = relax(start, Springs(places), out, force=0.05, steps=50)
    frames = read(out, ":")
    assert [f.info["step"] for f in frames] == list(range(len(frames)))
    assert frames[0].info["largest_force"] == pytest.approx(5.0 * 0.4)
    assert last.info["largest_force"] <= 0.05
    assert np.linalg.norm(last.positions - places, axis=1).max() <= 0.05 / 5.0
    assert last.info["trajectory"] == "rest" and list(last.info["vacancy_site"]) == [1, 2, 3]


def test_a_second_call_goes_on_where_the_first_ended(displaced, tmp_path):
    start, places = displaced
    out = tmp_path / "rest.xyz"
    calculator = Springs(places)
    relax(start, calculator, out, force=0.05, steps=2)
    half = read(out, -1)
    assert half.info["step"] == 2 and half.info["largest_force"] > 0.05
    relax(start, Springs(places), out, force=0.05, steps=50)
    frames = read(out, ":")
    assert [f.info["step"] for f in frames] == list(range(len(frames)))
    assert np.allclose(frames[2].positions, half.positions)
    assert frames[-1].info["largest_force"] <= 0.05
    done = Springs(places)
    relax(start, done, out, force=0.05, steps=50)
    assert done.calls == 1 and len(read(out, ":")) == len(frames)


def test_a_file_of_another_structure_is_refused(displaced, tmp_path):
    start, places = displaced
    out = tmp_path / "rest.xyz"
    relax(start, Springs(places), out, force=0.05, steps=1)
    with pytest.raises(BenchError, match="another structure"):
        relax(Atoms("H"), Springs(places), out, force=0.05, steps=1)


def test_each_run_of_cp2k_starts_from_the_orbitals_of_the_one_before(tmp_path, monkeypatch):
    calls = install_stand_in(tmp_path / "bin", monkeypatch)
    start = crystal(charge=2)
    atoms = start.copy()
    atoms.calc = ReferenceForces(Worker(tmp_path / "work"), start.info)
    assert atoms.get_potential_energy() == pytest.approx(-10.5 * 27.211386, rel=1e-6)
    assert np.allclose(atoms.get_forces(), np.array([0.1, 0.2, 0.3]) * 51.42206747, rtol=1e-6)
    atoms.positions[0, 0] += 0.05
    atoms.get_forces()
    restarted = [line.split()[1] for line in calls.read_text().splitlines()]
    assert restarted == ["False", "True"]
    text = (tmp_path / "work/job/job.inp").read_text()
    assert "CHARGE 2" in text and "0.05" in text.split("&COORD")[1]


def test_what_does_not_converge_is_one_sentence(tmp_path, monkeypatch):
    install_stand_in(tmp_path / "bin", monkeypatch, fail_above=-1.0)
    start = crystal()
    with pytest.raises(BenchError, match="si0000: not converged"):
        relax(
            start,
            ReferenceForces(Worker(tmp_path / "work"), start.info),
            tmp_path / "rest.xyz",
            force=0.05,
            steps=1,
        )


def test_the_verb_says_whether_it_is_done(tmp_path, monkeypatch, capsys):
    install_stand_in(tmp_path / "bin", monkeypatch)
    monkeypatch.chdir(tmp_path)
    Store(tmp_path / "datasets/si").write_plan([crystal()])
    words = ["relax", "system=si", "uid=si0000", "out=rest.xyz", "steps=1"]
    assert main(words) == 1  # the stand-in's forces are the same everywhere
    assert "step 1, largest force 19.2" in capsys.readouterr().out
    assert main([*words, "force=20"]) == 0
    assert [f.info["step"] for f in read("rest.xyz", ":")] == [0, 1]
    with pytest.raises(BenchError, match="no planned structure si0009"):
        main(["relax", "system=si", "uid=si0009", "out=rest.xyz"])
