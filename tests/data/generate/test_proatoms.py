"""Free atoms from a density that is known: a Gaussian in the place of CP2K's."""

import numpy as np
import pytest
from ase.units import Bohr

from bench.data.generate.partition import Proatom, load_proatoms
from bench.data.generate.proatoms import BOX, calculate_proatom, make_proatoms, write_proatoms
from bench.errors import BenchError

WIDTH = 0.55  # Å
POINTS = 40
RADII = np.array([0.3, 0.6, 1.0, 1.5])


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
