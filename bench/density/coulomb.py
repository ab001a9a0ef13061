"""The two linear maps of the Gaussian multipole density p, and the field's share.

At fixed geometry the Coulomb energy is ½ pᵀ A p, the potential V = A p + v_app + μ n, and the
features are B p + b + μ c.  The density and its conventions are those of Baldwin et al., arXiv
2603.14700, and graph-longrange; what differs is stated in ``slab`` and ``free_space``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from bench.density.constants import COULOMB_CONSTANT, FIELD_CONSTANT
from bench.density.free_space import free_space_maps, self_terms
from bench.density.geometry import Boundary, Geometry
from bench.density.multipoles import cell_centre, charge_entries, linear_entries, per_entry
from bench.density.periodic import periodic_maps
from bench.density.reciprocal import boundary_of, half_sphere
from bench.density.slab import slab_term

__all__ = [
    "COULOMB_CONSTANT",
    "FIELD_CONSTANT",
    "Maps",
    "assemble",
    "boundary_of",
    "coulomb_energy",
    "half_sphere",
]


Rows: TypeAlias = Tensor | slice  # some structures of a batch
ALL = slice(None)


@dataclass(frozen=True)
class Maps:
    """Maps of a batch; all float64, padded rows and columns zero.

    g structures, m = n (l_max + 1)² entries (atom-major, per atom q, d_y, d_z, d_x), f features per
    atom (the potentials of all widths, then the gradients of each width, order y, z, x).

    Attributes:
        coulomb: [g, m, m] A in V/e, each atom's own interaction included; symmetric.
        applied: [g, m] energy of each unit multipole in the applied field.
        charge: [g, m] n, 1 on real charge entries.
        mask: [g, m] bool, real entries.
        potential_average: [g, m] cell average of the potential (V) per unit multipole.
        sampled: [g, m, m] for each feature width, potential (V) and gradient (V/Å) that a Gaussian
            of that width sees of each unit multipole, in the multipoles' order.
        l_max: of density and features.
    """

    coulomb: Tensor
    applied: Tensor
    charge: Tensor
    mask: Tensor
    potential_average: Tensor
    sampled: tuple[Tensor, ...]
    l_max: int

    def detached(self) -> Maps:
        """The same numbers without any graph."""
        return Maps(
            coulomb=self.coulomb.detach(),
            applied=self.applied.detach(),
            charge=self.charge,
            mask=self.mask,
            potential_average=self.potential_average.detach(),
            sampled=tuple(view.detach() for view in self.sampled),
            l_max=self.l_max,
        )

    @property
    def features(self) -> Tensor | None:
        """[g, n f, m] B: the sampled maps in the features' order; None without feature widths."""
        return by_feature(self.sampled, self.l_max) if self.sampled else None

    @property
    def feature_applied(self) -> Tensor | None:
        """[g, n f] b, the applied field's share of the features."""
        return by_feature([self.applied] * len(self.sampled), self.l_max) if self.sampled else None

    @property
    def feature_charge(self) -> Tensor | None:
        """[g, n f] c, 1 on potentials: response to a uniform shift of the potential."""
        return by_feature([self.charge] * len(self.sampled), self.l_max) if self.sampled else None

    def cell_average_shift(self, p: Tensor) -> Tensor:
        """[g] in eV: μ with the cell average of the potential as zero is the solver's μ plus this.

        The solver's potential includes the slab correction, whose average over the cell is not
        zero; it is the labels' potential plus that average, a constant.

        Args:
            p: [g, m] multipoles.
        """
        return (self.potential_average * p).sum(dim=-1)

    def potential(self, p: Tensor, rows: Rows = ALL) -> Tensor:
        """[g, m] A p of the structures ``rows``, whose multipoles are p."""
        return torch.einsum("gij,gj->gi", self.coulomb[rows], p)

    def sample(self, p: Tensor, rows: Rows = ALL) -> list[Tensor]:
        """[g, m] for each width: potential and gradient that the structures ``rows`` see of p."""
        return [torch.einsum("gij,gj->gi", view[rows], p) for view in self.sampled]

    def seen(self, p: Tensor, rows: Rows = ALL) -> Tensor:
        """[g, n f] B p of the structures ``rows``, whose multipoles are p."""
        return by_feature(self.sample(p, rows), self.l_max)


class Potential(Protocol):
    """Anything that applies A: the dense maps or the matrix-free operator."""

    def potential(self, p: Tensor) -> Tensor:
        """[g, m] A p."""


