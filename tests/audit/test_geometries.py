"""The same geometry is found again however it is written, and only the same."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from bench.audit import geometries
from bench.audit.geometries import find_same, same_geometry


def water_pair(distance):
    """Two waters, far beyond any neighbour's cutoff."""
    pair = molecule("H2O")
    other = molecule("H2O")
    other.translate([0.0, 0.0, distance])
    return pair + other


def crystal():
    atoms = bulk("SiO", "rocksalt", a=4.4) * (2, 2, 1)
    atoms.rattle(0.1, seed=1)
    return atoms


def slab(height=2.0):
    atoms = fcc111("Al", (2, 2, 2), vacuum=8.0)
    atoms.pbc = [True, True, False]
    atoms += Atoms("O", [atoms.positions[-1] + [0.0, 0.0, height]])
    return atoms


SYSTEMS = {"molecules": lambda: water_pair(7.0), "crystal": crystal, "slab": slab}


def disguised(atoms, seed=0):
    """Turned, shifted over the cell's faces, with its atoms in another order."""
    other = atoms.copy()
    rng = np.random.default_rng(seed)
    if not atoms.pbc.any() or atoms.pbc.all():
        other.rotate(37.0, (1, 2, 3), rotate_cell=True)
    other.translate(rng.normal(size=3) * other.pbc + [0.0, 0.0, 0.3])
    if atoms.pbc.any():
        other.wrap(pbc=atoms.pbc)
    return other[rng.permutation(len(other))]


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_disguised_copy_is_the_same(name):
    atoms = SYSTEMS[name]()
    other = disguised(atoms)
    assert same_geometry(atoms, other) and same_geometry(other, atoms)
    assert find_same([other], [atoms]) == [(0, 0)]


@pytest.mark.parametrize("name", SYSTEMS)
def test_an_atom_elsewhere_is_another_geometry(name):
    atoms = SYSTEMS[name]()
    for step, same in ((0.003, True), (0.05, False)):
        other = disguised(atoms)
        other.positions[0] += [step, 0.0, 0.0]
        assert same_geometry(atoms, other) is same
        assert find_same([other], [atoms]) == ([(0, 0)] if same else [])


def test_many_pairs_are_compared_in_parts(monkeypatch):
    atoms = crystal()
    monkeypatch.setattr(geometries, "_PAIRS", 3)
    assert same_geometry(atoms, disguised(atoms))
    moved = disguised(atoms)
    moved.positions[0] += [0.05, 0.0, 0.0]
    assert not same_geometry(atoms, moved)


def test_separated_fragments_know_how_far_apart_they_are():
    """At 7 and 12 Å no atom of one fragment sees the other within 5 Å."""
    assert not same_geometry(water_pair(7.0), water_pair(12.0))
    assert find_same([water_pair(7.0)], [water_pair(12.0), water_pair(7.0)]) == [(0, 1)]


def test_a_fragment_high_above_a_slab_knows_its_height():
    assert same_geometry(slab(7.0), slab(7.0))
    assert not same_geometry(slab(7.0), slab(12.0))


def test_swapped_elements_are_another_geometry():
    atoms = Atoms("HOF", [[0, 0, 0], [1.0, 0, 0], [2.5, 0, 0]])
    other = Atoms("OHF", atoms.positions)
    assert not same_geometry(atoms, other)


def test_one_atom_is_its_lattice():
    fcc, bcc = (bulk("Al", kind, a=4.0) for kind in ("fcc", "bcc"))
    stretched = bulk("Al", "fcc", a=4.1)
    assert same_geometry(fcc, fcc)
    assert find_same([fcc], [bcc, stretched]) == []


def test_a_lattice_in_other_vectors_is_the_same():
    atoms = crystal()
    other = atoms.copy()
    other.set_cell([[1, 0, 0], [2, 1, 0], [-1, 0, 1]] @ atoms.cell.array)
    assert same_geometry(atoms, other)


def test_boundaries_and_formulas_are_compared_first():
    free, periodic = crystal(), crystal()
    free.pbc = False
    assert not same_geometry(free, periodic)
    assert find_same([free, crystal()[:3]], [periodic]) == []


def test_a_mirror_image_is_the_same():
    """Every energy and force of it is: without a field no label tells the two apart."""
    atoms = molecule("H2O2")
    other = atoms.copy()
    other.positions[:, 0] *= -1
    assert same_geometry(atoms, other)
