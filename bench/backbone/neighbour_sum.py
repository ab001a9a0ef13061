"""The sum over neighbours of radial functions, sender features and spherical harmonics.

    A_i[m₁, k, m₂, c] = Σ_j R_k,c(r_ij) h_j[m₁, c] Y_m₂(r_ij)

for every path k of degrees l₁ and l₂: per atom matrix products over its neighbours, of harmonics,
which have no channels, with R h.  The Clebsch–Gordan coefficients come afterwards, once per atom.
Both derivatives are written down, because then R h, the largest array of the backbone, is never
kept, and the terms of the second derivative share their passes over it.

Components come first, [m, edges, c]: products of them then run over long rows of memory.
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
            radial.index_select(1, self.pair).unflatten(1, self.shape),
            senders.index_select(1, self.sender).unflatten(1, self.shape),
            (harmonics.index_select(0, self.pair) * self.parity).unflatten(0, self.shape),
        )

    def add(self, edges: Edges, radial: Tensor, senders: Tensor, harmonics: Tensor) -> None:
        """Add to pairs and atoms what every place has: the transpose of ``edges``."""
        _add_rows(radial, self.pair, edges.radial)
        _add_rows(senders, self.sender, edges.senders)
        harmonics.index_add_(0, self.pair, edges.harmonics.flatten(0, 1) * self.parity)


def _add_rows(total: Tensor, index: Tensor, parts: Tensor) -> None:
    """total[m, index[e]] += parts[m, e], as one list of rows, which torch adds fastest."""
    first = total.shape[1] * torch.arange(len(total), device=index.device)
    rows = (first[:, None] + index).flatten()
    total.flatten(0, 1).index_add_(0, rows, parts.reshape(len(rows), -1))


@dataclass(frozen=True)
class Edges:
    """R [k, b, w, c], h [m₁, b, w, c] and Y [b, w, m₂] of a block."""

    radial: Tensor
    senders: Tensor
    harmonics: Tensor

    def split(self, groups: tuple[Group, ...]) -> Iterator[Edges]:
        """The part of each group, as views."""
        radial = self.radial.split([len(group.paths) for group in groups])
        for group, own in zip(groups, radial):
            yield Edges(
                own,
                self.senders[group.sender**2 : (group.sender + 1) ** 2],
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
        radial: [k, p, c] of the pairs, paths in the order of the groups.
        senders: [m, n, c] features of the atoms, (l_max + 1)² components.
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
        size = sum(group.size for group in groups)
        sums = senders.new_zeros(senders.shape[1], size, senders.shape[2])
        for block in where:
            edges = block.edges(radial, senders, harmonics)
            parts = [_over_places(e.harmonics, _product(e, e)) for e in edges.split(groups)]
            sums.index_copy_(0, block.receiver, torch.cat(parts, 1))
        return sums

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        found = _Gradients.apply(  # type: ignore[no-untyped-call]
            *gradients, *ctx.saved_tensors, ctx.where, ctx.groups
        )
        return (*found, None, None)


class _Gradients(torch.autograd.Function):
    """Of T = Σ g A with respect to R, h and Y."""

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
            edges, found = block.edges(*given), _Found()
            for group, e, own in zip(groups, edges.split(groups), _split(g, block, groups)):
                spread = _spread(e.harmonics, own, e)
                found.radial.append(_dot(spread, e.senders))
                found.add_senders(group, _dot(spread.transpose(0, 1), e.radial))
                found.add_harmonics(group, _over_channels(_product(e, e), own))
            block.add(found.edges(), *totals)
        return totals

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *changes: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of dT, the change of T with R, h and Y, with respect to g, R, h and Y."""
        g, *given = ctx.saved_tensors
        groups = ctx.groups
        totals = tuple(torch.zeros_like(tensor) for tensor in given)
        by_g = torch.zeros_like(g)
        for block in ctx.where:
            edges, changed = block.edges(*given), block.edges(*changes)
            found, sums = _Found(), []
            parts = zip(
                groups, edges.split(groups), changed.split(groups), _split(g, block, groups)
            )
            for group, e, d, own in parts:
                change = _product(d, e).addcmul_(e.radial, d.senders[:, None])
                moved = _over_places(d.harmonics, _product(e, e))
                sums.append(_over_places(e.harmonics, change).add_(moved))
                found.add_harmonics(group, _over_channels(change, own))
                spread, turned = _spread(e.harmonics, own, e), _spread(d.harmonics, own, e)
                found.radial.append(_dot(turned, e.senders, _dot(spread, d.senders)))
                spread, turned = spread.transpose(0, 1), turned.transpose(0, 1)
                found.add_senders(group, _dot(turned, e.radial, _dot(spread, d.radial)))
            block.add(found.edges(), *totals)
            by_g.index_copy_(0, block.receiver, torch.cat(sums, 1))
        return (by_g, *totals, None, None)


