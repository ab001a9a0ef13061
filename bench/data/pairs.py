"""Pairs of atoms within a distance, in any boundary conditions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.geometry import complete_cell
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray


class Pairs(NamedTuple):
    """Both directions of every pair.

    Attributes:
        first: [p] index of an atom.
        second: [p] index of its neighbour.
        distance: [p] Å.
        shift: [p, 3] lattice vectors from the neighbour in the cell to its image.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    distance: NDArray[np.float64]
    shift: NDArray[np.int32]


def pairs(atoms: Atoms, cutoff: float) -> Pairs:
    """All pairs nearer than ``cutoff``.

    Args:
        atoms: a structure; its cell matters along periodic axes only.
        cutoff: in Å.
    """
    if len(atoms) == 0:
        none = np.zeros(0, dtype=np.int32)
        return Pairs(none, none, np.zeros(0), np.zeros((0, 3), dtype=np.int32))
    # Linked cells need a volume: along open axes a box around the atoms.
    cell = complete_cell(np.where(atoms.pbc[:, None], atoms.cell.array, 0.0))
    along = atoms.positions @ np.linalg.inv(cell)
    span = np.where(atoms.pbc, 1.0, along.max(0) - along.min(0) + 1.0)
    origin = np.where(atoms.pbc, 0.0, along.min(0)) @ cell
    box = cell * span[:, None]
    found = neighbour_list(
        "ijdS",
        positions=atoms.positions - origin,
        cell=box,
        pbc=atoms.pbc,
        cutoff=max(cutoff, _bin_width(box, len(atoms))),
    )
    return Pairs(*(part[found[2] < cutoff] for part in found))


def _bin_width(box: NDArray[np.float64], count: int) -> float:
    """Å below which linked cells would be many more than atoms, and fill the memory."""
    return float(np.cbrt(abs(np.linalg.det(box)) / (1e5 + 1e3 * count)))
