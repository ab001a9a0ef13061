"""A learned self-consistent map p = F(h, v_eff[p]), as Kohn–Sham's; not variational."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from bench.config import Mode, ModelConfig
from bench.models.base import Density, Inputs, Point
from bench.models.facts import TrainingFacts
from bench.models.heads import MultipoleHead, ScalarHead
from bench.models.linear import LinearDensity, solve_density, update_once

# The response n·(∂F/∂μ) of an atom stays above this, or μ would be undetermined (e/V).
MIN_RESPONSE = 1e-3
RESPONSE_SCALE = 0.05  # e/V and e Å²/V, where responses start


class ScfFixedPoint(Point):
    """p_i = p_i⁰(h) − Σ_w k_iw u_iw, u the potential (and gradient) seen by Gaussians of width w.

    The gains k are positive: the response has the sign of a dielectric, so that self-consistency
    exists.  E = E_sr + E_nonlocal(u) + ½ pᵀAp + v_app·p at the solution (eqs 41, 42).
    """

    predicts: ClassVar[frozenset[str]] = frozenset({"multipoles", "dipole", "fermi_level"})
    options: ClassVar[frozenset[str]] = frozenset({"nonlocal_energy"})
    modes: ClassVar[tuple[Mode, ...]] = (Mode.direct, Mode.implicit, Mode.staged)
    recommended: ClassVar[Mode] = Mode.staged
    variational: ClassVar[bool] = False

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        super().__init__(config, facts, dtype=dtype)
        scalars, vectors = self.backbone.num_scalars, self.backbone.num_vectors
        widths, self.l_max = len(config.feature_widths), config.l_max
        self.local = MultipoleHead(
            scalars, vectors, mean_charges=self.mean_charges, l_max=self.l_max
        )
        self.gains = ScalarHead(scalars, len(facts.elements), outputs=widths * (self.l_max + 1))
        norms = torch.tensor(facts.feature_norms, dtype=torch.float64)
        self.nonlocal_energy = (
            NonlocalEnergy(scalars, widths, norms) if config.nonlocal_energy else None
        )

    @property
    def uses_features(self) -> bool:
        """The density responds to the potential."""
        return True

    def density(self, inputs: Inputs, mode: Mode) -> Density:
        """The self-consistent density, or one update of the reference in direct mode."""
        problem = self.problem(inputs)
        if mode is Mode.direct:
            return update_once(problem, inputs, inputs.reference_density(self.l_max))
        return solve_density(problem, inputs, report_response=not self.training)

    def problem(self, inputs: Inputs) -> LinearDensity:
        """(1 − R B) p = p⁰ + R b + μ R c, with R = −k local."""
        maps, batch = inputs.maps, inputs.batch
        assert maps.features is not None
        assert maps.feature_applied is not None and maps.feature_charge is not None
        gains = batch.dense(self.positive_gains(inputs))  # [g, n, l, w]
        loop = induced(gains, maps.features)
        column = induced(gains, maps.feature_charge)
        return LinearDensity(
            matrix=torch.eye(loop.shape[1], dtype=loop.dtype, device=loop.device) - loop,
            constant=inputs.padded(self.local(inputs.nodes, batch.node_attrs))
            + induced(gains, maps.feature_applied),
            fermi_column=column,
            response=loop,
            response_column=column,
        )

    def positive_gains(self, inputs: Inputs) -> Tensor:
        """[n, l, w] response of each atom to each feature, in e/V and e Å²/V."""
        raw: Tensor = self.gains(inputs.nodes, inputs.batch.node_attrs)
        gains = MIN_RESPONSE + RESPONSE_SCALE * softplus(raw)
        return gains.reshape(len(raw), self.l_max + 1, -1)

    def internal_energy(self, inputs: Inputs, density: Density) -> Tensor:
        """[g] E_nonlocal of the features at the solution."""
        if self.nonlocal_energy is None:
            return super().internal_energy(inputs, density)
        maps, mu = inputs.maps, density.fermi_level
        assert maps.features is not None and mu is not None
        assert maps.feature_applied is not None and maps.feature_charge is not None
        features = torch.einsum("gfm,gm->gf", maps.features, density.multipoles)
        features = features + maps.feature_applied + mu[:, None] * maps.feature_charge
        energies = self.nonlocal_energy(inputs.nodes.scalars, inputs.per_atom(features))
        return inputs.batch.per_structure(energies)


def induced(gains: Tensor, features: Tensor) -> Tensor:
    """Multipoles that potential features induce: charges follow −v, dipoles −∇v.

    Args:
        gains: [g, n, l, w], positive.
        features: [g, n f, ...], in the order of the maps.

    Returns:
        [g, n c, ...] in the order of the multipoles.
    """
    potentials, gradients = split_features(features, *gains.shape[1:])
    charge = -torch.einsum("gnw,gnw...->gn...", gains[:, :, 0], potentials)[:, :, None]
    if gains.shape[2] == 1:
        return charge.flatten(1, 2)
    dipole = -torch.einsum("gnw,gnwx...->gnx...", gains[:, :, 1], gradients)
    return torch.cat([charge, dipole], dim=2).flatten(1, 2)


def split_features(
    features: Tensor, atoms: int, l_count: int, widths: int
) -> tuple[Tensor, Tensor]:
    """[g, n f, ...] to potentials [g, n, w, ...] and gradients [g, n, w, 3, ...] (y, z, x)."""
    rest = features.shape[2:]
    per_atom = features.reshape(len(features), atoms, -1, *rest)
    gradients = per_atom[:, :, widths:].reshape(
        len(features), atoms, (l_count - 1) * widths, 3, *rest
    )
    return per_atom[:, :, :widths], gradients


class NonlocalEnergy(nn.Module):
    """E_nonlocal = Σ_i MLP(u_i, h_i) of the invariants of the potential features.

    Args:
        num_scalars: invariant node features.
        num_widths: feature widths.
        norms: [(l, width)] RMS of the features, their unit inside the network.
    """

    units: Tensor  # [(l, width)]

    def __init__(self, num_scalars: int, num_widths: int, norms: Tensor) -> None:
        super().__init__()
        self.num_widths = num_widths
        units = torch.cat([norms[:num_widths], norms[num_widths:].square()])
        self.register_buffer("units", units)
        inputs, width = num_scalars + len(norms), 16
        self.network = nn.Sequential(
            nn.Linear(inputs, width, dtype=torch.float64),
            nn.SiLU(),
            nn.Linear(width, 1, bias=False, dtype=torch.float64),
        )

    def forward(self, scalars: Tensor, features: Tensor) -> Tensor:
        """[n] in eV from invariants [n, s] and potential features [n, f]."""
        potentials = features[:, : self.num_widths]
        squares = features[:, self.num_widths :].reshape(len(features), -1, 3).square().sum(-1)
        invariants = torch.cat([potentials, squares], dim=1) / self.units
        energy: Tensor = self.network(torch.cat([scalars, invariants], dim=1))[:, 0]
        return energy
