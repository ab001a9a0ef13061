"""Learned maps from potential features to multipoles, one atom at a time (eq 41)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from bench.data.batch import Batch
from bench.models.edges import between_atoms, envelope

NETWORK_WIDTH = 16
STEPS = 4  # saturating terms per charge
RESPONSE_UNIT = 0.05  # e, and e Å²/V: the order of induced charges and of atomic responses


@dataclass(frozen=True)
class Seen:
    """What atoms see of the potential.

    Attributes:
        potentials: [g, n, w, ...] in V.
        gradients: [g, n, w, 3, ...] in V/Å, order (y, z, x); no rows where l_max is 0.
    """

    potentials: Tensor
    gradients: Tensor

    @classmethod
    def split(cls, features: Tensor, *, atoms: int, widths: int) -> Seen:
        """From the maps' layout [g, n f, ...]: potentials of all widths, then gradients."""
        rest = features.shape[2:]
        per_atom = features.reshape(len(features), atoms, -1, *rest)
        gradients = per_atom[:, :, widths:]
        return cls(
            per_atom[:, :, :widths],
            gradients.reshape(len(features), atoms, gradients.shape[2] // 3, 3, *rest),
        )

    def invariants(self, norms: Tensor) -> Tensor:
        """[g, n, (l, w)] arsinh of potentials and squared gradients in units of norms [(l, w)].

        The logarithm's growth keeps a network sane far from what it was trained on: in a field of
        0.1 V/Å the squared gradient in quartz is a hundred times that of the training set.
        """
        widths = self.potentials.shape[2]
        squares = self.gradients.square().sum(-1)
        units = torch.cat([norms[:widths], norms[widths:].square()])
        return torch.asinh(torch.cat([self.potentials, squares], dim=2) / units)


def induced(gains: Tensor, seen: Seen) -> Tensor:
    """Multipoles that follow the potential linearly: charges −k v, dipoles −k ∇v.

    Args:
        gains: [g, n, l, w], positive.
        seen: potentials and gradients, with any trailing dimensions.

    Returns:
        [g, n c, ...] in the order of the multipoles.
    """
    charge = -torch.einsum("gnw,gnw...->gn...", gains[:, :, 0], seen.potentials)[:, :, None]
    if gains.shape[2] == 1:
        return charge.flatten(1, 2)
    dipole = -torch.einsum("gnw,gnwx...->gnx...", gains[:, :, 1], seen.gradients)
    return torch.cat([charge, dipole], dim=2).flatten(1, 2)


class NonlinearResponse(nn.Module):
    """A saturating response added to the linear one, with the sign of a dielectric everywhere.

    q_i = −Σ_k a_k(h) tanh(Σ_w b_kw v_iw + c_k(h, |∇v|²)), a, b > 0, falls with every potential, and
    d_i = −Σ_w g_w(h, v, |∇v|²) ∇v_iw, g > 0, points along the field, so that what n·∂F/∂μ is
    bounded by stays a bound.  Equivariant because only invariants enter the networks.

    Args:
        num_scalars: invariant node features.
        norms: [(l, w)] RMS of the features, their unit inside the networks.
        widths: potentials per atom.
        l_max: of density and features.
    """

    norms: Tensor

    def __init__(self, num_scalars: int, norms: Tensor, *, widths: int, l_max: int) -> None:
        super().__init__()
        self.register_buffer("norms", norms)
        self.widths = widths
        steepness = torch.zeros(STEPS, widths, dtype=torch.float64)
        self.steepness = nn.Parameter(steepness)  # softplus of it is b, per RMS potential
        self.height = nn.Linear(num_scalars, STEPS, dtype=torch.float64)
        self.place = _network(num_scalars + l_max * widths, STEPS)
        self.gain = _network(num_scalars + len(norms), widths) if l_max > 0 else None

    def forward(self, scalars: Tensor, seen: Seen) -> Tensor:
        """[g, n, c] in e and e Å from scalars [g, n, s]."""
        invariants = seen.invariants(self.norms)
        potentials, squares = invariants[:, :, : self.widths], invariants[:, :, self.widths :]
        argument = potentials @ softplus(self.steepness).T
        argument = argument + self.place(torch.cat([scalars, squares], dim=2))
        height = RESPONSE_UNIT * softplus(self.height(scalars))
        charge = -(height * torch.tanh(argument)).sum(2, keepdim=True)
        if self.gain is None:
            return charge
        gain = RESPONSE_UNIT * softplus(self.gain(torch.cat([scalars, invariants], dim=2)))
        dipole = -torch.einsum("gnw,gnwx->gnx", gain, seen.gradients)
        return torch.cat([charge, dipole], dim=2)


def _network(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, NETWORK_WIDTH, dtype=torch.float64),
        nn.SiLU(),
        nn.Linear(NETWORK_WIDTH, outputs, dtype=torch.float64),
    )


class NeighbourAverage(nn.Module):
    """What an atom's neighbours see, averaged with learned weights: the many-body update's input.

    û_i = (u_i, Σ_j w(h_j) f(r_ij) u_j) with a smooth cutoff f; linear in u, so that the equations
    keep their form, and w > 0, so that a response falls with the neighbours' potential, too.

    Args:
        num_scalars: invariant node features.
        r_max: cutoff in Å.
        avg_num_neighbors: edges per atom, divides the sum.
    """

    def __init__(self, num_scalars: int, *, r_max: float, avg_num_neighbors: float) -> None:
        super().__init__()
        self.weight = nn.Linear(num_scalars, 1, dtype=torch.float64)
        self.r_max, self.avg_num_neighbors = r_max, avg_num_neighbors

    def matrix(self, batch: Batch, scalars: Tensor) -> Tensor:
        """[g, n, n] weights from the scalars [atoms, s] of the batch."""
        reach = torch.linalg.vector_norm(batch.edge_vectors(), dim=1) / self.r_max
        weights: Tensor = softplus(self.weight(scalars))[batch.edge_index[0], 0]
        return between_atoms(weights * envelope(reach) / self.avg_num_neighbors, batch)

    @staticmethod
    def extend(matrix: Tensor, features: Tensor, *, widths: int) -> Tensor:
        """[g, n 2f, ...] own features and the neighbours' average, from [g, n f, ...]."""
        own = Seen.split(features, atoms=matrix.shape[1], widths=widths)
        potentials = torch.einsum("gij,gjw...->giw...", matrix, own.potentials)
        gradients = torch.einsum("gij,gjwx...->giwx...", matrix, own.gradients)
        potentials = torch.cat([own.potentials, potentials], dim=2)
        gradients = torch.cat([own.gradients, gradients], dim=2).flatten(2, 3)
        return torch.cat([potentials, gradients], dim=2).flatten(1, 2)
