"""Interaction of Gaussian multipoles in a periodic cell, a sum over reciprocal vectors.

The density of a charge has the phase exp(−ik·r), that of a dipole −ik·d times it; k = 0 is left
out, so charged cells carry a neutralising background and the potential's cell average is zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.density.constants import FIELD_CONSTANT
from bench.density.geometry import Geometry
from bench.density.multipoles import to_spherical
from bench.density.reciprocal import reciprocal_vectors


@dataclass(frozen=True)
class Waves:
    """Plane waves of the half sphere at the atoms.

    Attributes:
        vectors: [g, k, 3] in 1/Å, order (y, z, x).
        square: [g, k] in 1/Å², 1 where padded.
        strength: [g, k] 2 / (ε0 V k²) in V/e, zero where padded.
        cosine: [g, k, n] of k·r, zero for padded atoms.
        sine: [g, k, n].
    """

    vectors: Tensor
    square: Tensor
    strength: Tensor
    cosine: Tensor
    sine: Tensor

    def kernel(self, width: float, other_width: float) -> Tensor:
        """[g, k] Coulomb kernel between Gaussians of two widths (Å), in V/e."""
        return self.strength * torch.exp(-self.square * (width**2 + other_width**2) / 2)


def plane_waves(geometry: Geometry) -> Waves:
    """Waves of periodic structures (each with a volume)."""
    vectors = reciprocal_vectors(geometry)
    square = torch.where(geometry.k_mask, (vectors**2).sum(dim=-1), 1.0)
    strength = 2 * FIELD_CONSTANT / (geometry.volume[:, None] * square)
    phase = vectors @ geometry.positions.transpose(1, 2)  # [g, k, n]
    real = geometry.mask[:, None].to(phase.dtype)  # [g, 1, n]
    return Waves(
        vectors=to_spherical(vectors),
        square=square,
        strength=torch.where(geometry.k_mask, strength, 0.0),
        cosine=torch.cos(phase) * real,
        sine=torch.sin(phase) * real,
    )


def form_factors(waves: Waves, l_max: int) -> Tensor:
    """[g, 2k, c, n] F: real, then imaginary part of each multipole's density at every k.

    Atoms come last, the c = (l_max + 1)² components before: that builds ten times faster than the
    order of the maps.
    """
    real, imaginary = [waves.cosine[:, :, None]], [-waves.sine[:, :, None]]  # [g, k, 1, n]
    if l_max:
        vectors = waves.vectors[..., None]  # [g, k, 3, 1]
        real.append(-waves.sine[:, :, None] * vectors)
        imaginary.append(-waves.cosine[:, :, None] * vectors)
    return torch.cat([torch.cat(real, dim=2), torch.cat(imaginary, dim=2)], dim=1)


def periodic_maps(
    geometry: Geometry, smearing_width: float, probe_widths: list[float], l_max: int
) -> list[Tensor]:
    """[g, m, m] Fᵀ W F for each width of the probe, k = 0 and slab terms left out.

    Rows are the potential (V) and gradient (V/Å, order y, z, x) that a Gaussian of the probe's
    width sees, columns the unit multipoles of the density.
    """
    waves = plane_waves(geometry)
    factors = form_factors(waves, l_max)
    components, atoms = factors.shape[2:]
    factors = factors.flatten(2)  # [g, 2k, m], components first
    maps = []
    for width in probe_widths:
        kernel = waves.kernel(smearing_width, width).repeat(1, 2)[..., None]  # [g, 2k, 1]
        product = factors.transpose(1, 2) @ (kernel * factors)
        split = product.reshape(-1, components, atoms, components, atoms)
        maps.append(split.permute(0, 2, 1, 4, 3).reshape(product.shape))
    return maps
