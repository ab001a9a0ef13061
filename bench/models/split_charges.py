"""Charges that flow along bonds from formal charges: conserved exactly, with a polarisation."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bench.config.schema import Mode, ModelConfig
from bench.density.multipoles import to_cartesian
from bench.models.base import Density, Inputs, Point
from bench.models.bonds import BondMultipoles
from bench.models.facts import TrainingFacts

NEUTRAL = 1e-9  # e, below which a total charge is none


class SplitCharges(Point):
    """q_i = z_i + w_i (Q − Σz) + Σ_j (t_ji − t_ij), and local dipoles.

    t_ij is the charge that an edge carries from i to j, z_i a formal charge and w a softmax over
    the structure.  Each edge takes from one atom what it gives to another, so that Σq = Q exactly,
    and fragments that no edge joins exchange nothing.

    Raises:
        BenchError: an element without a formal charge.
    """

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        super().__init__(config, facts, dtype=dtype)
        scalars, vectors = self.backbone.num_scalars, self.backbone.num_vectors
        self.bonds = BondMultipoles(
            config,
            facts.elements,
            scalars,
            vectors,
            mean_charges=self.mean_charges,
            spreads=True,
        )

    def density(self, inputs: Inputs, mode: Mode) -> Density:
        """Formal charges, what is left of Q, and what the edges carry; local dipoles."""
        batch = inputs.batch
        multipoles = self.bonds(inputs.nodes, batch, total_charge=batch.total_charge)
        polarization = self.polarization(inputs, multipoles[:, 1:])
        return Density(inputs.padded(multipoles), polarization=polarization)

    def polarization(self, inputs: Inputs, dipoles: Tensor) -> Tensor:
        """Dipole of the cell Σ z_i r_i + Σ_edges t (r_j − r_i) + Σ d_i, Cartesian.

        Charge that an edge carries moves by the edge's own vector, through the cell's face where
        the edge does.  So the only freedom is where ions are placed: moving one by a lattice
        vector changes the branch by z_i times that vector.  Along open axes it is the dipole.

        Args:
            inputs: the structures.
            dipoles: [n, 3] in e Å, order (y, z, x); [n, 0] without.

        Returns:
            [g, 3] in e Å; NaN where Q or Σz is not zero, for it would depend on the origin.
        """
        batch, formal = inputs.batch, self.bonds.formal_of(inputs.batch)
        moved = self.bonds.carried(inputs.nodes, batch)[:, None] * batch.edge_vectors()  # [e, 3]
        per_atom = formal[:, None] * batch.positions
        per_atom = per_atom.index_add(0, batch.edge_index[0], moved)
        if dipoles.shape[1]:
            per_atom = per_atom + to_cartesian(dipoles)
        charged = batch.per_structure(formal).abs() + batch.total_charge.abs() > NEUTRAL
        return batch.per_structure(per_atom).masked_fill(charged[:, None], math.nan)
