import itertools
import math

import numpy as np
import pytest
import torch

from bench.density.geometry import Boundary
from bench.density.reciprocal import boundary_of, half_sphere, reciprocal_vectors
from bench.errors import BenchError
from tests.density.batches import OBLIQUE_SLAB, TRICLINIC, bulk, cluster, geometry, slab

NEEDLE = np.array([[2.0, 0, 0], [1.9, 0.9, 0], [0.3, 7.0, 20.0]])


@pytest.mark.parametrize("cell", [TRICLINIC, OBLIQUE_SLAB, NEEDLE])
def test_half_sphere_holds_one_of_each_pair_within_the_cutoff(cell: np.ndarray) -> None:
    cutoff = 1.5 * 2.25 * 2**0.3 / 2.0
    found = half_sphere(cell, Boundary.BULK, narrowest_width=2.0, cutoff_factor=1.5)
    reciprocal = 2 * math.pi * np.linalg.inv(cell).T
    grid = np.array(list(itertools.product(range(-25, 26), repeat=3)))
    inside = grid[np.linalg.norm(grid @ reciprocal, axis=1) <= cutoff]
    pairs = {tuple(n) for n in found} | {tuple(-n) for n in found}
    assert pairs | {(0, 0, 0)} == {tuple(n) for n in inside}
    assert 2 * len(found) + 1 == len(inside)


def test_open_structures_have_no_reciprocal_vectors() -> None:
    found = half_sphere(TRICLINIC, Boundary.OPEN, narrowest_width=1.0, cutoff_factor=1.5)
    assert found.shape == (0, 3)


@pytest.mark.parametrize("width", [0.7, 1.5])
def test_cutoff_is_the_library_heuristic(width: float) -> None:
    from tests.density.library_reference import gto_basis_kspace_cutoff

    expected = 1.25 * gto_basis_kspace_cutoff([width], 1)
    indices = half_sphere(TRICLINIC, Boundary.BULK, narrowest_width=width, cutoff_factor=1.25)
    longest = np.linalg.norm(2 * math.pi * indices @ np.linalg.inv(TRICLINIC).T, axis=1).max()
    finer = half_sphere(8 * TRICLINIC, Boundary.BULK, narrowest_width=width, cutoff_factor=1.25)
    longest_fine = np.linalg.norm(math.pi / 4 * finer @ np.linalg.inv(TRICLINIC).T, axis=1).max()
    assert longest <= longest_fine <= expected
    assert longest_fine > expected * (1 - 1e-3)


def test_vectors_are_dual_to_the_lattice_and_zero_where_padded() -> None:
    batch = geometry(bulk(), slab(), cluster())
    vectors = reciprocal_vectors(batch)
    products = vectors @ batch.cell.transpose(1, 2) / (2 * math.pi)
    torch.testing.assert_close(products, batch.k_indices, rtol=0, atol=1e-11)
    assert not vectors[~batch.k_mask].any()


@pytest.mark.parametrize(
    ("pbc", "expected"),
    [
        ((True, True, True), Boundary.BULK),
        ((True, True, False), Boundary.SLAB),
        ((False, False, False), Boundary.OPEN),
        (np.array([1, 1, 0]), Boundary.SLAB),
    ],
)
def test_boundary_follows_the_periodicity(pbc: tuple[bool, ...], expected: Boundary) -> None:
    assert boundary_of(OBLIQUE_SLAB, pbc, "here") == expected


@pytest.mark.parametrize("pbc", [(True, False, False), (False, True, True), (False, False, True)])
def test_other_periodicities_are_refused(pbc: tuple[bool, ...]) -> None:
    with pytest.raises(BenchError, match=r"a\.extxyz, structure 3: periodicity pbc = '[TF ]+'"):
        boundary_of(OBLIQUE_SLAB, pbc, "a.extxyz, structure 3")


@pytest.mark.parametrize("entry", [(2, 0), (2, 1), (0, 2), (1, 2)])
def test_tilted_slabs_are_refused(entry: tuple[int, int]) -> None:
    cell = OBLIQUE_SLAB.copy()
    cell[entry] = 0.01
    with pytest.raises(BenchError, match=r"structure 7: a slab needs c parallel to z.*0\.01 Å"):
        boundary_of(cell, (True, True, False), "structure 7")
    assert boundary_of(cell, (True, True, True), "structure 7") == Boundary.BULK


def test_periodic_cell_without_volume_is_refused() -> None:
    with pytest.raises(BenchError, match="without volume"):
        boundary_of(np.zeros((3, 3)), (True, True, False), "x")
    assert boundary_of(np.zeros((3, 3)), (False, False, False), "x") == Boundary.OPEN
