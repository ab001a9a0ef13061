"""Charge equilibration: a quadratic functional of local parameters, minimised at Σq = Q."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from bench.config.schema import ModelConfig
from bench.density.coulomb import Maps
from bench.models.base import Density, Inputs
from bench.models.facts import TrainingFacts
from bench.models.heads import ScalarHead, VectorHead
from bench.models.self_consistent import VariationalPoint
from bench.scf.problem import Linear, Problem, Rows

HARDNESS_SCALE = 5.0  # eV/e², the order of atomic hardnesses beyond the Gaussians' self-energy
SELF_ENERGY = 5.4  # eV/e², of a Gaussian of 1.5 Å: only sets where training starts


class ScfQeq(VariationalPoint):
    """E = Σ χ_i q_i + ½ J_i q_i² (+ b_i·d_i + ½ κ_i |d_i|²) + ½ pᵀAp + v_app·p, κ = 1/α.

    QEq, 4G-HDNNP, MACE-QEq, kQEq; with l_max = 1 also atomic dipoles.
    """

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        super().__init__(config, facts, dtype=dtype)
        start = -(HARDNESS_SCALE * softplus(torch.zeros(())) + SELF_ENERGY) * self.mean_charges
        scalars, vectors = self.backbone.num_scalars, self.backbone.num_vectors
        elements = len(facts.elements)
        self.electronegativity = ScalarHead(scalars, elements, outputs=1, offset=start[:, None])
        self.hardness = ScalarHead(scalars, elements, outputs=1 + config.l_max)
        self.dipole_source = VectorHead(vectors, outputs=1) if config.l_max > 0 else None

    def problem(self, inputs: Inputs) -> Problem:
        """(J + A) p + μ n = −χ − v_app."""
        source, stiffness = self.functional(inputs)
        maps = inputs.maps

        def product(p: Tensor, rows: Rows) -> Tensor:
            return stiffness[rows] * p + maps.potential(p, rows)

        return Linear(
            constraint=self.constraint(inputs),
            positive_definite=True,
            matrix=product
            if not isinstance(maps, Maps)
            else torch.diag_embed(stiffness) + maps.coulomb,
            rhs=-source - maps.applied,
            column=maps.charge,
            scale=stiffness,
        )

    def local_guess(self, inputs: Inputs) -> Tensor:
        """Isolated atoms: −χ / J."""
        source, stiffness = self.functional(inputs)
        return -source / torch.where(inputs.maps.mask, stiffness, torch.ones_like(stiffness))

    def internal_energy(self, inputs: Inputs, density: Density) -> Tensor:
        """[g] Σ χ q + ½ J q² (+ b·d + ½ κ d²)."""
        source, stiffness = self.functional(inputs)
        p = density.multipoles
        return (source * p + 0.5 * stiffness * p.square()).sum(1)

    def functional(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Linear and quadratic coefficients [g, m] of the local functional: (χ, b) and (J, κ)."""
        nodes, attrs = inputs.nodes, inputs.batch.node_attrs
        source = self.electronegativity(nodes, attrs)  # [n, 1] V
        hardness = HARDNESS_SCALE * softplus(self.hardness(nodes, attrs))  # [n, 1 + l_max]
        if self.dipole_source is not None:
            source = torch.cat([source, self.dipole_source(nodes)[:, 0]], dim=1)
            hardness = torch.cat([hardness[:, :1], hardness[:, 1:].expand(-1, 3)], dim=1)
        return inputs.padded(source), inputs.padded(hardness)
