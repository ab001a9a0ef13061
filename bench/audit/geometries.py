"""Whether two structures have the same geometry, however they are turned, shifted or ordered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import product

import numpy as np
from ase import Atoms
from ase.geometry import find_mic, minkowski_reduce
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial import KDTree

from bench.audit.neighbours import environments, nearest, structure_vector

Array = NDArray[np.float64]

SAME = 0.01  # Å, a tenth of what atoms move at room temperature
_ALIKE = 0.1  # relative distance of descriptors, which 0.01 Å changes by 0.03 at most
_PAIRS = 50_000  # of atoms at once
_STATISTICS = 24  # distances that stand for all of them in the search


def composition(atoms: Atoms) -> tuple[str, bytes]:
    """What two structures have in common before their geometries can be compared."""
    return atoms.get_chemical_formula(), atoms.pbc.tobytes()


def find_same(asked: Sequence[Atoms], known: Sequence[Atoms]) -> list[tuple[int, int]]:
    """Indices (of asked, of known) of structures with the same geometry, one for each asked.

    Sorted distances of equal geometries agree one by one, so that a tree over some of them finds
    the few pairs that are worth a closer look.

    Args:
        asked: structures.
        known: those to compare them with.
    """
    members: dict[tuple[str, bytes], list[int]] = defaultdict(list)
    for index, atoms in enumerate(known):
        members[composition(atoms)].append(index)
    trees: dict[tuple[str, bytes], KDTree] = {}
    found = []
    for index, atoms in enumerate(asked):
        key = composition(atoms)
        if key not in members:
            continue
        if key not in trees:
            trees[key] = KDTree(np.array([_statistics(known[i]) for i in members[key]]))
        near = trees[key].query_ball_point(_statistics(atoms), SAME, p=np.inf)
        peers = (members[key][i] for i in sorted(near))
        same = next((peer for peer in peers if same_geometry(atoms, known[peer])), None)
        found += [] if same is None else [(index, same)]
    return found


def same_geometry(one: Atoms, other: Atoms, tolerance: float = SAME) -> bool:
    """Whether all distances agree: of the lattice, around each atom, and to all other atoms.

    Every atom of one needs a partner of its element in the other that sees the same nearest images
    of all atoms, near and far.  Rotations, reflections, shifts of the origin and the order of the
    atoms make no difference.  The images within 5 Å are compared by their descriptor.

    Args:
        one: a structure.
        other: another.
        tolerance: Å.
    """
    if composition(one) != composition(other):
        return False
    if np.abs(_lattice(one) - _lattice(other)).max(initial=0.0) > tolerance:
        return False
    elements = sorted(set(one.numbers.tolist()))
    vectors = [structure_vector(environments(atoms, elements))[None] for atoms in (one, other)]
    if nearest(*vectors)[0] > _ALIKE:
        return False
    (rows, numbers), (others, other_numbers) = _seen(one), _seen(other)
    partners = np.array([np.abs(row - others).max(1) <= tolerance for row in rows])  # [i, j]
    partners &= numbers[:, None] == other_numbers
    return bool((maximum_bipartite_matching(csr_matrix(partners)) >= 0).all())


def _statistics(atoms: Atoms) -> Array:
    """Some of the sorted distances, and the lattice; equal length for equal compositions."""
    first, second = np.triu_indices(len(atoms), 1)
    if len(first) == 0:
        return np.append(_lattice(atoms), 0.0)
    distances = np.sort(_distances(atoms, first, second))
    chosen = np.linspace(0, len(distances) - 1, _STATISTICS).astype(int)
    return np.concatenate([distances[chosen], _lattice(atoms)])


def _seen(atoms: Atoms) -> tuple[Array, NDArray[np.int64]]:
    """[n, n] distances from every atom (Å), sorted by element and length, and elements [n]."""
    count, numbers = len(atoms), np.sort(atoms.numbers)
    first, second = (axis.ravel() for axis in np.indices((count, count)))
    distances = _distances(atoms, first, second).reshape(count, count)
    order = np.argsort(atoms.numbers, kind="stable")
    distances = distances[order][:, order]
    blocks = np.split(distances, np.flatnonzero(np.diff(numbers)) + 1, axis=1)
    return np.concatenate([np.sort(block, axis=1) for block in blocks], axis=1), numbers


def _distances(atoms: Atoms, first: NDArray[np.int64], second: NDArray[np.int64]) -> Array:
    """[p] Å between nearest images."""
    apart = atoms.positions[second] - atoms.positions[first]
    if atoms.pbc.any():
        parts = np.array_split(apart, len(apart) // _PAIRS + 1)  # ase holds 27 images of each
        apart = np.concatenate([find_mic(part, atoms.cell, atoms.pbc)[0] for part in parts])
    lengths: Array = np.linalg.norm(apart, axis=1)
    return lengths


def _lattice(atoms: Atoms) -> Array:
    """Sorted lengths (Å) of the shortest lattice vectors along periodic axes."""
    if not atoms.pbc.any():
        return np.zeros(0)
    reduced = minkowski_reduce(atoms.cell, atoms.pbc)[0][atoms.pbc]
    steps = np.array(list(product((-1, 0, 1), repeat=len(reduced))))
    lengths: Array = np.sort(np.linalg.norm(steps @ reduced, axis=1))
    return lengths
