"""The descriptor of surroundings: values by hand, symmetries, and distances that make sense."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell

from bench.audit import neighbours
from bench.audit.neighbours import CUTOFF, environments, nearest, structure_vector

CENTRES = np.linspace(0.8, 5.0, 22)


def structure_distance(one, other):
    """Of two descriptors; ``nearest`` is symmetric."""
    vectors = [structure_vector(surroundings)[None] for surroundings in (one, other)]
    (there,), (back,) = nearest(*vectors), nearest(*vectors[::-1])
    assert there == back
    return there


def dimer(length, symbols="OO"):
    return Atoms(symbols, [[0, 0, 0], [0, 0, length]])


@pytest.mark.parametrize("column", [0, 6, 20])
def test_a_neighbour_on_a_centre_counts_with_the_cutoff_alone(column):
    r = CENTRES[column]
    (row, same) = environments(dimer(r), [8])[8]
    weight = np.cos(np.pi * r / 10) ** 2
    assert row[column] == pytest.approx(weight, rel=1e-12)
    next_centre = weight * np.exp(-((0.2 / 0.25) ** 2) / 2)
    assert row[column + 1] == pytest.approx(next_centre, rel=1e-12)
    assert np.array_equal(row, same)


def test_nothing_jumps_at_the_cutoff():
    inside, outside = (environments(dimer(CUTOFF + d), [8])[8] for d in (-1e-4, 1e-4))
    assert inside.max() < 1e-8 and not outside.any()
    assert environments(dimer(CUTOFF - 0.1), [8])[8].max() > 1e-4


def test_neighbours_are_counted_in_the_columns_of_their_element():
    found = environments(dimer(1.0, "OH"), [14, 8, 1])  # columns are by atomic number
    h, o, si = np.split(found[8][0], 3)
    assert h.max() > 0.5 and not o.any() and not si.any()
    h, o, si = np.split(found[1][0], 3)
    assert o.max() > 0.5 and not h.any() and not si.any()


def test_a_supercell_has_the_surroundings_of_its_primitive_cell():
    primitive = bulk("Al", "fcc", a=4.05)
    repeated = make_supercell(primitive, [[1, 1, -1], [-1, 1, 1], [1, -1, 2]])
    (one,) = environments(primitive, [13])[13]
    many = environments(repeated, [13])[13]
    assert len(many) == len(repeated) > 1
    np.testing.assert_allclose(many, np.broadcast_to(one, many.shape), rtol=0, atol=1e-10)


def test_rotations_and_the_periodic_origin_change_nothing():
    atoms = bulk("SiO", "rocksalt", a=4.4) * (2, 1, 1)
    atoms.rattle(0.1, seed=1)
    own = environments(atoms, [8, 14])
    atoms.rotate(33, (1, 2, 3), rotate_cell=True)
    atoms.translate([0.7, 9.0, -3.0])
    atoms.wrap()
    assert structure_distance(own, environments(atoms, [8, 14])) < 1e-10


def test_distance_by_hand():
    one = {8: np.array([[3.0, 0.0], [0.0, 4.0]])}
    assert structure_distance(one, {8: np.array([[0.0, 4.0], [3.0, 0.0]])}) == 0.0
    assert structure_distance(one, {8: np.array([[3.0, 0.0], [0.0, 1.0]])}) == pytest.approx(0.6)


def test_distance_grows_with_the_displacement():
    own = environments(dimer(1.5), [8])
    apart = [structure_distance(own, environments(dimer(1.5 + d), [8])) for d in (0.0, 0.05, 0.2)]
    assert apart[0] == 0.0 and apart[0] < apart[1] < apart[2]


def test_separate_atoms_are_not_a_molecule():
    """One without any neighbour has a descriptor of zeros: as far as can be."""
    bound, free = environments(dimer(1.2), [8]), environments(dimer(9.0), [8])
    assert structure_distance(free, free) == 0.0
    assert structure_distance(bound, free) == pytest.approx(1.0)


@pytest.mark.parametrize("block", [1, 7, 10**6])
def test_the_nearest_of_many(monkeypatch, block):
    monkeypatch.setattr(neighbours, "_BLOCK", block)
    rng = np.random.default_rng(0)
    asked, known = rng.normal(size=(5, 4)), rng.normal(size=(7, 4))
    apart = np.linalg.norm(asked[:, None] - known, axis=2)
    chosen = apart.argmin(1)
    norms = np.maximum(np.linalg.norm(asked, axis=1), np.linalg.norm(known[chosen], axis=1))
    assert nearest(asked, known) == pytest.approx(apart.min(1) / norms, rel=1e-12)
    assert nearest(known, known) == pytest.approx(0.0, abs=1e-7)
    others = nearest(known, known, own=np.arange(7))
    apart = np.linalg.norm(known[:, None] - known, axis=2) + 1e9 * np.eye(7)
    norms = np.linalg.norm(known, axis=1)
    expected = apart.min(1) / np.maximum(norms, norms[apart.argmin(1)])
    assert others == pytest.approx(expected, rel=1e-12)
