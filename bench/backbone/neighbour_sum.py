"""The sum over neighbours of radial functions, sender features and spherical harmonics.

    A_i[m₂, m₁, k, c] = Σ_j R_k,c(r_ij) h_j[m₁, c] Y_m₂(r_ij)

for every group of paths k of equal l₁ and l₂: per atom one matrix product over its neighbours, of
harmonics, which have no channels, with R h.  The Clebsch–Gordan coefficients come afterwards, once
per atom.  Both derivatives are written down, because then R h, the largest array of the backbone,
is never kept, and the terms of the second derivative share their passes over it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bench.backbone.coupling import Group
from bench.data.adjacency import Places


@dataclass(frozen=True)
class Block:
    """A rectangle of neighbours, b atoms of w places.

    Attributes:
        receiver: [b] int64.
        sender, pair: [b w] int64.
        parity: [b w, y] of the harmonics, sign^l; zero where the place is empty.
        shape: (b, w).
    """

    receiver: Tensor
    sender: Tensor
    pair: Tensor
    parity: Tensor
    shape: tuple[int, int]

    def edges(self, radial: Tensor, senders: Tensor, harmonics: Tensor) -> Edges:
        """Copies of what pairs and atoms have, for every place."""
        return Edges(
            radial.index_select(0, self.pair).unflatten(0, self.shape),
            senders.index_select(0, self.sender).unflatten(0, self.shape),
            (harmonics.index_select(0, self.pair) * self.parity).unflatten(0, self.shape),
        )

    def add(self, edges: Edges, radial: Tensor, senders: Tensor, harmonics: Tensor) -> None:
        """Add to pairs and atoms what every place has: the transpose of ``edges``."""
        radial.index_add_(0, self.pair, edges.radial.flatten(0, 1))
        senders.index_add_(0, self.sender, edges.senders.flatten(0, 1))
        harmonics.index_add_(0, self.pair, edges.harmonics.flatten(0, 1) * self.parity)


@dataclass(frozen=True)
class Edges:
    """R [b, w, k, c], h [b, w, m₁, c] and Y [b, w, m₂] of a block, or of one of its groups."""

    radial: Tensor
    senders: Tensor
    harmonics: Tensor

    def split(self, groups: tuple[Group, ...]) -> Iterator[Edges]:
        """The part of each group."""
        radial = self.radial.split([len(group.paths) for group in groups], dim=2)
        for group, own in zip(groups, radial):
            yield Edges(
                own,
                self.senders[:, :, group.sender**2 : (group.sender + 1) ** 2],
                self.harmonics[:, :, group.edge**2 : (group.edge + 1) ** 2],
            )


def blocks(places: Places, parity: Tensor) -> tuple[Block, ...]:
    """The rectangles of ``places``; the parity [s, y] of their harmonics beside."""
    sizes = [b * w for b, w in places.shapes]
    parts = zip(
        places.receiver.split([b for b, _ in places.shapes]),
        places.sender.split(sizes),
        places.pair.split(sizes),
        parity.split(sizes),
        places.shapes,
    )
    return tuple(Block(*part) for part in parts)


def neighbour_sum(
    radial: Tensor,
    senders: Tensor,
    harmonics: Tensor,
    where: tuple[Block, ...],
    groups: tuple[Group, ...],
) -> Tensor:
    """A of all groups; twice differentiable.

    Args:
        radial: [p, k, c] of the pairs, paths in the order of the groups.
        senders: [n, m, c] features of the atoms, (l_max + 1)² components.
        harmonics: [p, y] of the pairs' vectors.
        where: the rectangles.
        groups: of the paths.

    Returns:
        [n, Σ sizes of the groups, c], zero for atoms without neighbours.
    """
    out: Tensor = _NeighbourSum.apply(  # type: ignore[no-untyped-call]
        radial, senders, harmonics, where, groups
    )
    return out


class _NeighbourSum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        radial: Tensor,
        senders: Tensor,
        harmonics: Tensor,
        where: tuple[Block, ...],
        groups: tuple[Group, ...],
    ) -> Tensor:
        ctx.save_for_backward(radial, senders, harmonics)
        ctx.where, ctx.groups = where, groups
        sums = senders.new_zeros(len(senders), sum(g.size for g in groups), senders.shape[2])
        for block in where:
            edges = block.edges(radial, senders, harmonics).split(groups)
            parts = [_summed(e.harmonics, _product(e.radial, e.senders)) for e in edges]
            sums.index_copy_(0, block.receiver, torch.cat(parts, 1))
        return sums

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        found = _Gradients.apply(  # type: ignore[no-untyped-call]
            *gradients, *ctx.saved_tensors, ctx.where, ctx.groups
        )
        return (*found, None, None)


class _Gradients(torch.autograd.Function):
    """Of Σ g A with respect to R, h and Y."""

    @staticmethod
    def forward(
        ctx: Any,
        g: Tensor,
        radial: Tensor,
        senders: Tensor,
        harmonics: Tensor,
        where: tuple[Block, ...],
        groups: tuple[Group, ...],
    ) -> tuple[Tensor, ...]:
        given = radial, senders, harmonics
        ctx.save_for_backward(g, *given)
        ctx.where, ctx.groups = where, groups
        totals = tuple(torch.zeros_like(tensor) for tensor in given)
        for block in where:
            edges = block.edges(*given)
            by_radial, by_senders, by_harmonics = [], _Parts(edges.senders), _Parts(edges.harmonics)
            cotangents = g.index_select(0, block.receiver).split([x.size for x in groups], dim=1)
            for group, e, own in zip(groups, edges.split(groups), cotangents):
                spread = _spread(e.harmonics, own, e)
                by_radial.append(_over_senders(spread, e.senders))
                by_senders.add(group.sender, _over_paths(spread, e.radial))
                by_harmonics.add(group.edge, _over_channels(_product(e.radial, e.senders), own, e))
            found = Edges(torch.cat(by_radial, 2), by_senders.whole(), by_harmonics.whole())
            block.add(found, *totals)
        return totals

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *tangents: Tensor) -> tuple[Tensor | None, ...]:
        """With T = Σ g A, the gradient of dT, which is linear in the changes of R, h and Y."""
        g, *given = ctx.saved_tensors
        totals = tuple(torch.zeros_like(tensor) for tensor in given)
        by_g = torch.zeros_like(g)
        for block in ctx.where:
            edges, changes = block.edges(*given), block.edges(*tangents)
            by_radial, by_senders, by_harmonics = [], _Parts(edges.senders), _Parts(edges.harmonics)
            by_own = []
            cotangents = g.index_select(0, block.receiver).split(
                [x.size for x in ctx.groups], dim=1
            )
            parts = zip(ctx.groups, edges.split(ctx.groups), changes.split(ctx.groups), cotangents)
            for group, e, d, own in parts:
                change = _product(d.radial, e.senders) + _product(e.radial, d.senders)
                product = _product(e.radial, e.senders)
                by_own.append(_summed(e.harmonics, change) + _summed(d.harmonics, product))
                by_harmonics.add(group.edge, _over_channels(change, own, e))
                spread, turned = _spread(e.harmonics, own, e), _spread(d.harmonics, own, e)
                by_radial.append(
                    _over_senders(spread, d.senders) + _over_senders(turned, e.senders)
                )
                by_senders.add(
                    group.sender, _over_paths(spread, d.radial) + _over_paths(turned, e.radial)
                )
            found = Edges(torch.cat(by_radial, 2), by_senders.whole(), by_harmonics.whole())
            block.add(found, *totals)
            by_g.index_copy_(0, block.receiver, torch.cat(by_own, 1))
        return (by_g, *totals, None, None)


class _Parts:
    """Sums by degree, joined along the axis of components."""

    def __init__(self, like: Tensor) -> None:
        self.sums: dict[int, Tensor] = {}
        self.like = like

    def add(self, degree: int, part: Tensor) -> None:
        self.sums[degree] = self.sums[degree] + part if degree in self.sums else part

    def whole(self) -> Tensor:
        return torch.cat([self.sums[degree] for degree in sorted(self.sums)], 2)


def _product(radial: Tensor, senders: Tensor) -> Tensor:
    """R h: [b, w, m₁, k, c]."""
    return senders[:, :, :, None] * radial[:, :, None]


def _summed(harmonics: Tensor, product: Tensor) -> Tensor:
    """Over the neighbours: [b, m₂ m₁ k, c]."""
    sums = torch.bmm(harmonics.transpose(1, 2), product.flatten(2))
    return sums.reshape(len(sums), -1, product.shape[4])


def _spread(harmonics: Tensor, g: Tensor, edges: Edges) -> Tensor:
    """Σ_m₂ Y g at every place: [b, w, m₁, k, c]."""
    b, w, components = harmonics.shape
    flat = torch.bmm(harmonics, g.reshape(b, components, -1))
    return flat.view(b, w, edges.senders.shape[2], edges.radial.shape[2], -1)


def _over_senders(spread: Tensor, senders: Tensor) -> Tensor:
    """Σ_m₁: [b, w, k, c]."""
    return (spread * senders[:, :, :, None]).sum(2)


def _over_paths(spread: Tensor, radial: Tensor) -> Tensor:
    """Σ_k: [b, w, m₁, c]."""
    return (spread * radial[:, :, None]).sum(3)


def _over_channels(product: Tensor, g: Tensor, edges: Edges) -> Tensor:
    """Σ over m₁, k and channels: [b, w, m₂]."""
    b, _, components = edges.harmonics.shape
    return torch.bmm(product.flatten(2), g.reshape(b, components, -1).transpose(1, 2))
