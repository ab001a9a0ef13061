"""The maps A and B of large periodic structures applied without being built.

Only cos(k·r) and sin(k·r) are kept, [k, atoms]: memory and time grow as k times atoms, where the
dense maps grow as atoms squared and k times atoms squared.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.density.coulomb import ALL, Rows, applied_entries, by_feature, own_entries
from bench.density.geometry import Boundary, Geometry
from bench.density.multipoles import charge_entries, per_entry
from bench.density.periodic import plane_waves
from bench.density.slab import slab_term
from bench.errors import BenchError


class CoulombOperator:
    """Products of a multipole density with the maps of ``assemble``, to rounding the same.

    Differentiable in p and in the geometry.

    Args:
        geometry: padded batch of bulk and slab structures.
        smearing_width: σ of the density's Gaussians in Å.
        l_max: 0 or 1, of density and features.
        feature_widths: widths in Å of the Gaussians that sample the potential.
        feature_self_interaction: whether the features include the atom's own Gaussian.

    Attributes:
        charge, applied, potential_average: [g, m] as in ``Maps``.
        mask: [g, m] bool, real entries.
        feature_applied, feature_charge: [g, n f] as in ``Maps``.

    Raises:
        BenchError: if a structure has open boundaries.
    """

    def __init__(
        self,
        geometry: Geometry,
        *,
        smearing_width: float,
        l_max: int,
        feature_widths: Sequence[float] = (),
        feature_self_interaction: bool = True,
    ) -> None:
        is_open = (geometry.boundary == Boundary.OPEN).nonzero()[:, 0]
        if len(is_open):
            raise BenchError(
                f"The matrix-free Coulomb operator got open structures: {is_open.tolist()}.",
                "It sums over reciprocal vectors: use the dense maps for pbc 'F F F'.",
            )
        self.smearing_width = smearing_width
        self.l_max = l_max
        self.feature_widths = list(feature_widths)
        self.feature_self_interaction = feature_self_interaction
        self.geometry = geometry
        self.waves = plane_waves(geometry)
        self.slab = slab_term(geometry, l_max)
        self.charge = charge_entries(geometry.mask, l_max)
        self.applied = applied_entries(geometry, l_max)
        self.mask = geometry.mask.repeat_interleave((l_max + 1) ** 2, dim=1)
        self.potential_average = self.slab.average(smearing_width)
        widths = len(self.feature_widths)
        self.feature_applied = by_feature([self.applied] * widths, l_max) if widths else None
        self.feature_charge = by_feature([self.charge] * widths, l_max) if widths else None

    def cell_average_shift(self, p: Tensor) -> Tensor:
        """[g] in eV, as in ``Maps``."""
        return (self.potential_average * p).sum(dim=-1)

    def potential(self, p: Tensor, rows: Rows = ALL) -> Tensor:
        """[g, m] A p of the structures ``rows``, whose multipoles are p."""
        p = self._whole_batch(p, rows)
        return self._sample(p, *self._structure_factor(p), self.smearing_width)[rows]

    def seen(self, p: Tensor, rows: Rows = ALL) -> Tensor:
        """[g, n f] B p of the structures ``rows``, order as in ``Maps``."""
        return by_feature(self.sample(p, rows), self.l_max)

    def sample(self, p: Tensor, rows: Rows = ALL) -> list[Tensor]:
        """[g, m] for each width, as in ``Maps``."""
        p = self._whole_batch(p, rows)
        factor = self._structure_factor(p)
        values = [self._sample(p, *factor, width) for width in self.feature_widths]
        if not self.feature_self_interaction:
            own = [
                own_entries(self.geometry, self.smearing_width, width, self.l_max)
                for width in self.feature_widths
            ]
            values = [v - o * p for v, o in zip(values, own)]
        return [value[rows] for value in values]

    def _whole_batch(self, p: Tensor, rows: Rows) -> Tensor:
        """p with zeros for the structures that are not asked for."""
        return p if isinstance(rows, slice) else torch.zeros_like(self.charge).index_put((rows,), p)

    def _structure_factor(self, p: Tensor) -> tuple[Tensor, Tensor]:
        """[g, k] real and imaginary part of the density of p, Gaussians left out."""
        waves = self.waves
        per_atom = p.reshape(len(p), -1, (self.l_max + 1) ** 2)  # [g, n, (l_max+1)²]
        cosine, sine = waves.cosine @ per_atom, waves.sine @ per_atom  # [g, k, (l_max+1)²]
        real, imaginary = cosine[..., 0], -sine[..., 0]
        if self.l_max:
            real = real - (waves.vectors * sine[..., 1:]).sum(dim=-1)
            imaginary = imaginary - (waves.vectors * cosine[..., 1:]).sum(dim=-1)
        return real, imaginary

    def _sample(self, p: Tensor, real: Tensor, imaginary: Tensor, width: float) -> Tensor:
        """[g, m] potential and gradient seen by Gaussians of one width (Å)."""
        waves = self.waves
        kernel = waves.kernel(self.smearing_width, width)  # [g, k]
        columns = torch.stack([kernel * real, kernel * imaginary], dim=-1)  # [g, k, 2]
        columns = torch.cat([columns, columns[..., :1] * waves.vectors], dim=-1)
        columns = torch.cat([columns, columns[..., 1:2] * waves.vectors], dim=-1)  # [g, k, 8]
        cosine = waves.cosine.transpose(1, 2) @ columns  # [g, n, 8]
        sine = waves.sine.transpose(1, 2) @ columns
        value = cosine[..., :1] - sine[..., 1:2]
        gradient = -sine[..., 2:5] - cosine[..., 5:8]
        periodic = per_entry(value, gradient, self.l_max)
        coupling = self.slab.coupling(self.smearing_width, width)
        moments = self.slab.moments  # [g, m, 3]
        return periodic + (moments @ (coupling @ (moments.transpose(1, 2) @ p[..., None])))[..., 0]
