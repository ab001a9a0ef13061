"""Readouts from node features to per-atom quantities; float64, equivariant by construction."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.backbone.model import NodeFeatures


class ScalarHead(nn.Module):
    """Invariants per atom: a small network on the scalar features plus one offset per element.

    Args:
        num_scalars: invariant features per atom.
        num_elements: chemical elements.
        outputs: invariants per atom.
        offset: initial per-element offset, [z, outputs] or a number.
    """

    def __init__(
        self, num_scalars: int, num_elements: int, *, outputs: int, offset: Tensor | float = 0.0
    ) -> None:
        super().__init__()
        width = max(16, outputs)
        self.network = nn.Sequential(
            nn.Linear(num_scalars, width, dtype=torch.float64),
            nn.SiLU(),
            nn.Linear(width, outputs, bias=False, dtype=torch.float64),
        )
        start = torch.zeros(num_elements, outputs, dtype=torch.float64) + offset
        self.offset = nn.Parameter(start)

    def forward(self, nodes: NodeFeatures, node_attrs: Tensor) -> Tensor:
        """[n, outputs] from scalar features [n, s] and one-hot elements [n, z]."""
        out: Tensor = self.network(nodes.scalars) + node_attrs.double() @ self.offset
        return out


class VectorHead(nn.Module):
    """Vectors per atom as linear combinations of the equivariant features.

    Args:
        num_vectors: equivariant features per atom.
        outputs: vectors per atom.
    """

    def __init__(self, num_vectors: int, *, outputs: int) -> None:
        super().__init__()
        weight = torch.randn(num_vectors, outputs, dtype=torch.float64)
        self.weight = nn.Parameter(0.1 * weight / num_vectors**0.5)

    def forward(self, nodes: NodeFeatures) -> Tensor:
        """[n, outputs, 3] in the order of the features (y, z, x)."""
        return torch.einsum("nvx,vo->nox", nodes.vectors, self.weight)


class MultipoleHead(nn.Module):
    """Atomic multipoles from the features of all layers, starting at the elements' mean charges.

    Args:
        num_scalars: invariant features per atom.
        num_vectors: equivariant features per atom.
        mean_charges: [z] mean reference charge of each element in e.
        l_max: 0 for charges, 1 for charges and dipoles.
    """

    def __init__(
        self, num_scalars: int, num_vectors: int, *, mean_charges: Tensor, l_max: int
    ) -> None:
        super().__init__()
        self.charge = ScalarHead(
            num_scalars, len(mean_charges), outputs=1, offset=mean_charges[:, None]
        )
        self.dipole = VectorHead(num_vectors, outputs=1) if l_max > 0 else None

    def forward(self, nodes: NodeFeatures, node_attrs: Tensor) -> Tensor:
        """[n, (l_max + 1)²] in e and e Å, order (q, d_y, d_z, d_x)."""
        charge: Tensor = self.charge(nodes, node_attrs)
        if self.dipole is None:
            return charge
        return torch.cat([charge, self.dipole(nodes)[:, 0]], dim=1)
