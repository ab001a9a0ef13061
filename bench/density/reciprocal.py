"""Boundary conditions and the reciprocal vectors that belong to them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.density.geometry import Boundary, Geometry
from bench.errors import BenchError

# graph-longrange's gto_basis_kspace_cutoff at l = 1, in units of one over the narrowest width.
LIBRARY_CUTOFF = 2.25 * 2**0.3

_BOUNDARIES = {
    (False, False, False): Boundary.OPEN,
    (True, True, False): Boundary.SLAB,
    (True, True, True): Boundary.BULK,
}
_TILT_TOLERANCE = 1e-6  # Å


def boundary_of(cell: npt.ArrayLike, pbc: Sequence[bool], where: str) -> Boundary:
    """The boundary conditions of a structure, checked.

    Args:
        cell: [3, 3] in Å, rows are lattice vectors; any for open structures.
        pbc: periodicity of the three vectors.
        where: names the structure in the message, such as ``test.extxyz, structure 3``.

    Raises:
        BenchError: for pbc other than TTT, TTF and FFF, a periodic cell without volume, or a slab
            whose c is not parallel to z or whose a and b are not normal to c.
    """
    matrix = np.asarray(cell, dtype=float)
    boundary = _BOUNDARIES.get((bool(pbc[0]), bool(pbc[1]), bool(pbc[2])))
    if boundary is None:
        shown = " ".join("FT"[bool(p)] for p in pbc)
        raise BenchError(
            f"{where}: periodicity pbc = '{shown}' is not supported.",
            "Allowed: 'T T T' (bulk), 'T T F' (slab, vacuum along z), 'F F F' (open).",
        )
    if boundary != Boundary.OPEN and abs(np.linalg.det(matrix)) < 1e-3:
        raise BenchError(
            f"{where}: a periodic structure has a cell without volume: {matrix.tolist()}.",
            "Set a cell in Å with three independent vectors, or pbc to 'F F F'.",
        )
    tilt = max(*np.abs(matrix[2, :2]), *np.abs(matrix[:2, 2]))
    if boundary == Boundary.SLAB and tilt > _TILT_TOLERANCE:
        raise BenchError(
            f"{where}: a slab needs c parallel to z and a, b normal to it; "
            f"the cell {matrix.tolist()} is off by {tilt:.3g} Å.",
            "Rotate the structure (ase: atoms.rotate(..., rotate_cell=True)) so that z is the "
            "surface normal, with c along it.",
        )
    return boundary


def half_sphere(
    cell: npt.NDArray[np.float64],
    boundary: Boundary,
    *,
    narrowest_width: float,
    cutoff_factor: float,
) -> npt.NDArray[np.int64]:
    """Integer coordinates of the reciprocal vectors within the cutoff, one of each ± pair.

    Args:
        cell: [3, 3] in Å, rows are lattice vectors.
        boundary: of the structure.
        narrowest_width: smallest Gaussian width of density and features in Å.
        cutoff_factor: cutoff in units of graph-longrange's 2.25 · 2^0.3 / narrowest_width; 1.5
            keeps energies of ionic crystals to 3e-6 eV, 1.0 is wrong by 0.2 eV.

    Returns:
        [k, 3] without the zero vector; [0, 3] for open structures.
    """
    if boundary == Boundary.OPEN:
        return np.zeros((0, 3), dtype=np.int64)
    cutoff = cutoff_factor * LIBRARY_CUTOFF / narrowest_width
    # k · a_i = 2π n_i bounds every index by the length of its own lattice vector.
    bound = (cutoff * np.linalg.norm(cell, axis=1) / (2 * math.pi)).astype(int)
    axes = [np.arange(-b, b + 1) for b in (0, *bound[1:])]
    axes[0] = np.arange(bound[0] + 1)
    indices = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    n1, n2, n3 = indices.T
    upper = (n1 > 0) | ((n1 == 0) & ((n2 > 0) | ((n2 == 0) & (n3 > 0))))
    vectors = 2 * math.pi * indices @ np.linalg.inv(cell).T
    selected: npt.NDArray[np.int64] = indices[upper & ((vectors**2).sum(axis=1) <= cutoff**2)]
    return selected


def reciprocal_vectors(geometry: Geometry) -> Tensor:
    """[g, k, 3] in 1/Å, differentiable in the cell; zero where padded."""
    inverse = torch.linalg.inv(geometry.cell)  # columns are reciprocal vectors over 2π
    vectors: Tensor = 2 * math.pi * geometry.k_indices @ inverse.transpose(1, 2)
    return vectors
