"""Levels that one Fermi level fills: the derivative discontinuity that no quadratic model has.

Every atom holds a few states that electrons leave (donors) or enter (acceptors) as the potential
at the atom passes their level: the atomic limit of a tight-binding model in the potential of its
own density.  Metals have levels at the Fermi level, insulators have none near it, a defect has one
in the gap, and the energy turns piecewise linear in the total charge as the widths fall.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

from bench.config.schema import ModelConfig
from bench.density.coulomb import Maps
from bench.labels.elements import METALS
from bench.models.base import Density, Inputs
from bench.models.bonds import BondMultipoles
from bench.models.facts import TrainingFacts
from bench.models.heads import ScalarHead
from bench.models.near import NearResponse
from bench.models.response import InsulatingResponse, Response
from bench.models.self_consistent import SelfConsistentPoint
from bench.scf.problem import PotentialResponse, Rows

SIGNS = (-1.0, 1.0, -1.0, 1.0)  # donors and acceptors
METAL_LEVELS = (-0.5, 0.5, -1.5, 1.5)  # V, where training starts: states at the Fermi level
GAP_LEVELS = (-7.0, 7.0, -9.0, 9.0)  # V, the same of other elements: none near it
NUMBER = 1.0  # electrons that an atom has in a state at most
MIN_WIDTH, MAX_WIDTH = 0.05, 0.6  # V, so narrow that a gap is one
EDGE, EDGE_WIDTH, CONTINUUM = 12.0, 0.1, 0.05  # V, V, e/V: see ``States``


class ScfLevels(SelfConsistentPoint):
    """p = p⁰ − K V − ∂ψ/∂V with V = A p + v_app + μ n, ψ convex: states that V fills.

    p⁰ has the formal charges, what the edges carry, local dipoles, and what near neighbours make
    of them (``NearResponse``); K is the response of ``scf_response`` without its metallic rows.
    Neither changes the charge of a molecule, so that molecules in a gap keep whole charges; all
    other charge sits in states.  E = E_sr + (p⁰ − p)·V − ½ V·K V − ψ(V) + ½ pᵀAp + v_app·p is
    stationary in p and V at Σq = Q: forces at fixed p, V and μ are exact.

    Raises:
        BenchError: an element without a formal charge.
    """

    signs: Tensor  # [k]

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        super().__init__(config, facts, dtype=dtype)
        scalars, vectors = self.backbone.num_scalars, self.backbone.num_vectors
        elements, count = len(facts.elements), len(SIGNS)
        self.register_buffer("signs", torch.tensor(SIGNS, dtype=torch.float64))
        start = [METAL_LEVELS if z in METALS else GAP_LEVELS for z in facts.elements]
        levels = torch.tensor(start, dtype=torch.float64)
        self.bonds = BondMultipoles(
            config, facts.elements, scalars, vectors, mean_charges=self.mean_charges
        )
        self.insulating = InsulatingResponse(config, elements, scalars)
        self.near = NearResponse(config, elements, scalars)
        self.level = ScalarHead(scalars, elements, outputs=count, offset=levels)
        self.number = ScalarHead(scalars, elements, outputs=count, offset=1.0)
        self.width = ScalarHead(scalars, elements, outputs=count)

    def problem(self, inputs: Inputs) -> PotentialResponse:
        """p = p⁰ − K V − ∂ψ/∂V."""
        maps, states = inputs.maps, inputs.once(self.states)
        return PotentialResponse(
            constraint=self.constraint(inputs),
            permanent=inputs.once(self.permanent),
            linear=inputs.once(self.response),
            filling=states.filling,
            coulomb=maps.coulomb if isinstance(maps, Maps) else maps.potential,
            applied=maps.applied,
        )

    def local_guess(self, inputs: Inputs) -> Tensor:
        """p⁰: formal charges and what the edges carry, local dipoles."""
        return inputs.padded(self.bonds(inputs.nodes, inputs.batch))

    def permanent(self, inputs: Inputs) -> Tensor:
        """p⁰ with what its near neighbours make of it; see ``NearResponse``."""
        guess, response = inputs.once(self.local_guess), inputs.once(self.response)
        permanent: Tensor = self.near(guess, response, inputs)
        return permanent

    def internal_energy(self, inputs: Inputs, density: Density) -> Tensor:
        """[g] (p⁰ − p)·V − ½ V·K V − ψ(V) in eV, stationary with ½ pᵀAp + v_app·p at Σq = Q."""
        assert density.fermi_level is not None
        p, maps = density.multipoles, inputs.maps
        potential = maps.potential(p) + maps.applied + density.fermi_level[:, None] * maps.charge
        left = inputs.once(self.permanent) - p - 0.5 * inputs.once(self.response)(potential)
        return (left * potential).sum(1) - inputs.once(self.states).energy(potential)

    def response(self, inputs: Inputs) -> Response:
        """K of the batch."""
        response: Response = self.insulating(inputs.nodes, inputs.batch)
        return response

    def states(self, inputs: Inputs) -> States:
        """The states of every atom, padded."""
        nodes, batch = inputs.nodes, inputs.batch
        number = NUMBER * self.number(nodes, batch.node_attrs).sigmoid()
        width = MIN_WIDTH + (MAX_WIDTH - MIN_WIDTH) * self.width(nodes, batch.node_attrs).sigmoid()
        return States(
            sign=self.signs,
            level=batch.dense(self.level(nodes, batch.node_attrs)),
            number=batch.dense(number),
            inverse_width=batch.dense(1 / width),
            continuum=CONTINUUM * batch.dense(torch.ones_like(nodes.energy)),
            components=(self.config.l_max + 1) ** 2,
        )


@dataclass(frozen=True)
class States:
    """ψ(V) = Σ g w ln(1 + exp(± (V − ε) / w)) of every atom's states, and its continua.

    An acceptor (+) is neutral while empty, a donor (−) while filled.  Beyond ± ``EDGE`` every atom
    has states without end, of constant density: whatever the total charge, the Fermi level is
    bounded.  Of their smooth edge 2e-6 e/V are left at V = 0, which fixes the Fermi level in a
    gap; an atom that answers the potential itself more than that would be a metal's.

    Attributes:
        sign: [k] 1 for acceptors, −1 for donors.
        level: [g, n, k] ε in V.
        number: [g, n, k] g ≥ 0 in electrons, zero where padded.
        inverse_width: [g, n, k] 1/w in 1/V, zero where padded.
        continuum: [g, n] states beyond the edges in e/V, zero where padded.
        components: multipoles per atom.
    """

    sign: Tensor
    level: Tensor
    number: Tensor
    inverse_width: Tensor
    continuum: Tensor
    components: int

    def energy(self, potential: Tensor) -> Tensor:
        """[g] ψ in eV of potentials [g, m]."""
        value = self._at_charges(potential)
        scaled = self._scaled(value, slice(None))
        width = torch.where(self.inverse_width > 0, 1 / self.inverse_width.clamp(min=1e-9), 0.0)
        states = (self.number * width * softplus(scaled)).sum((1, 2))
        low, high = (_root_integral(value + shift) for shift in (-EDGE, EDGE))
        beyond = value.square() / 2 + (low - high) / 2 + _root_integral(value.new_tensor(EDGE))
        return states + (self.continuum * beyond).sum(1)

    def filling(self, potential: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
        """−∂ψ/∂V in e and ∂²ψ/∂V² in e/V, a diagonal: both [g, m], no dipoles.

        Args:
            potential: [g, m] in V.
            rows: which structures of the batch these are.
        """
        value, number = self._at_charges(potential), self.number[rows]
        filled = torch.sigmoid(self._scaled(value, rows))
        low, high = value - EDGE, value + EDGE
        low_root, high_root = _root(low), _root(high)
        continuum = self.continuum[rows]
        charges = (self.sign * number * filled).sum(2)
        charges = charges + continuum * (value + (low_root - high_root) / 2)
        slopes = (number * self.inverse_width[rows] * filled * (1 - filled)).sum(2)
        slopes = slopes + continuum * (1 + (low / low_root - high / high_root) / 2)
        return self._on_charges(-charges), self._on_charges(slopes)

    def _scaled(self, value: Tensor, rows: Rows) -> Tensor:
        distance = value[..., None] - self.level[rows]
        return self.sign * distance * self.inverse_width[rows]

    def _at_charges(self, potential: Tensor) -> Tensor:
        return potential.reshape(len(potential), -1, self.components)[:, :, 0]

    def _on_charges(self, values: Tensor) -> Tensor:
        padded: Tensor = pad(values[..., None], (0, self.components - 1))
        return padded.flatten(1)


def _root(value: Tensor) -> Tensor:
    """√(x² + w²) with the edge's width."""
    return (value.square() + EDGE_WIDTH**2).sqrt()


def _root_integral(value: Tensor) -> Tensor:
    """The integral of ``_root`` from zero."""
    return (value * _root(value) + EDGE_WIDTH**2 * torch.asinh(value / EDGE_WIDTH)) / 2
