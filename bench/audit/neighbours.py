"""A simple descriptor of atomic surroundings, to see how near two structures are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from bench.data.pairs import pairs

Array = NDArray[np.float64]

CUTOFF = 5.0  # Å
_CENTRES = np.linspace(0.8, CUTOFF, 22)  # Å
_WIDTH = 0.25  # Å
_BLOCK = 4_000_000  # distances held at once


def environments(atoms: Atoms, elements: Sequence[int]) -> dict[int, Array]:
    """Radial symmetry functions of every atom, by its element.

    G_i[Z, k] = Σ_j∈Z exp(−(r_ij − c_k)²/2w²) f(r_ij), with a cosine cutoff f at 5 Å, w = 0.25 Å and
    22 centres (J. Behler, J. Chem. Phys. 134, 074106 (2011), the G² functions).

    Args:
        atoms: a structure.
        elements: atomic numbers that a neighbour may have; they decide the columns.

    Returns:
        [atoms of the element, elements · 22] by atomic number.
    """
    found = pairs(atoms, CUTOFF)
    column = np.searchsorted(sorted(elements), atoms.numbers)
    smooth = 0.5 * (1 + np.cos(np.pi * found.distance / CUTOFF))
    bumps = np.exp(-((found.distance[:, None] - _CENTRES) ** 2) / (2 * _WIDTH**2))
    row = found.first * len(elements) + column[found.second]
    shape = (len(atoms) * len(elements), len(row))
    sums = csr_matrix((smooth, (row, np.arange(len(row)))), shape=shape) @ bumps
    flat = np.asarray(sums, dtype=np.float64).reshape(len(atoms), -1)
    return {int(z): flat[atoms.numbers == z] for z in sorted(set(atoms.numbers))}


def structure_vector(surroundings: dict[int, Array]) -> Array:
    """One vector for a structure: equal for equal geometries, as long for equal formulas.

    The vectors of an element's atoms as a multiset: column by column, sorted.
    """
    return np.concatenate([np.sort(rows, axis=0).ravel() for rows in surroundings.values()])


def nearest(asked: Array, known: Array, *, own: NDArray[np.int64] | None = None) -> Array:
    """Distance of each vector of ``asked`` to the nearest of ``known``, by products in blocks.

    Args:
        asked: [m, d].
        known: [n, d], one at least, with ``own`` two.
        own: [m] the row of ``known`` that does not count: the vector itself.

    Returns:
        [m] relative to the larger of the two norms; zero between two zero vectors.
    """
    squares = (known**2).sum(1)
    indices = np.zeros(len(asked), dtype=np.int64)
    size = max(1, _BLOCK // len(known))
    for start in range(0, len(asked), size):
        rows = asked[start : start + size]
        apart = squares - 2 * rows @ known.T  # less the square of the row itself
        if own is not None:
            apart[np.arange(len(rows)), own[start : start + size]] = np.inf
        indices[start : start + size] = apart.argmin(1)
    chosen = known[indices]
    distances = np.linalg.norm(asked - chosen, axis=1)
    norms = np.maximum(np.linalg.norm(asked, axis=1), np.linalg.norm(chosen, axis=1))
    return np.asarray(distances / np.where(norms > 0, norms, 1.0), dtype=np.float64)
