"""A response instead of a functional: p = p⁰ − K V with K local, symmetric and positive.

The Legendre dual of the energy functional.  A functional's hardness is K⁻¹: an insulator, which
answers only differences and gradients of the potential, needs infinite hardness there and plain
zeros here.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

from bench.config.schema import Ensemble, Mode, ModelConfig
from bench.data.batch import Batch
from bench.density.coulomb import Maps
from bench.errors import BenchError
from bench.labels.elements import METALS
from bench.models.base import Density, Inputs
from bench.models.bonds import BondMultipoles
from bench.models.facts import TrainingFacts
from bench.models.heads import ScalarHead
from bench.models.near import NearResponse
from bench.models.response import InsulatingResponse, Response
from bench.models.self_consistent import SelfConsistentPoint
from bench.scf.problem import Linear, Rows

SEA = 0.1  # e/V, where a metal's exchange with the Fermi sea starts
MIN_SEA = 1e-2  # e/V: n·K n of a metal stays above this, or μ would be undetermined


class ScfResponse(SelfConsistentPoint):
    """p = p⁰ − K (A p + v_app + μ n), K = CᵀC from local rows.

    A row per atom acts on ∇V (polarisability), a row per near-neighbour edge on V_i − V_j (charge
    flow), a row per metallic atom on V_i, μ included (exchange with the Fermi sea).  Only the last
    changes the total charge.  p⁰ has in it what near permanent neighbours make of each other, which
    an answer of its own gives (``NearResponse``).  A structure without metallic atoms is an
    insulator: p⁰ carries Q, and μ is undefined (NaN).

    The equations (1 + K A) p + μ K n = p⁰ − K v_app are solved in this form, not in the symmetric
    one for u = C V: K is assembled without C, has no square root of the flow that vanishes at the
    cutoff, and a metal has several edges per atom, more rows than multipoles.
    """

    options: ClassVar[frozenset[str]] = SelfConsistentPoint.options | {"metallic"}

    metal: Tensor  # [z] 1 for elements that exchange charge with the Fermi sea

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        super().__init__(config, facts, dtype=dtype)
        scalars, vectors = self.backbone.num_scalars, self.backbone.num_vectors
        elements = len(facts.elements)
        metal = [float(config.metallic and number in METALS) for number in facts.elements]
        self.register_buffer("metal", torch.tensor(metal, dtype=torch.float64))
        self._refuse_fixed_fermi_level()
        self.bonds = BondMultipoles(
            config,
            facts.elements,
            scalars,
            vectors,
            mean_charges=self.mean_charges,
            spreads=True,
        )
        self.insulating = InsulatingResponse(config, elements, scalars)
        self.near = NearResponse(config, elements, scalars)
        self.sea = ScalarHead(scalars, elements, outputs=1) if any(metal) else None

    def density(self, inputs: Inputs, mode: Mode) -> Density:
        """The density; μ is NaN in insulators."""
        density = super().density(inputs, mode)
        assert density.fermi_level is not None
        undefined = ~self.is_metal(inputs.batch)
        return replace(density, fermi_level=density.fermi_level.masked_fill(undefined, math.nan))

    def problem(self, inputs: Inputs) -> Linear:
        """(1 + K A) p + μ K n = p⁰ − K v_app."""
        response, maps = inputs.once(self.response), inputs.maps

        def product(p: Tensor, rows: Rows) -> Tensor:
            return p + response(maps.potential(p, rows), rows)

        matrix = None
        if isinstance(maps, Maps):
            loop = response(maps.coulomb)
            matrix = torch.eye(loop.shape[1], dtype=loop.dtype, device=loop.device) + loop
        return Linear(
            constraint=self.constraint(inputs, responds=self.is_metal(inputs.batch)),
            matrix=product if matrix is None else matrix,
            rhs=inputs.once(self.permanent) - response(maps.applied),
            column=response(maps.charge),
            scale=torch.ones_like(maps.charge),
        )

    def local_guess(self, inputs: Inputs) -> Tensor:
        """p⁰: of the formal charges' in a metal, where μ brings the rest; of Q in an insulator."""
        batch = inputs.batch
        formal = batch.per_structure(self.bonds.formal_of(batch))
        carried = torch.where(self.is_metal(batch), formal, batch.total_charge)
        return inputs.padded(self.bonds(inputs.nodes, batch, total_charge=carried))

    def permanent(self, inputs: Inputs) -> Tensor:
        """p⁰ with what its near neighbours make of it; see ``NearResponse``."""
        guess, response = inputs.once(self.local_guess), inputs.once(self.insulated)
        permanent: Tensor = self.near(guess, response, inputs)
        return permanent

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
        left = inputs.once(self.permanent) - p - 0.5 * inputs.once(self.response)(potential)
        return (left * potential).sum(1)

    def response(self, inputs: Inputs) -> Response:
        """K of the batch."""
        response, batch = inputs.once(self.insulated), inputs.batch
        if self.sea is None:
            return response
        sea = MIN_SEA + SEA * softplus(self.sea(inputs.nodes, batch.node_attrs))  # [n, 1]
        sea = sea * (batch.node_attrs.double() @ self.metal)[:, None]
        others = self.config.l_max * (self.config.l_max + 2)
        return replace(response, local=response.local + inputs.padded(pad(sea, (0, others))))

    def insulated(self, inputs: Inputs) -> Response:
        """What of K answers no uniform shift of the potential."""
        response: Response = self.insulating(inputs.nodes, inputs.batch)
        return response

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
