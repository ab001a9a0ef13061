"""A simple descriptor of atomic surroundings, to see how near two structures are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

Array = NDArray[np.float64]

CUTOFF = 5.0  # Å
_CENTRES = np.linspace(0.8, CUTOFF, 22)  # Å
_WIDTH = 0.25  # Å


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
    first, second, distance = neighbor_list("ijd", atoms, CUTOFF)
    column = np.searchsorted(sorted(elements), atoms.numbers)
    smooth = 0.5 * (1 + np.cos(np.pi * distance / CUTOFF))
    bumps = np.exp(-((distance[:, None] - _CENTRES) ** 2) / (2 * _WIDTH**2)) * smooth[:, None]
    vectors = np.zeros((len(atoms), len(elements), len(_CENTRES)))
    np.add.at(vectors, (first, column[second]), bumps)
    flat = vectors.reshape(len(atoms), -1)
    return {int(z): flat[atoms.numbers == z] for z in sorted(set(atoms.numbers))}


def structure_distance(one: dict[int, Array], other: dict[int, Array]) -> float:
    """Relative distance of two structures of equal composition, 0 for equal geometries.

    The atoms' vectors of each element are compared as multisets: column by column, sorted.
    Infinite where ``one`` has no neighbours at all and ``other`` has some.
    """
    square = norm = 0.0
    for number, vectors in one.items():
        difference = np.sort(vectors, axis=0) - np.sort(other[number], axis=0)
        square += float((difference**2).sum())
        norm += float((vectors**2).sum())
    if norm == 0.0:
        return float("inf") if square > 0.0 else 0.0
    return float(np.sqrt(square / norm))
