"""Multipoles that conserve charge where atoms are: formal charges, and what bonds carry."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from bench.backbone.model import NodeFeatures
from bench.config.schema import ModelConfig
from bench.data.batch import Batch
from bench.models.edges import envelope, softmax
from bench.models.formal_charges import formal_charges
from bench.models.heads import ScalarHead, VectorHead


class BondMultipoles(nn.Module):
    """q_i = z_i + w_i (Q − Σz) + Σ_j (t_ji − t_ij), and local dipoles.

    t_ij is the charge that an edge carries from i to j, z_i a formal charge.  Each edge takes from
    one atom what it gives to another, so that fragments that no edge joins exchange nothing.  An
    atom whose surroundings suggest the charge c_i hands the rest of its formal charge on:

        t_ij = (z_i − c_i) s_j f(r_ij) / (s_i + Σ_k s_k f(r_ik)),  f the envelope, s > 0,

    which is nearly c itself where formal charges cancel among neighbours.  What formal charges
    lack of a total charge may be spread, w a softmax over the structure.

    Args:
        config: cutoff, multipoles.
        elements: atomic numbers, ascending.
        mean_charges: [z] mean reference charge of each element in e, where c starts.
        num_scalars: invariant features per atom.
        num_vectors: equivariant features per atom.
        spreads: whether a total charge will be given.

    Raises:
        BenchError: an element without a formal charge.
    """

    formal: Tensor  # [z] e

    def __init__(
        self,
        config: ModelConfig,
        elements: tuple[int, ...],
        num_scalars: int,
        num_vectors: int,
        *,
        mean_charges: Tensor,
        spreads: bool = False,
    ) -> None:
        super().__init__()
        count, self.cutoff = len(elements), config.r_max
        self.register_buffer("formal", formal_charges(elements, config.name))
        self.charge = ScalarHead(num_scalars, count, outputs=1, offset=mean_charges[:, None])
        self.share = ScalarHead(num_scalars, count, outputs=1)
        self.dipoles = VectorHead(num_vectors, outputs=1) if config.l_max > 0 else None
        self.weights = ScalarHead(num_scalars, count, outputs=1) if spreads else None

    def formal_of(self, batch: Batch) -> Tensor:
        """[n] formal charges in e."""
        return batch.node_attrs.double() @ self.formal

    def carried(self, nodes: NodeFeatures, batch: Batch) -> Tensor:
        """[e] charge in e that each directed edge carries."""
        sender, receiver = batch.edge_index
        handed = self.formal_of(batch) - self.charge(nodes, batch.node_attrs)[:, 0]  # [n]
        share = softplus(self.share(nodes, batch.node_attrs)[:, 0])
        length = torch.linalg.vector_norm(batch.edge_vectors(), dim=1) / self.cutoff
        taken = share[receiver] * envelope(length)  # [e]
        carried: Tensor = taken * (handed / share.index_add(0, sender, taken))[sender]
        return carried

    def forward(
        self, nodes: NodeFeatures, batch: Batch, *, total_charge: Tensor | None = None
    ) -> Tensor:
        """[n, (l_max + 1)²] in e and e Å, order (q, d_y, d_z, d_x).

        Args:
            nodes: features.
            batch: the structures.
            total_charge: [g] in e, Σq; that of the formal charges unless given.
        """
        (sender, receiver), carried = batch.edge_index, self.carried(nodes, batch)
        charges = self.formal_of(batch)
        if total_charge is not None and self.weights is not None:
            missing = total_charge - batch.per_structure(charges)  # [g]
            weights = softmax(self.weights(nodes, batch.node_attrs)[:, 0], batch)
            charges = charges + weights * missing[batch.structure]
        charges = charges.index_add(0, receiver, carried).index_add(0, sender, -carried)[:, None]
        if self.dipoles is None:
            return charges
        return torch.cat([charges, self.dipoles(nodes)[:, 0]], dim=1)
