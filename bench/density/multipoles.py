"""Order, sums and applied potential of atomic multipoles.

Multipoles of an atom are kept in graph-longrange's order (q, d_y, d_z, d_x), m = −1, 0, 1 of real
spherical harmonics about z; anything called a dipole is Cartesian (x, y, z).  e3nn returns l = 1 in
the order of its input, so what it makes of (x, y, z) needs ``to_spherical``.
Flat vectors of a structure list atom 0's multipoles, then atom 1's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.labels.keys import CARTESIAN_FROM_SPHERICAL, SPHERICAL_FROM_CARTESIAN


def to_cartesian(vectors: Tensor) -> Tensor:
    """[..., 3] from the multipoles' order (y, z, x) to (x, y, z)."""
    return vectors[..., CARTESIAN_FROM_SPHERICAL]


def to_spherical(vectors: Tensor) -> Tensor:
    """[..., 3] from (x, y, z) to the multipoles' order (y, z, x)."""
    return vectors[..., SPHERICAL_FROM_CARTESIAN]


def cell_centre(cell: Tensor) -> Tensor:
    """[g, 3] in Å, half the sum of the lattice vectors: origin of the field's potential.

    Args:
        cell: [g, 3, 3] in Å, rows are lattice vectors; open structures without a box have a unit
            matrix or zeros, which matters to charged ones in a field alone.
    """
    return cell.sum(dim=1) / 2


def dipole(multipoles: Tensor, positions: Tensor, centre: Tensor) -> Tensor:
    """Dipole Σ q_i (r_i − centre) + d_i in Cartesian order.

    Args:
        multipoles: [g, n, 1 or 4] in e and e Å, zero where padded.
        positions: [g, n, 3] in Å.
        centre: [g, 3] in Å; matters to charged structures alone.

    Returns:
        [g, 3] in e Å.
    """
    charges = multipoles[..., :1]  # [g, n, 1]
    moment = (charges * (positions - centre[:, None])).sum(dim=1)
    if multipoles.shape[-1] == 1:
        return moment
    return moment + to_cartesian(multipoles[..., 1:]).sum(dim=1)


def charge_entries(mask: Tensor, l_max: int) -> Tensor:
    """[g, m] float64, 1 on the charge of every real atom, 0 elsewhere.

    Args:
        mask: [g, n] bool, real atoms.
        l_max: 0 or 1.
    """
    ones = mask.to(torch.float64)[..., None]  # [g, n, 1]
    return per_entry(ones, torch.zeros_like(ones).expand(-1, -1, 3), l_max)


def linear_entries(value: Tensor, gradient: Tensor, mask: Tensor, l_max: int) -> Tensor:
    """[g, m] a potential on the multipole basis, the Gaussians' own width left out.

    Args:
        value: [g, n] potential at the atoms.
        gradient: [g, n, 3] its Cartesian gradient there.
        mask: [g, n] bool, real atoms.
        l_max: 0 or 1.

    Returns:
        The value on charges and the gradient, order (y, z, x), on dipoles; zero where padded.
    """
    real = mask.to(value.dtype)[..., None]  # [g, n, 1]
    return per_entry(value[..., None] * real, to_spherical(gradient) * real, l_max)


def per_entry(charge_part: Tensor, dipole_part: Tensor, l_max: int) -> Tensor:
    """[g, m] from [g, n, 1] on charges and [g, n, 3], order (y, z, x), on dipoles."""
    parts = [charge_part, dipole_part] if l_max else [charge_part]
    return torch.cat(parts, dim=-1).flatten(1)