class _Found:
    """Gradients of a block, group by group."""

    def __init__(self) -> None:
        self.radial: list[Tensor] = []
        self._senders: dict[int, Tensor] = {}
        self._harmonics: dict[int, Tensor] = {}

    def add_senders(self, group: Group, part: Tensor) -> None:
        """[m₁, b, w, c] of one l₁."""
        _add(self._senders, group.sender, part)

    def add_harmonics(self, group: Group, part: Tensor) -> None:
        """[b, w, m₂] of one l₂."""
        _add(self._harmonics, group.edge, part)

    def edges(self) -> Edges:
        """All groups together."""
        senders = [part for _, part in sorted(self._senders.items())]
        harmonics = [part for _, part in sorted(self._harmonics.items())]
        return Edges(torch.cat(self.radial), torch.cat(senders), torch.cat(harmonics, 2))


def _add(sums: dict[int, Tensor], degree: int, part: Tensor) -> None:
    sums[degree] = sums[degree].add_(part) if degree in sums else part


def _split(g: Tensor, block: Block, groups: tuple[Group, ...]) -> Iterator[Tensor]:
    """[m₁ k, b, m₂, c] of each group."""
    parts = g.index_select(0, block.receiver).split([group.size for group in groups], dim=1)
    for group, part in zip(groups, parts):
        yield part.unflatten(1, (-1, 2 * group.edge + 1)).transpose(0, 1).contiguous()


def _product(radial: Edges, senders: Edges) -> Tensor:
    """R h: [m₁, k, b, w, c]."""
    return senders.senders[:, None] * radial.radial


def _over_places(harmonics: Tensor, product: Tensor) -> Tensor:
    """Σ over neighbours of Y R h: [b, m₁ k m₂, c]."""
    rows = product.flatten(0, 1)  # [m₁ k, b, w, c]
    copies = harmonics.expand(len(rows), *harmonics.shape).flatten(0, 1)
    sums = torch.bmm(copies.transpose(1, 2), rows.flatten(0, 1))
    by_row = sums.view(len(rows), -1, *sums.shape[1:])
    return by_row.transpose(0, 1).flatten(1, 2)


def _spread(harmonics: Tensor, g: Tensor, edges: Edges) -> Tensor:
    """Σ_m₂ Y g at every place: [m₁, k, b, w, c]."""
    copies = harmonics.expand(len(g), *harmonics.shape).flatten(0, 1)
    return torch.bmm(copies, g.flatten(0, 1)).view(len(edges.senders), *edges.radial.shape)


def _dot(first: Tensor, second: Tensor, total: Tensor | None = None) -> Tensor:
    """Σ_m f[m, ...] s[m], added to ``total``."""
    for f, s in zip(first, second):
        total = f * s if total is None else total.addcmul_(f, s)
    assert total is not None
    return total


def _over_channels(product: Tensor, g: Tensor) -> Tensor:
    """Σ over m₁, k and channels of R h g: [b, w, m₂]."""
    rows = product.flatten(0, 1)
    sums = torch.bmm(rows.flatten(0, 1), g.flatten(0, 1).transpose(1, 2))
    return sums.view(*rows.shape[:3], -1).sum(0)
