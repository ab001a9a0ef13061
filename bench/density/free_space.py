"""Interaction of Gaussian multipoles in free space (open boundary), analytic."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from bench.density.constants import COULOMB_CONSTANT
from bench.density.geometry import Geometry
from bench.density.multipoles import to_spherical

_SERIES_BELOW = 0.1
_SERIES_TERMS = 9


class _Boys(torch.autograd.Function):
    """F_n(t) with dF_n/dt = −F_{n+1}, to any order."""

    @staticmethod
    def forward(ctx: Any, t: Tensor, n: int) -> Tensor:
        ctx.save_for_backward(t)
        ctx.n = n
        series = torch.zeros_like(t)
        for j in range(_SERIES_TERMS):
            series += (-t) ** j / (math.factorial(j) * (2 * n + 2 * j + 1))
        far = t.clamp(min=_SERIES_BELOW)
        order = torch.full_like(t, n + 0.5)
        beyond = math.gamma(n + 0.5) * torch.special.gammainc(order, far) / (2 * far**order)
        return torch.where(t < _SERIES_BELOW, series, beyond)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (t,) = ctx.saved_tensors
        return -gradient * boys(t, ctx.n + 1), None


def boys(t: Tensor, n: int) -> Tensor:
    """Boys function F_n(t) = ∫₀¹ u²ⁿ exp(−t u²) du for t ≥ 0, of the shape of t.

    Smooth at t = 0, so that distances may vanish, at any order of derivative.
    """
    result: Tensor = _Boys.apply(t, n)  # type: ignore[no-untyped-call]
    return result


def free_space_maps(
    geometry: Geometry, smearing_width: float, probe_widths: list[float], l_max: int
) -> list[Tensor]:
    """[g, m, m] for each width of the probe; rows and columns as in ``periodic_maps``.

    With T = erf(r / √(2S)) / r, S the sum of both widths squared, and T_n = (−1/r d/dr)ⁿ T: charges
    interact by T_0, charge and dipole by r T_1, dipoles by T_1 − r r T_2.  The limit r = 0 is an
    atom's interaction with itself.
    """
    apart = geometry.positions[:, :, None] - geometry.positions[:, None]  # [g, n, n, 3]
    real = geometry.mask[:, :, None] & geometry.mask[:, None]  # [g, n, n]
    spreads = [smearing_width**2 + width**2 for width in probe_widths]
    return [_free_space_map(apart, real, spread, l_max) for spread in spreads]


def _free_space_map(apart: Tensor, real: Tensor, spread: float, l_max: int) -> Tensor:
    """[g, m, m] for one sum of squared widths (Å²)."""
    square = (apart**2).sum(dim=-1)  # [g, n, n]
    radial = [real.to(square) * values for values in radial_functions(square, spread, l_max)]
    blocks = radial[0][..., None, None]  # [g, n, n, 1, 1]
    if l_max:
        vector = to_spherical(apart)  # [g, n, n, 3]
        mixed = vector * radial[1][..., None]
        pairs = vector[..., :, None] * vector[..., None, :] * radial[2][..., None, None]
        dipoles = radial[1][..., None, None] * torch.eye(3).to(pairs) - pairs
        top = torch.cat([blocks, mixed[..., None, :]], dim=-1)  # [g, n, n, 1, 4]
        bottom = torch.cat([-mixed[..., :, None], dipoles], dim=-1)  # [g, n, n, 3, 4]
        blocks = torch.cat([top, bottom], dim=-2)
    return blocks.transpose(2, 3).flatten(3).flatten(1, 2)


def radial_functions(square: Tensor, spread: float, l_max: int) -> list[Tensor]:
    """T_0 to T_(2 l_max) of squared distances in Å², T_n in V/e per Å²ⁿ, each of their shape.

    Args:
        square: squared distances, zero among them or not.
        spread: sum of both squared widths in Å².
        l_max: of the multipoles that interact.
    """
    constant = COULOMB_CONSTANT * math.sqrt(2 / (math.pi * spread))
    t = square / (2 * spread)
    return [constant / spread**n * boys(t, n) for n in range(2 * l_max + 1)]


def self_terms(smearing_width: float, probe_width: float) -> tuple[float, float]:
    """What a Gaussian sees of its own atom's: V per charge, V/Å per dipole (e Å)."""
    spread = smearing_width**2 + probe_width**2
    potential = COULOMB_CONSTANT * math.sqrt(2 / (math.pi * spread))
    return potential, potential / (3 * spread)
