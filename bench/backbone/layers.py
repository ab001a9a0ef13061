"""mace-torch's interaction and product blocks with its parameters, names and order.

Features of n atoms, sorted by element, are [m, n, c] with the (l_max + 1)² components l m of the
real spherical harmonics and c channels.  A path of degrees (l₁, l₂, l₃) has a radial function
R(r) = s(r) W with the last hidden layer s of its network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.backbone.contraction import SymmetricContraction
from bench.backbone.coupling import (
    component_degrees,
    coupling_matrix,
    group_paths,
    message_paths,
)
from bench.backbone.neighbour_sum import Block, neighbour_sum
from bench.backbone.radial import RadialNetwork
from bench.data.adjacency import Neighbours


@dataclass(frozen=True)
class Sizes:
    """What all layers share.

    Attributes:
        elements: how many.
        channels: c.
        edge_max: highest degree of harmonics and messages.
        correlation: of the products.
        avg_num_neighbors: that messages are divided by.
        radial: widths of the radial networks, without the last.
    """

    elements: int
    channels: int
    edge_max: int
    correlation: int
    avg_num_neighbors: float
    radial: tuple[int, ...]


@dataclass(frozen=True)
class Surroundings:
    """What the layers know of a batch's pairs.

    Attributes:
        neighbours: who sees whom.
        basis: [p, num_bessel] of the distances.
        harmonics: [p, (edge_max + 1)²] of the directions.
        by_atom, by_element: the rectangles.
    """

    neighbours: Neighbours
    basis: Tensor
    harmonics: Tensor
    by_atom: tuple[Block, ...]
    by_element: tuple[Block, ...]


class Linear(nn.Module):
    """Mixes channels, each degree by a matrix of its own.

    Args:
        shape: (degrees, channels before, channels after).
    """

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape
        self.weight = nn.Parameter(torch.randn(math.prod(shape)))

    def matrices(self) -> Tensor:
        """[degrees, channels before, channels after], scaled to keep the second moment."""
        return self.weight.view(self.shape) / math.sqrt(self.shape[1])

    def forward(self, features: Tensor) -> Tensor:
        """[m, n, c] to [m, n, c']."""
        return mix(features, self.matrices())


class ElementLinear(nn.Module):
    """The same, with matrices that depend on the atom's element."""

    def __init__(self, degrees: int, channels: int, elements: int) -> None:
        super().__init__()
        self.shape = degrees, channels, elements, channels
        self.weight = nn.Parameter(torch.randn(math.prod(self.shape)))

    def forward(self, features: Tensor, counts: tuple[int, ...]) -> Tensor:
        """[m, n, c] sorted by element to [m, n, c]."""
        _, channels, elements, _ = self.shape
        matrices = self.weight.view(self.shape).unbind(2)
        scale = 1 / math.sqrt(channels * elements)
        parts = [
            mix(own, own_matrices * scale)
            for own, own_matrices in zip(features.split(counts, dim=1), matrices)
            if own.shape[1]
        ]
        return torch.cat(parts, 1)


def mix(features: Tensor, matrices: Tensor) -> Tensor:
    """Σ_c f[m, n, c] W[l(m), c, c']: [m, n, c'] for [degrees, c, c'] matrices."""
    degrees = component_degrees(len(matrices) - 1).to(features.device)
    return torch.bmm(features, matrices.index_select(0, degrees))


class FirstInteraction(nn.Module):
    """Messages of senders that know only their element.

    The sum runs over neighbours of one element z first, for the hidden radial layer s,
    D_i,z[l m, h] = Σ_{j ∈ z} s_h(r_ij) Y_lm(r_ij); the radial weights W and the senders' features
    h_z follow once per atom and element: A_i[l m, c] = Σ_z h_z[c] Σ_h D_i,z[l m, h] W_l[h, c].
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes, c, degrees = sizes, sizes.channels, sizes.edge_max + 1
        self.linear_up = Linear(1, c, c)
        self.conv_tp_weights = RadialNetwork([*sizes.radial, degrees * c])
        self.linear = Linear(degrees, c, c)
        self.skip_tp = ElementLinear(degrees, c, sizes.elements)

    def forward(self, embedding: Tensor, around: Surroundings) -> Tensor:
        """Messages [(edge_max + 1)², n, c].

        Args:
            embedding: [z, c] features of every element.
            around: the pairs.
        """
        neighbours, sizes = around.neighbours, self.sizes
        rows = neighbours.by_element
        radial = self.conv_tp_weights.hidden(around.basis)
        density = _density(radial, around.harmonics, around.by_element)  # [l m, rows, h]
        last = self.conv_tp_weights.last().unflatten(1, (-1, sizes.channels)).transpose(0, 1)
        senders = self.linear_up(embedding[None])[0]
        parts = mix(density, last) * senders.index_select(0, rows.element)
        message = _sum_rows(parts, rows.receiver, len(neighbours.order))
        message = self.linear(message) / sizes.avg_num_neighbors
        messages: Tensor = self.skip_tp(message, neighbours.counts)
        return messages


def _sum_rows(parts: Tensor, atom: Tensor, atoms: int) -> Tensor:
    """Add [m, rows, c] to the atoms that the rows belong to: [m, n, c]."""
    first = atoms * torch.arange(len(parts), device=atom.device)
    rows = (first[:, None] + atom).flatten()
    total = parts.new_zeros(len(parts) * atoms, parts.shape[2])
    return total.index_add(0, rows, parts.flatten(0, 1)).view(-1, atoms, parts.shape[2])


def _density(radial: Tensor, harmonics: Tensor, where: tuple[Block, ...]) -> Tensor:
    """Σ_j Y_lm s_h over the places of every row: [y, rows, h]."""
    if not where:
        return radial.new_zeros(harmonics.shape[1], 0, radial.shape[1])
    sizes = [len(block.pair) for block in where]
    pair = torch.cat([block.pair for block in where])
    parity = torch.cat([block.parity for block in where])
    places = zip(
        where,
        radial.index_select(0, pair).split(sizes),
        (harmonics.index_select(0, pair) * parity).split(sizes),
    )
    sums = [
        torch.bmm(y.unflatten(0, block.shape).transpose(1, 2), s.unflatten(0, block.shape))
        for block, s, y in places
    ]
    return torch.cat(sums).transpose(0, 1)


class Interaction(nn.Module):
    """Messages of senders that know their surroundings, and what atoms keep of themselves.

    Args:
        sizes: shared.
        sender_max: highest degree of the features before.
        out_max: and after.
    """

    coupling: Tensor

    def __init__(self, sizes: Sizes, *, sender_max: int, out_max: int) -> None:
        super().__init__()
        self.sizes, c = sizes, sizes.channels
        paths = message_paths(sender_max, sizes.edge_max)
        self.groups = group_paths(paths)
        self.kept = (min(sender_max, out_max) + 1) ** 2
        places = [path.place for group in self.groups for path in group.paths]
        self.register_buffer("places", torch.tensor(places), persistent=False)
        dtype = torch.get_default_dtype()
        matrix = coupling_matrix(self.groups, dtype) / sizes.avg_num_neighbors
        self.register_buffer("coupling", matrix, persistent=False)
        self.linear_up = Linear(sender_max + 1, c, c)
        self.conv_tp_weights = RadialNetwork([*sizes.radial, len(paths) * c])
        counts = [sum(path.out == out for path in paths) for out in range(sizes.edge_max + 1)]
        self.linear = MessageLinear(counts, c)
        self.skip_tp = ElementLinear(out_max + 1, c, sizes.elements)

    def forward(self, features: Tensor, around: Surroundings) -> tuple[Tensor, Tensor]:
        """Messages [(edge_max + 1)², n, c] and [(out_max + 1)², n, c] of the atoms themselves."""
        radial = self.conv_tp_weights.hidden(around.basis)
        last = self.conv_tp_weights.last().unflatten(1, (-1, self.sizes.channels))
        last = last.index_select(1, self.places)
        radial = radial @ last.transpose(0, 1)  # [k, p, c]
        senders = self.linear_up(features)
        sums = neighbour_sum(radial, senders, around.harmonics, around.by_atom, self.groups)
        message = self.linear(self.coupling @ sums)
        return message, self.skip_tp(features[: self.kept], around.neighbours.counts)


class MessageLinear(nn.Module):
    """Mixes channels and paths of equal degree.

    Args:
        counts: paths of each degree.
        channels: c.
    """

    def __init__(self, counts: list[int], channels: int) -> None:
        super().__init__()
        self.counts, self.channels = counts, channels
        self.weight = nn.Parameter(torch.randn(sum(counts) * channels**2))

    def forward(self, coupled: Tensor) -> Tensor:
        """[n, (l, m, path), c] to [(l, m), n, c]."""
        rows = [(2 * degree + 1) * count for degree, count in enumerate(self.counts)]
        weights = self.weight.view(-1, self.channels).split(
            [k * self.channels for k in self.counts]
        )
        parts = [
            part.reshape(len(part), 2 * degree + 1, len(weight)).transpose(0, 1)
            @ (weight / math.sqrt(len(weight)))
            for degree, (part, weight) in enumerate(zip(coupled.split(rows, dim=1), weights))
        ]
        return torch.cat(parts)


class Product(nn.Module):
    """The symmetric contraction and a linear layer.

    Args:
        sizes: shared.
        out_max: highest degree of the features after.
    """

    def __init__(self, sizes: Sizes, *, out_max: int) -> None:
        super().__init__()
        self.symmetric_contractions = SymmetricContraction(
            out_max,
            l_max=sizes.edge_max,
            correlation=sizes.correlation,
            elements=sizes.elements,
            channels=sizes.channels,
        )
        self.linear = Linear(out_max + 1, sizes.channels, sizes.channels)

    def forward(self, message: Tensor, counts: tuple[int, ...]) -> Tensor:
        """[(edge_max + 1)², n, c] to [(out_max + 1)², n, c]."""
        features: Tensor = self.linear(self.symmetric_contractions(message, counts))
        return features
