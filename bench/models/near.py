"""What the permanent multipoles of near neighbours do, apart from what anything else does."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.config.schema import ModelConfig
from bench.data.batch import Batch
from bench.density.free_space import radial_functions, self_terms
from bench.density.multipoles import to_spherical
from bench.models.base import Inputs
from bench.models.edges import envelope
from bench.models.response import InsulatingResponse, Response


class NearResponse(nn.Module):
    """p⁰ + (K − K̂) N p⁰: with K answering V, K̂ answers the near permanent multipoles instead.

    N p⁰ is the potential of the permanent multipoles within the cutoff.  Between neighbours it is
    weaker than a molecule's field, since Gaussians of one width overlap, and its effect on them is
    not only electrostatic; an applied field is not smeared.  One K for both would have to be too
    large for the one or too small for the other.

    Args:
        config: cutoff, width, Bessel functions, multipoles.
        num_elements: chemical elements.
        num_scalars: invariant features per atom.
    """

    def __init__(self, config: ModelConfig, num_elements: int, num_scalars: int) -> None:
        super().__init__()
        self.width, self.cutoff = config.smearing_width, config.r_max
        self.near = InsulatingResponse(config, num_elements, num_scalars)

    def forward(self, permanent: Tensor, response: Response, inputs: Inputs) -> Tensor:
        """[g, m] what stands for p⁰ where ``response`` answers the whole potential.

        Args:
            permanent: [g, m] p⁰ in e and e Å.
            response: K.
            inputs: features and structures.
        """
        batch, multipoles = inputs.batch, inputs.per_atom(permanent)
        seen = near_potential(multipoles, batch, width=self.width, cutoff=self.cutoff)
        potential = inputs.padded(seen)
        near: Response = self.near(inputs.nodes, batch)
        return permanent + response(potential) - near(potential)


def near_potential(multipoles: Tensor, batch: Batch, *, width: float, cutoff: float) -> Tensor:
    """[n, c] potential (V) and gradient (V/Å) at every atom, order (V, ∂y, ∂z, ∂x).

    As ``bench.density.free_space`` has it of Gaussians of one width, an atom's own included, each
    edge times the envelope of its length.

    Args:
        multipoles: [n, c] in e and e Å, c = 1 or 4.
        batch: the structures.
        width: σ of the Gaussians in Å.
        cutoff: in Å, where the potential and its first two derivatives vanish.
    """
    (sender, receiver), vectors = batch.edge_index, batch.edge_vectors()
    square = vectors.square().sum(1, keepdim=True)
    weight = envelope(square.sqrt() / cutoff)
    first, second, third = (
        weight * values for values in radial_functions(square, 2 * width**2, l_max=1)
    )
    charges, dipoles, apart = multipoles[sender, :1], multipoles[sender, 1:], to_spherical(vectors)
    own_charge, own_dipole = self_terms(width, width)
    own = multipoles * multipoles.new_tensor([own_charge, *3 * [own_dipole]])[: multipoles.shape[1]]
    if not dipoles.shape[1]:
        return own.index_add(0, receiver, first * charges)
    along = (apart * dipoles).sum(1, keepdim=True)
    potential = first * charges + second * along
    gradient = second * (dipoles - apart * charges) - third * along * apart
    return own.index_add(0, receiver, torch.cat([potential, gradient], dim=1))
