"""What points read off edges: numbers per edge, matrices between atoms, weights per structure."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from bench.data.batch import Batch


def envelope(length: Tensor) -> Tensor:
    """(1 − x²)³ of distances in units of the cutoff: zero there with two derivatives."""
    return (1 - length.square()).clamp(min=0) ** 3


class EdgeHead(nn.Module):
    """Numbers of every directed edge: a network of both ends and their distance.

    Args:
        num_scalars: invariant features per atom.
        cutoff: in Å, where the numbers and their first two derivatives vanish.
        num_radial: Bessel functions of the distance.
        outputs: numbers per edge.
    """

    orders: Tensor  # [radial]

    def __init__(
        self, num_scalars: int, *, cutoff: float, num_radial: int, outputs: int = 1
    ) -> None:
        super().__init__()
        self.cutoff, width = cutoff, 16
        self.register_buffer("orders", torch.arange(1, num_radial + 1, dtype=torch.float64))
        self.ends = nn.Linear(num_scalars, 2 * width, dtype=torch.float64)
        self.radial = nn.Linear(num_radial, width, bias=False, dtype=torch.float64)
        self.out = nn.Linear(width, outputs, bias=False, dtype=torch.float64)

    def forward(self, scalars: Tensor, vectors: Tensor, edge_index: Tensor) -> Tensor:
        """[e, outputs], from features [n, s], edges' vectors [e, 3] in Å and ends [2, e]."""
        length = torch.linalg.vector_norm(vectors, dim=1, keepdim=True) / self.cutoff  # [e, 1]
        giving, taking = self.ends(scalars).chunk(2, dim=1)  # [n, width] each
        bessel = torch.sin(math.pi * self.orders * length) / length
        hidden = giving[edge_index[0]] + taking[edge_index[1]] + self.radial(bessel)
        numbers: Tensor = envelope(length) * self.out(silu(hidden))
        return numbers


def between_atoms(values: Tensor, batch: Batch) -> Tensor:
    """[g, n, n, ...] sums of [e, ...] over the edges from atom j (column) to i (row)."""
    sender, receiver = batch.edge_index
    largest = int(batch.num_atoms.max())
    matrix = values.new_zeros(batch.num_structures, largest, largest, *values.shape[1:])
    place = (batch.structure[sender], batch.slot[receiver], batch.slot[sender])
    return matrix.index_put(place, values, accumulate=True)


def softmax(values: Tensor, batch: Batch) -> Tensor:
    """[n] positive weights that sum to one over each structure, from values [n]."""
    largest = values.new_full((batch.num_structures,), -math.inf)
    largest = largest.scatter_reduce(0, batch.structure, values.detach(), "amax")
    weights = torch.exp(values - largest[batch.structure])
    return weights / batch.per_structure(weights)[batch.structure]
