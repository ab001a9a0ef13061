"""Starting geometries: right numbers, distances, cells, and refusals."""

import numpy as np
import pytest

from bench.errors import BenchError
from bench.structures import (
    alpha_quartz,
    metal_water_slab,
    molecules_intact,
    vacancy_supercell,
)


@pytest.mark.parametrize(
    ("metal", "lattice", "layers", "size", "waters"),
    [("Pt", 3.97, 3, (2, 2), 4), ("Al", 4.04, 4, (2, 2), 3), ("Cu", 3.61, 3, (4, 2), 6)],
)
def test_slab_has_fcc_distances_and_whole_molecules(metal, lattice, layers, size, waters):
    atoms = metal_water_slab(
        metal, waters=waters, layers=layers, size=size, rng=np.random.default_rng(3), height=30.0
    )
    symbols = np.array(atoms.get_chemical_symbols())
    assert (symbols == metal).sum() == layers * size[0] * size[1]
    assert (symbols == "O").sum() == waters and (symbols == "H").sum() == 2 * waters
    metal_only = atoms[symbols == metal]
    distances = metal_only.get_all_distances(mic=True)
    np.fill_diagonal(distances, 9.0)
    assert distances.min() == pytest.approx(lattice / np.sqrt(2), abs=1e-9)
    heights = np.unique(metal_only.positions[:, 2].round(6))
    assert np.diff(heights) == pytest.approx(lattice / np.sqrt(3), abs=1e-5)
    assert heights[0] == pytest.approx(5.5)
    assert molecules_intact(atoms)
    assert atoms.pbc.tolist() == [True, True, False]


def test_molecules_keep_their_distance():
    atoms = metal_water_slab("Pt", waters=5, rng=np.random.default_rng(0))
    water = atoms.numbers != 78
    to_metal = atoms.get_all_distances(mic=True)[np.ix_(water, ~water)]
    assert to_metal.min() > 1.8
    oxygen = np.flatnonzero(atoms.numbers == 8)
    between = atoms.get_all_distances(mic=True)[np.ix_(oxygen, oxygen)] + 9 * np.eye(len(oxygen))
    assert between.min() > 2.55


def test_the_same_seed_gives_the_same_slab():
    one, two = (metal_water_slab("Al", waters=3, rng=np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.positions, two.positions)


@pytest.mark.parametrize("metal", ["Fe", "Xx"])
def test_a_metal_that_is_not_fcc_is_refused(metal):
    with pytest.raises(BenchError, match=metal):
        metal_water_slab(metal, waters=1, rng=np.random.default_rng(0))


def test_too_many_molecules_are_refused():
    with pytest.raises(BenchError, match="does not fit"):
        metal_water_slab("Pt", waters=9, rng=np.random.default_rng(0), height=21.0)


def test_a_broken_molecule_is_seen():
    atoms = metal_water_slab("Pt", waters=2, rng=np.random.default_rng(1))
    atoms.positions[np.flatnonzero(atoms.numbers == 1)[0], 2] += 6.0
    assert not molecules_intact(atoms)


def test_quartz_supercell_and_its_vacancy():
    pristine = vacancy_supercell(alpha_quartz(), repeat=(2, 2, 1), element=None)
    vacancy = vacancy_supercell(alpha_quartz(), repeat=(2, 2, 1), element="O")
    assert pristine.get_chemical_formula() == "O24Si12"
    assert vacancy.get_chemical_formula() == "O23Si12"
    assert vacancy.cell.volume == pytest.approx(4 * 4.913**2 * 5.405 * np.sqrt(3) / 2)
    bonds = pristine.get_all_distances(mic=True)[
        np.ix_(pristine.numbers == 14, pristine.numbers == 8)
    ]
    assert ((bonds < 1.75).sum(1) == 4).all()  # every silicon has four oxygens
    assert bonds.min() == pytest.approx(1.61, abs=0.02)
    gone = vacancy.info["vacancy_site"]
    off = np.linalg.norm(pristine.positions - gone, axis=1)
    assert pristine.numbers[off.argmin()] == 8 and off.min() < 1e-9


def test_any_site_of_any_crystal_can_be_removed():
    cell = alpha_quartz()
    chosen = vacancy_supercell(cell, repeat=(1, 1, 2), element="Si", site=0)
    assert chosen.get_chemical_formula() == "O12Si5"
    with pytest.raises(BenchError, match="site=99"):
        vacancy_supercell(cell, repeat=(1, 1, 2), element="Si", site=99)
    with pytest.raises(BenchError, match="'Al'"):
        vacancy_supercell(cell, repeat=(1, 1, 1), element="Al")
