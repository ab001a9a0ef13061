"""A response instead of a functional: p = p⁰ − K V with K local, symmetric and positive.

The Legendre dual of the energy functional.  A functional's hardness is K⁻¹: an insulator, which
answers only differences and gradients of the potential, needs infinite hardness there and plain
zeros here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import silu, softplus

from bench.config.schema import Ensemble, Mode, ModelConfig
from bench.data.batch import Batch
from bench.density.coulomb import Maps
from bench.errors import BenchError
from bench.models.base import Density, Inputs
from bench.models.facts import TrainingFacts
from bench.models.formal_charges import METALS
from bench.models.heads import MultipoleHead, ScalarHead
from bench.models.self_consistent import SelfConsistentPoint
from bench.models.split_charges import softmax
from bench.scf.problem import Linear, Rows

FLOW_CUTOFF = 3.0  # Å: bonds, hydrogen bonds and nearest metal neighbours
POLARISABILITY = 0.1  # e Å²/V, of the order of a water molecule's
FLOW = 0.05  # e/V
SEA = 0.1  # e/V, where a metal's exchange with the Fermi sea starts
MIN_SEA = 1e-2  # e/V: n·K n of a metal stays above this, or μ would be undetermined


class ScfResponse(SelfConsistentPoint):
    """p = p⁰ − K (A p + v_app + μ n), K = CᵀC from local rows.

    A row per atom acts on ∇V (polarisability), a row per near-neighbour edge on V_i − V_j (charge
    flow), a row per metallic atom on V_i, μ included (exchange with the Fermi sea).  Only the last
    changes the total charge.  A structure without metallic atoms is an insulator: p⁰ carries Q, and
    μ is undefined (NaN).

    The equations (1 + K A) p + μ K n = p⁰ − K v_app are solved in this form, not in the symmetric
    one for u = C V: K is assembled without C, has no square root of the flow that vanishes at the
    cutoff, and a metal has several edges per atom, more rows than multipoles.
    """

    options: ClassVar[frozenset[str]] = SelfConsistentPoint.options | {"metallic"}
    recommended: ClassVar[Mode] = Mode.staged

    metal: Tensor  # [z] 1 for elements that exchange charge with the Fermi sea

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        super().__init__(config, facts, dtype=dtype)
        scalars, vectors = self.backbone.num_scalars, self.backbone.num_vectors
        elements, l_max = len(facts.elements), config.l_max
        metal = [float(config.metallic and number in METALS) for number in facts.elements]
        self.register_buffer("metal", torch.tensor(metal, dtype=torch.float64))
        self._refuse_fixed_fermi_level()
        self.local = MultipoleHead(scalars, vectors, mean_charges=self.mean_charges, l_max=l_max)
        self.spread = ScalarHead(scalars, elements, outputs=1)
        self.flow = Flow(scalars, cutoff=min(FLOW_CUTOFF, config.r_max))
        self.sea = ScalarHead(scalars, elements, outputs=1) if any(metal) else None
        self.polarisability = ScalarHead(scalars, elements, outputs=1) if l_max > 0 else None

    def density(self, inputs: Inputs, mode: Mode) -> Density:
        """The density; μ is NaN in insulators."""
        density = super().density(inputs, mode)
        assert density.fermi_level is not None
        undefined = ~self.is_metal(inputs.batch)
        return replace(density, fermi_level=density.fermi_level.masked_fill(undefined, math.nan))

    def problem(self, inputs: Inputs) -> Linear:
        """(1 + K A) p + μ K n = p⁰ − K v_app."""
        response, maps = self.response(inputs), inputs.maps

        def product(p: Tensor, rows: Rows) -> Tensor:
            return p + response(maps.potential(p, rows), rows)

        matrix = None
        if isinstance(maps, Maps):
            loop = response(maps.coulomb)
            matrix = torch.eye(loop.shape[1], dtype=loop.dtype, device=loop.device) + loop
        return Linear(
            constraint=self.constraint(inputs, responds=self.is_metal(inputs.batch)),
            matrix=product if matrix is None else matrix,
            rhs=self.local_guess(inputs) - response(maps.applied),
            column=response(maps.charge),
            scale=torch.ones_like(maps.charge),
        )

    def local_guess(self, inputs: Inputs) -> Tensor:
        """p⁰: neutral in a metal, where μ brings the charge; of charge Q in an insulator."""
        nodes, batch = inputs.nodes, inputs.batch
        local = self.local(nodes, batch.node_attrs)  # [n, l]
        carried = torch.where(self.is_metal(batch), 0.0, batch.total_charge)
        missing = carried - batch.per_structure(local[:, 0])
        weights = softmax(self.spread(nodes, batch.node_attrs)[:, 0], batch)
        charges = local[:, 0] + weights * missing[batch.structure]
        return inputs.padded(torch.cat([charges[:, None], local[:, 1:]], dim=1))

    def internal_energy(self, inputs: Inputs, density: Density) -> Tensor:
        """[g] (p⁰ − p)·V − ½ V·K V, at the solution ½ V·K V.

        With ½ pᵀAp + v_app·p + μ (n·p − Q) it is stationary in p, V and μ at the solution, so that
        forces at fixed p, V and μ are exact, and the energy of direct training, at the reference
        density, is wrong only in second order of what the update would change.
        """
        assert density.fermi_level is not None
        p, maps = density.multipoles, inputs.maps
        mu = density.fermi_level.nan_to_num(nan=0.0)  # insulators do not respond to it
        potential = maps.potential(p) + maps.applied + mu[:, None] * maps.charge
        left = self.local_guess(inputs) - p - 0.5 * self.response(inputs)(potential)
        return (left * potential).sum(1)

    def response(self, inputs: Inputs) -> Response:
        """K of the batch."""
        nodes, batch = inputs.nodes, inputs.batch
        local = torch.zeros_like(nodes.energy)[:, None]  # [n, 1]
        if self.sea is not None:
            sea = MIN_SEA + SEA * softplus(self.sea(nodes, batch.node_attrs))
            local = sea * (batch.node_attrs.double() @ self.metal)[:, None]
        if self.polarisability is not None:
            gain = POLARISABILITY * softplus(self.polarisability(nodes, batch.node_attrs))
            local = torch.cat([local, gain.expand(-1, 3)], dim=1)
        return Response(inputs.padded(local), self.flow(nodes.scalars, batch))

    def is_metal(self, batch: Batch) -> Tensor:
        """[g] bool, structures that exchange charge with a Fermi sea."""
        return batch.per_structure(batch.node_attrs.double() @ self.metal) > 0

    def _refuse_fixed_fermi_level(self) -> None:
        """Nothing would respond to it."""
        if self.config.ensemble is Ensemble.constant_fermi_level and not self.metal.any():
            raise BenchError(
                "model.ensemble=constant_fermi_level: nothing responds to a Fermi level, because "
                f"model.metallic={self.config.metallic} and the elements are "
                f"{', '.join(map(str, self.facts.elements))}.",
                "Keep model.ensemble=constant_charge, or use a system with a metal.",
            )


@dataclass(frozen=True)
class Response:
    """K, symmetric and positive semidefinite: local on each atom, and between atoms' charges.

    Attributes:
        local: [g, m] diagonal: 1/V of the Fermi sea on charges (e/V), polarisability on dipoles.
        flow: [g, n, n] graph Laplacian of the charge flow in e/V; rows and columns sum to zero.
    """

    local: Tensor
    flow: Tensor

    def __call__(self, values: Tensor, rows: Rows = slice(None)) -> Tensor:
        """K V [g, m, ...] of potentials [g, m, ...] of the structures ``rows``."""
        local, flow = self.local[rows], self.flow[rows]
        local = local.reshape(local.shape + (1,) * (values.ndim - 2))
        atoms = (len(values), flow.shape[1], -1, *values.shape[2:])
        answer = (local * values).reshape(atoms)
        potentials = values.reshape(atoms)[:, :, 0]  # [g, n, ...]
        carried = torch.einsum("gij,gj...->gi...", flow, potentials)
        charges = answer[:, :, :1] + carried[:, :, None]
        return torch.cat([charges, answer[:, :, 1:]], dim=2).flatten(1, 2)


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
        envelope = (1 - length.square()).clamp(min=0) ** 3
        flow = (FLOW * envelope * softplus(self.out(hidden)))[:, 0]  # [e]
        largest = int(batch.num_atoms.max())
        between = flow.new_zeros(batch.num_structures, largest, largest)
        place = (batch.structure[sender], batch.slot[receiver], batch.slot[sender])
        between = between.index_put(place, flow, accumulate=True)  # an edge is there both ways
        laplacian: Tensor = torch.diag_embed(between.sum(2)) - between
        return laplacian
