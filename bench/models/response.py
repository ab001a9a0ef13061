"""Local linear responses to the potential: symmetric, positive, and blind to a uniform shift.

K = CᵀC from rows that see what an insulator answers: gradients and differences of the potential.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import silu, softplus

from bench.backbone.model import NodeFeatures
from bench.config.schema import ModelConfig
from bench.data.batch import Batch
from bench.density.multipoles import to_spherical
from bench.models.edges import EdgeHead, between_atoms, envelope
from bench.models.heads import ScalarHead

FLOW_CUTOFF = 3.0  # Å: bonds, hydrogen bonds and nearest metal neighbours
POLARISABILITY = 0.03  # e Å²/V, less than a water molecule's: what data ask for grows
FLOW = 0.02  # e/V
ROWS = 4  # vectors per atom that see the potential around it
ROW_SCALE = 0.1  # √(e Å²/V): rows start with a tenth of the other responses
REACH = 3.0  # Å, the length of a dipole that charge moved between two atoms makes


@dataclass(frozen=True)
class Response:
    """K, symmetric and positive semidefinite.

    Attributes:
        local: [g, m] diagonal: 1/V of the Fermi sea on charges (e/V), polarisability on dipoles.
        flow: [g, n, n] charge that potentials move between atoms, in e/V; rows sum to zero.
        bent: [g, n, 3, n] dipole of atom i that the potential at j makes, in e Å/V, and the charge
            of j that the gradient at i moves; no rows where l_max is 0.
    """

    local: Tensor
    flow: Tensor
    bent: Tensor

    def __call__(self, values: Tensor, rows: Tensor | slice = slice(None)) -> Tensor:
        """K V [g, m, ...] of potentials [g, m, ...] of the structures ``rows``."""
        local, flow, bent = self.local[rows], self.flow[rows], self.bent[rows]
        local = local.reshape(local.shape + (1,) * (values.ndim - 2))
        atoms = (len(values), flow.shape[1], -1, *values.shape[2:])
        answer, seen = (local * values).reshape(atoms), values.reshape(atoms)
        potentials, gradients = seen[:, :, 0], seen[:, :, 1:]  # [g, n, ...] and [g, n, 3, ...]
        moved = torch.einsum("gij,gj...->gi...", flow, potentials)
        moved = moved + torch.einsum("gixj,gix...->gj...", bent, gradients)
        dipoles = torch.einsum("gixj,gj...->gix...", bent, potentials)
        return (answer + torch.cat([moved[:, :, None], dipoles], dim=2)).flatten(1, 2)


class InsulatingResponse(nn.Module):
    """K from node features; nothing in it answers a uniform shift of the potential.

    Beside conductances between near neighbours and atoms' polarisabilities, K = CᵀC of the vectors

        S_ik = a_ik ∇V_i + Σ_j c_ijk r̂_ij (V_j − V_i)

    of every atom: each moves charge between an atom's neighbours and polarises it at once, and
    answers what either sees, as far as the edges reach twice.

    Args:
        config: cutoff, Bessel functions, multipoles.
        num_elements: chemical elements.
        num_scalars: invariant features per atom.
    """

    def __init__(self, config: ModelConfig, num_elements: int, num_scalars: int) -> None:
        super().__init__()
        self.flow = Flow(num_scalars, cutoff=min(FLOW_CUTOFF, config.r_max))
        self.reach = EdgeHead(
            num_scalars, cutoff=config.r_max, num_radial=config.num_bessel, outputs=ROWS
        )
        self.polarisability, self.gradient = None, None
        if config.l_max > 0:
            self.polarisability = ScalarHead(num_scalars, num_elements, outputs=1)
            self.gradient = ScalarHead(num_scalars, num_elements, outputs=ROWS, offset=0.5)

    def forward(self, nodes: NodeFeatures, batch: Batch) -> Response:
        """K of the batch."""
        local = torch.zeros_like(nodes.energy)[:, None]
        rows = self._rows(nodes, batch)  # [g, i, j, k, 3]
        between = rows.movedim(2, 1).flatten(2)  # [g, j, (i, k, x)]
        flow = self.flow(nodes.scalars, batch) + between @ between.mT
        bent = rows.new_zeros(*rows.shape[:2], 0, rows.shape[2])
        if self.polarisability is not None and self.gradient is not None:
            gain = POLARISABILITY * softplus(self.polarisability(nodes, batch.node_attrs))
            own = ROW_SCALE * self.gradient(nodes, batch.node_attrs)  # [n, k]
            gain = gain + own.square().sum(1, keepdim=True)
            local = torch.cat([local, gain.expand(-1, 3)], dim=1)
            bent = torch.einsum("gik,gijkx->gixj", batch.dense(own), rows)
        return Response(batch.dense(local).flatten(1), flow, bent)

    def _rows(self, nodes: NodeFeatures, batch: Batch) -> Tensor:
        """[g, n, n, k, 3] c r̂ of atom i (row) at j in √(e/V), order (y, z, x); rows sum to zero."""
        vectors = batch.edge_vectors()  # [e, 3]
        strength = self.reach(nodes.scalars, vectors, batch.edge_index)  # [e, k]
        unit = vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
        # an edge's vector points from its sender j to the receiver i, which looks back
        looks = -to_spherical(unit)
        rows = between_atoms(ROW_SCALE / REACH * strength[:, :, None] * looks[:, None], batch)
        own = torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device)[:, :, None, None]
        return rows - own * rows.sum(2, keepdim=True)


class Flow(nn.Module):
    """Conductances t_ij > 0 of near-neighbour edges: charge t_ij (V_j − V_i) flows from j to i.

    Every pair of images is an edge of its own; an atom's own image has the same potential, and
    nothing flows.

    Args:
        num_scalars: invariant features per atom.
        cutoff: in Å, where the conductance and its first two derivatives vanish.
    """

    def __init__(self, num_scalars: int, *, cutoff: float) -> None:
        super().__init__()
        self.cutoff, width = cutoff, 16
        self.end = nn.Linear(num_scalars, width, dtype=torch.float64)
        self.length = nn.Linear(1, width, bias=False, dtype=torch.float64)
        self.out = nn.Linear(width, 1, dtype=torch.float64)

    def forward(self, scalars: Tensor, batch: Batch) -> Tensor:
        """[g, n, n] Laplacian in e/V from scalars [atoms, s]; zero where padded."""
        sender, receiver = batch.edge_index
        length = torch.linalg.vector_norm(batch.edge_vectors(), dim=1, keepdim=True) / self.cutoff
        ends = self.end(scalars)
        hidden = silu(ends[sender] + ends[receiver] + self.length(length))  # same both ways
        flow = (FLOW * envelope(length) * softplus(self.out(hidden)))[:, 0]  # [e]
        between = between_atoms(flow, batch)  # an edge is there both ways
        laplacian: Tensor = torch.diag_embed(between.sum(2)) - between
        return laplacian
