"""Free atoms from a density that is known: a Gaussian in the place of CP2K's."""

from pathlib import Path

import numpy as np
import pytest
from ase.units import Bohr

from bench.errors import BenchError
from bench.reference.partition import REACH, Proatom, load_proatoms, proatom_checksums
from bench.reference.proatoms import BOX, calculate_proatom, make_proatoms, write_proatoms

WIDTH = 0.55  # Å
POINTS = 40
RECORDED = Path(__file__).parent / "recorded"
RADII = np.array([0.3, 0.6, 1.0, 1.5])


@pytest.fixture(autouse=True)
def basis_sets(monkeypatch):
    monkeypatch.setenv("CP2K_DATA_DIR", str(RECORDED))


class Gaussian:
    """Stands in for a worker: writes the density that it is asked for and keeps the inputs."""

    def __init__(self, folder, electrons):
        self.folder, self.electrons, self.inputs = folder, electrons, []

    def run_input(self, text):
        self.inputs.append(text)
        (row,) = (line for line in text.split("&COORD")[1].splitlines()[1:2])
        place = np.array(row.split()[1:], float)
        axis = np.arange(POINTS) * BOX / POINTS
        values = 1.0
        for number, centre in enumerate(place):
            shape = [POINTS if k == number else 1 for k in range(3)]
            values = values * np.exp(-((axis - centre) ** 2) / (2 * WIDTH**2)).reshape(shape)
        density = self.electrons * values / (2 * np.pi * WIDTH**2) ** 1.5 * Bohr**3
        header = ["made up", "", "1 0 0 0", *[f"{POINTS} 0 0 0"] * 3, "1 0 0 0 0"]
        cube = "\n".join([*header, " ".join(f"{v:.8e}" for v in density.ravel())])
        (self.folder / "job-ELECTRON_DENSITY-1_0.cube").write_text(cube)
        return self.folder


def expected(electrons, radii):
    norm = (2 * np.pi * WIDTH**2) ** 1.5
    return electrons / norm * np.exp(-(radii**2) / (2 * WIDTH**2))


@pytest.mark.parametrize(("symbol", "electrons"), [("H", 1), ("O", 6), ("Al", 3)])
def test_the_density_of_a_gaussian_atom_is_found(tmp_path, symbol, electrons):
    proatom = calculate_proatom(symbol, Gaussian(tmp_path, electrons))
    assert proatom(RADII) == pytest.approx(expected(electrons, RADII), rel=0.02)
    r = np.linspace(0.0, 4.7, 2000)
    count = np.sum(4 * np.pi * r**2 * proatom(r)) * (r[1] - r[0])
    assert count == pytest.approx(electrons, rel=0.01)


def test_the_number_of_electrons_is_that_of_the_potential(tmp_path):
    """Rounding of the cube's numbers must not reach the labels: the density is scaled."""
    wrong, right = (calculate_proatom("O", Gaussian(tmp_path, n)) for n in (6.3, 6.0))
    np.testing.assert_allclose(wrong(RADII), right(RADII), rtol=1e-6)


def test_the_input_asks_for_a_closed_shell_in_the_box(tmp_path):
    worker = Gaussian(tmp_path, 6)
    calculate_proatom("O", worker, cutoff=450)
    (text,) = worker.inputs
    words = text.split()
    assert words[words.index("CUTOFF") + 1] == "450"
    assert words[words.index("CHARGE") + 1] == "0"
    row = text.split("&COORD")[1].split()
    assert row[0] == "O" and [float(x) for x in row[1:4]] == pytest.approx([5.011, 5.023, 5.037])


@pytest.mark.parametrize(
    ("symbol", "multiplicity"), [("H", 2), ("O", None), ("Al", None), ("Pt", None)]
)
def test_free_atoms_are_uncontracted_and_one_electron_is_one_spin(tmp_path, symbol, multiplicity):
    worker = Gaussian(tmp_path, 1)
    calculate_proatom(symbol, worker)
    (text,) = worker.inputs
    assert "&BASIS\n" in text and "MOLOPT" not in text.split("&KIND")[1]
    assert ("MULTIPLICITY 2\n" in text) == (multiplicity == 2)
    assert ("FIXED_MAGNETIC_MOMENT 1\n" in text) == (multiplicity == 2)


def mean_radius(proatom):
    r = np.linspace(0.0, REACH, 20001)
    shells = 4 * np.pi * r**2 * proatom(r)
    return np.sum(shells * r) / np.sum(shells)


def exact_hydrogen(radii):
    return np.exp(-2 * radii / Bohr) / (np.pi * Bohr**3)


def is_hydrogen(proatom):
    """<r> is 3/2 Bohr; PBE's tail is too heavy by a fifth at 2 Å."""
    at = np.array([0.5, 1.0, 2.0])
    return mean_radius(proatom) == pytest.approx(1.5 * Bohr, rel=0.03) and proatom(
        at
    ) == pytest.approx(exact_hydrogen(at), rel=0.25)


def test_the_shipped_hydrogen_is_hydrogen():
    assert is_hydrogen(load_proatoms()[1])


def test_the_contracted_basis_of_the_labels_cannot_hold_hydrogen():
    contracted = load_proatoms(RECORDED / "contracted_proatoms.npz")[1]
    assert not is_hydrogen(contracted)
    assert mean_radius(contracted) == pytest.approx(0.629, abs=1e-3)


def test_a_checksum_is_that_of_one_element(tmp_path):
    shipped = load_proatoms()
    old = load_proatoms(RECORDED / "contracted_proatoms.npz")
    found = proatom_checksums(np.array([8, 1, 1]), shipped)
    assert list(found) == ["H", "O"]
    assert found == proatom_checksums([1, 8], {1: shipped[1], 8: shipped[8]})
    assert found["H"] != proatom_checksums([1], old)["H"]


def test_without_the_program_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BenchError, match=r"cp2k\.psmp is not installed"):
        make_proatoms(["O"], tmp_path / "proatoms.npz")
    assert list(tmp_path.iterdir()) == []


def test_new_atoms_replace_their_own_and_keep_the_others(tmp_path):
    def proatom(height):
        return Proatom(np.array([0.0, 1.0]), np.log([height, height / 10]))

    path = tmp_path / "proatoms.npz"
    write_proatoms({8: proatom(2.0), 1: proatom(1.0)}, path)
    write_proatoms({8: proatom(5.0)}, path)
    load_proatoms.cache_clear()
    found = load_proatoms(path)
    assert list(found) == [1, 8]
    assert found[8](np.array([0.0])) == pytest.approx([5.0])
    assert found[1](np.array([0.0, 1.0])) == pytest.approx([1.0, 0.1])
