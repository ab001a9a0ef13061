"""The general variational model: a learned local functional of the density, minimised at Σq = Q."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from bench.backbone.model import NodeFeatures
from bench.config.schema import Functional, ModelConfig
from bench.data.batch import Batch
from bench.density.coulomb import Maps
from bench.models.base import Density, Inputs
from bench.models.facts import TrainingFacts
from bench.models.heads import ScalarHead, VectorHead
from bench.models.scf_qeq import ScfQeq
from bench.scf.problem import Problem, Rows, Variational

TERMS = 4  # per atom
HEIGHT_SCALE = 0.2  # eV, a term's energy at its centre
DENSITY_UNIT = 0.2  # e and e Å: how far from its centre a term turns from quadratic to linear


class ScfEnergyFunctional(ScfQeq):
    """E(p) = E_sr + G(p; h) + ½ pᵀAp + v_app·p at its minimum (eqs 17, 33).

    ``functional=quadratic`` is QEq.  ``functional=nonlinear`` adds terms that grow like a square
    near their centre and like a cone far from it, so that an atom can be hard around a preferred
    charge and soft beyond, as real ones are around integers.  They are convex: the curvature of G
    stays at least QEq's, and the minimum is unique.
    """

    options: ClassVar[frozenset[str]] = ScfQeq.options | {"functional"}

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        super().__init__(config, facts, dtype=dtype)
        scalars, vectors = self.backbone.num_scalars, self.backbone.num_vectors
        self.cones: ConeHead | None = None
        if config.functional is Functional.nonlinear:
            self.cones = ConeHead(
                scalars, vectors, mean_charges=self.mean_charges, l_max=config.l_max
            )

    def problem(self, inputs: Inputs) -> Problem:
        """∂G/∂p + A p + v_app + μ n = 0."""
        if self.cones is None:
            return super().problem(inputs)
        (source, stiffness), maps = self.functional(inputs), inputs.maps
        cones: Cones = self.cones(inputs.nodes, inputs.batch)

        def functional(p: Tensor, rows: Rows) -> Tensor:
            quadratic = (source[rows] * p + 0.5 * stiffness[rows] * p.square()).sum(1)
            return quadratic + cones.energy(p, rows)

        return Variational(
            constraint=self.constraint(inputs),
            functional=functional,
            coulomb=maps.coulomb if isinstance(maps, Maps) else maps.potential,
            applied=maps.applied,
            num_atoms=cones.height.shape[1],
        )

    def internal_energy(self, inputs: Inputs, density: Density) -> Tensor:
        """[g] G(p) in eV."""
        quadratic = super().internal_energy(inputs, density)
        if self.cones is None:
            return quadratic
        cones: Cones = self.cones(inputs.nodes, inputs.batch)
        return quadratic + cones.energy(density.multipoles)


@dataclass(frozen=True)
class Cones:
    """Σ_k a_k √(1 + (s_k·p_i + c_k)² + b_k |d_i|²) for every atom i: norms of affine maps, convex.

    Attributes:
        height: [g, n, k] a > 0 in eV, zero where padded.
        slope: [g, n, k, l] s in 1/e and 1/(e Å), a vector on the dipole.
        offset: [g, n, k] c.
        width: [g, n, k] b ≥ 0 in 1/(e Å)².
    """

    height: Tensor
    slope: Tensor
    offset: Tensor
    width: Tensor

    def energy(self, p: Tensor, rows: Rows = slice(None)) -> Tensor:
        """[g] in eV of the multipoles p [g, n l] of the structures ``rows``."""
        height, slope = self.height[rows], self.slope[rows]
        atoms = p.reshape(len(p), height.shape[1], 1, -1)  # [g, n, 1, l]
        along = (slope * atoms).sum(3) + self.offset[rows]
        squares = along.square() + self.width[rows] * atoms[..., 1:].square().sum(3)
        return (height * (1 + squares).sqrt()).sum((1, 2))


class ConeHead(nn.Module):
    """Coefficients of the cones from node features; they start around the mean charges.

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
        elements, spread = len(mean_charges), torch.linspace(-1, 1, TERMS, dtype=torch.float64)
        steepness = float(softplus(torch.zeros(()))) / DENSITY_UNIT
        self.height = ScalarHead(num_scalars, elements, outputs=TERMS)
        self.steepness = ScalarHead(num_scalars, elements, outputs=TERMS)
        self.offset = ScalarHead(
            num_scalars,
            elements,
            outputs=TERMS,
            offset=spread - steepness * mean_charges[:, None],
        )
        self.width, self.direction = None, None
        if l_max > 0:
            self.width = ScalarHead(num_scalars, elements, outputs=TERMS)
            self.direction = VectorHead(num_vectors, outputs=TERMS)

    def forward(self, nodes: NodeFeatures, batch: Batch) -> Cones:
        """The cones of every atom, padded."""
        attrs = batch.node_attrs
        height = HEIGHT_SCALE * softplus(self.height(nodes, attrs))  # [n, k]
        slope = softplus(self.steepness(nodes, attrs))[..., None] / DENSITY_UNIT  # [n, k, 1]
        width = torch.zeros_like(height)
        if self.width is not None and self.direction is not None:
            slope = torch.cat([slope, self.direction(nodes) / DENSITY_UNIT], dim=2)
            width = softplus(self.width(nodes, attrs)) / DENSITY_UNIT**2
        return Cones(
            height=batch.dense(height),
            slope=batch.dense(slope),
            offset=batch.dense(self.offset(nodes, attrs)),
            width=batch.dense(width),
        )