def coulomb_energy(maps: Potential, p: Tensor) -> Tensor:
    """[g] ½ pᵀ A p in eV, of multipoles p [g, m]."""
    return (p * maps.potential(p)).sum(dim=-1) / 2


def assemble(
    geometry: Geometry,
    *,
    smearing_width: float,
    l_max: int,
    feature_widths: Sequence[float] = (),
    feature_self_interaction: bool = True,
) -> Maps:
    """Build the maps; twice differentiable in positions, cell and field.

    The applied field's potential is v_app(r) = −E·(r − centre), centre half the sum of the lattice
    vectors, for every boundary; E is taken as it is, so components along periodic axes must be
    zero (checked where data are read).

    Args:
        geometry: padded batch; boundaries may be mixed.
        smearing_width: σ of the density's Gaussians in Å.
        l_max: 0 (charges) or 1 (charges and dipoles), of density and features.
        feature_widths: widths in Å of the Gaussians that sample the potential.
        feature_self_interaction: whether the features include the atom's own Gaussian.
    """
    probes = list(dict.fromkeys([smearing_width, *feature_widths]))
    slab = slab_term(geometry, l_max)
    plain = _potential_maps(geometry, smearing_width, probes, l_max)
    maps = {w: slab.add_to(v, smearing_width, w) for w, v in zip(probes, plain)}
    sampled = [maps[width] for width in feature_widths]
    if not feature_self_interaction:
        own = [own_entries(geometry, smearing_width, w, l_max) for w in feature_widths]
        sampled = [v - torch.diag_embed(o) for v, o in zip(sampled, own)]
    return Maps(
        coulomb=maps[smearing_width],
        applied=applied_entries(geometry, l_max),
        charge=charge_entries(geometry.mask, l_max),
        mask=geometry.mask.repeat_interleave((l_max + 1) ** 2, dim=1),
        potential_average=slab.average(smearing_width),
        sampled=tuple(sampled),
        l_max=l_max,
    )


def applied_entries(geometry: Geometry, l_max: int) -> Tensor:
    """[g, m] v_app on the multipole basis: −E·(r − centre) on charges, −E on dipoles."""
    field = geometry.electric_field[:, None]  # [g, 1, 3]
    apart = geometry.positions - cell_centre(geometry.cell)[:, None]
    value = -(field * apart).sum(dim=-1)
    return linear_entries(value, -field.expand_as(apart), geometry.mask, l_max)


def own_entries(
    geometry: Geometry, smearing_width: float, probe_width: float, l_max: int
) -> Tensor:
    """[g, m] what a probe (width in Å) on an atom sees of a unit multipole of the same atom."""
    on_charge, on_dipole = self_terms(smearing_width, probe_width)
    ones = geometry.mask.to(torch.float64)[..., None]  # [g, n, 1]
    return per_entry(on_charge * ones, (on_dipole * ones).expand(-1, -1, 3), l_max)


def by_feature(values: Sequence[Tensor], l_max: int) -> Tensor:
    """[g, n f, ...] from [g, m, ...] of each width: potentials first, then gradients."""
    per_atom = (l_max + 1) ** 2
    split = [v.reshape(len(v), -1, per_atom, *v.shape[2:]) for v in values]
    parts = [v[:, :, :1] for v in split] + [v[:, :, 1:] for v in split]
    return torch.cat(parts, dim=2).flatten(1, 2)


def _potential_maps(
    geometry: Geometry, smearing_width: float, probe_widths: list[float], l_max: int
) -> list[Tensor]:
    """[g, m, m] for each probe, each structure by its own kind of sum, slab terms left out."""
    is_open = geometry.boundary == Boundary.OPEN
    if not is_open.any():
        return periodic_maps(geometry, smearing_width, probe_widths, l_max)
    if is_open.all():
        return free_space_maps(geometry, smearing_width, probe_widths, l_max)
    size = geometry.mask.shape[1] * (l_max + 1) ** 2
    maps = [geometry.positions.new_zeros(len(is_open), size, size) for _ in probe_widths]
    for build, kind in ((periodic_maps, ~is_open), (free_space_maps, is_open)):
        index = kind.nonzero()[:, 0]
        part = build(_select(geometry, index), smearing_width, probe_widths, l_max)
        maps = [whole.index_copy(0, index, some) for whole, some in zip(maps, part)]
    return maps


def _select(geometry: Geometry, index: Tensor) -> Geometry:
    """The structures of the batch with the given numbers."""
    return Geometry(*(getattr(geometry, field.name)[index] for field in fields(geometry)))
