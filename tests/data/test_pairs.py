"""Pairs within a distance, against ase's neighbour list in every boundary condition."""

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from bench.data.pairs import pairs

CELLS = {"cubic": 4.0 * np.eye(3), "triclinic": [[4.0, 0, 0], [2.0, 5.0, 0], [1.0, 1.0, 6.0]]}


def listed(first, second, distance, shift):
    rows = zip(first.tolist(), second.tolist(), distance.round(8).tolist(), shift.tolist())
    return sorted((i, j, d, tuple(s)) for i, j, d, s in rows)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pbc", [(0, 0, 0), (0, 1, 0), (1, 1, 0), (1, 1, 1)])
def test_pairs_are_those_of_ase(cell, pbc):
    positions = 10.0 + 4.0 * np.random.default_rng(0).normal(size=(6, 3))
    atoms = Atoms("HOAlSiH2", positions, cell=CELLS[cell], pbc=pbc)
    expected = listed(*neighbor_list("ijdS", atoms, 5.0))
    assert expected and listed(*pairs(atoms, 5.0)) == expected


def test_no_cell_one_atom_and_two_at_one_place():
    assert len(pairs(Atoms(), 5.0).first) == 0
    assert len(pairs(Atoms("H"), 5.0).first) == 0
    assert pairs(Atoms("H2", [[1.0, 2.0, 3.0]] * 2), 0.1).distance.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("cutoff", [0.1, 5.0])
def test_a_large_empty_box_needs_no_memory(cutoff):
    """Linked cells of 0.1 Å in a box of 1e5 Å would be 1e18."""
    for pbc in (False, True):
        far = Atoms("H3", [[0, 0, 0], [0.05, 0, 0], [9e4, 9e4, 9e4]], cell=[1e5] * 3, pbc=pbc)
        found = pairs(far, cutoff)
        assert found.first.tolist() == [0, 1] and found.distance == pytest.approx(0.05)
