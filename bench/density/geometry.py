"""Padded geometry: what electrostatics needs to know of a batch of structures."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor


class Boundary(IntEnum):
    """Boundary conditions that the electrostatics treats; any other pbc is refused."""

    OPEN = 0  # pbc F F F
    SLAB = 1  # pbc T T F: a and b normal to c, which is parallel to z
    BULK = 2  # pbc T T T


@dataclass(frozen=True)
class Geometry:
    """A batch of structures, padded to the largest; all tensors float64 unless noted.

    Shapes: g structures, n atoms of the largest structure, k reciprocal vectors of the largest.

    Attributes:
        positions: [g, n, 3] in Å, zero where padded.
        mask: [g, n] bool, True for real atoms.
        cell: [g, 3, 3] in Å, rows are lattice vectors (unit matrix for open structures).
        boundary: [g] int64, values of ``Boundary``.
        k_indices: [g, k, 3] integers (stored as float64), half sphere without zero; 0 where padded.
        k_mask: [g, k] bool, True for real reciprocal vectors.
        electric_field: [g, 3] in V/Å.
        total_charge: [g] in e.
    """

    positions: Tensor
    mask: Tensor
    cell: Tensor
    boundary: Tensor
    k_indices: Tensor
    k_mask: Tensor
    electric_field: Tensor
    total_charge: Tensor

    @property
    def volume(self) -> Tensor:
        """[g] in Å³."""
        volume: Tensor = torch.linalg.det(self.cell).abs()
        return volume
