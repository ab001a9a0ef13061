"""Charges that flow along bonds from formal charges: conserved exactly, with a polarisation."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from bench.config.schema import Mode, ModelConfig
from bench.data.batch import Batch
from bench.density.multipoles import to_cartesian
from bench.models.base import Density, Inputs, Point
from bench.models.facts import TrainingFacts
from bench.models.formal_charges import formal_charges
from bench.models.heads import ScalarHead, VectorHead

NEUTRAL = 1e-9  # e, below which a total charge is none


class SplitCharges(Point):
    """q_i = z_i + w_i (Q − Σz) + Σ_j (t_ji − t_ij), and local dipoles.

    t_ij is the charge that an edge carries from i to j, z_i a formal charge and w a softmax over
    the structure.  Each edge takes from one atom what it gives to another, so that Σq = Q exactly,
    and fragments that no edge joins exchange nothing.

    Raises:
        BenchError: an element without a formal charge.
    """

    formal: Tensor  # [z] e

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        super().__init__(config, facts, dtype=dtype)
        scalars, vectors = self.backbone.num_scalars, self.backbone.num_vectors
        self.register_buffer("formal", formal_charges(facts.elements, config.name))
        self.weights = ScalarHead(scalars, len(facts.elements), outputs=1)
        self.transfer = Transfer(scalars, cutoff=config.r_max, num_radial=config.num_bessel)
        self.dipoles = VectorHead(vectors, outputs=1) if config.l_max > 0 else None

    def density(self, inputs: Inputs, mode: Mode) -> Density:
        """Formal charges, what is left of Q, and what the edges carry; local dipoles."""
        batch, nodes = inputs.batch, inputs.nodes
        sender, receiver = batch.edge_index
        formal = self.formal_of(batch)
        missing = batch.total_charge - batch.per_structure(formal)  # [g]
        weights = softmax(self.weights(nodes, batch.node_attrs)[:, 0], batch)
        vectors = batch.edge_vectors()
        carried = self.transfer(nodes.scalars, vectors, batch.edge_index)  # [e]
        charges = formal + weights * missing[batch.structure]
        charges = charges.index_add(0, receiver, carried).index_add(0, sender, -carried)
        dipoles = None if self.dipoles is None else self.dipoles(nodes)[:, 0]
        parts = [charges[:, None]] if dipoles is None else [charges[:, None], dipoles]
        return Density(
            inputs.padded(torch.cat(parts, dim=1)),
            polarization=self.polarization(batch, dipoles, carried[:, None] * vectors),
        )

    def formal_of(self, batch: Batch) -> Tensor:
        """[n] formal charges in e."""
        return batch.node_attrs.double() @ self.formal

    def polarization(self, batch: Batch, dipoles: Tensor | None, moved: Tensor) -> Tensor:
        """Dipole of the cell Σ z_i r_i + Σ_edges t (r_j − r_i) + Σ d_i, Cartesian.

        Charge that an edge carries moves by the edge's own vector, through the cell's face where
        the edge does.  So the only freedom is where ions are placed: moving one by a lattice
        vector changes the branch by z_i times that vector.  Along open axes it is the dipole.

        Args:
            batch: the structures.
            dipoles: [n, 3] in e Å, order (y, z, x); None without.
            moved: [e, 3] in e Å, charge that each edge carries times its vector.

        Returns:
            [g, 3] in e Å; NaN where Q or Σz is not zero, for it would depend on the origin.
        """
        formal = self.formal_of(batch)
        per_atom = formal[:, None] * batch.positions
        per_atom = per_atom.index_add(0, batch.edge_index[0], moved)
        if dipoles is not None:
            per_atom = per_atom + to_cartesian(dipoles)
        charged = batch.per_structure(formal).abs() + batch.total_charge.abs() > NEUTRAL
        return batch.per_structure(per_atom).masked_fill(charged[:, None], math.nan)


class Transfer(nn.Module):
    """Charge carried by each directed edge: a network of both ends and their distance.

    Args:
        num_scalars: invariant features per atom.
        cutoff: in Å, where the charge and its first two derivatives vanish.
        num_radial: Bessel functions of the distance.
    """

    orders: Tensor  # [radial]

    def __init__(self, num_scalars: int, *, cutoff: float, num_radial: int) -> None:
        super().__init__()
        self.cutoff, width = cutoff, 16
        self.register_buffer("orders", torch.arange(1, num_radial + 1, dtype=torch.float64))
        self.ends = nn.Linear(num_scalars, 2 * width, dtype=torch.float64)
        self.radial = nn.Linear(num_radial, width, bias=False, dtype=torch.float64)
        self.out = nn.Linear(width, 1, bias=False, dtype=torch.float64)

    def forward(self, scalars: Tensor, vectors: Tensor, edge_index: Tensor) -> Tensor:
        """[e] in e, from features [n, s], edges' vectors [e, 3] in Å and ends [2, e]."""
        length = torch.linalg.vector_norm(vectors, dim=1, keepdim=True) / self.cutoff  # [e, 1]
        giving, taking = self.ends(scalars).chunk(2, dim=1)  # [n, width] each
        bessel = torch.sin(math.pi * self.orders * length) / length
        hidden = giving[edge_index[0]] + taking[edge_index[1]] + self.radial(bessel)
        envelope = (1 - length.square()).clamp(min=0) ** 3
        carried: Tensor = (envelope * self.out(nn.functional.silu(hidden)))[:, 0]
        return carried


def softmax(values: Tensor, batch: Batch) -> Tensor:
    """[n] positive weights that sum to one over each structure, from values [n]."""
    largest = values.new_full((batch.num_structures,), -math.inf)
    largest = largest.scatter_reduce(0, batch.structure, values.detach(), "amax")
    weights = torch.exp(values - largest[batch.structure])
    return weights / batch.per_structure(weights)[batch.structure]
