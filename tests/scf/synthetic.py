"""Synthetic electrostatics for the solver tests: a PSD Coulomb map, asinh and MLP responses.

Structures of several sizes, padded; positions and parameters are leaves, so that forces and their
parameter gradients can be compared with finite differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from bench.scf.problem import Constraint, LocalFixedPoint, Problem, Rows, Variational

F64 = torch.float64
COMPONENTS, WIDTHS = 4, 2
FEATURES = COMPONENTS * WIDTHS


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True, kw_only=True)
class FixedPoint(Problem):
    """p = F(p, μ) for any differentiable F: (p [g, m], μ [g], rows) → [g, m]."""

    function: Callable[[Tensor, Tensor, Rows], Tensor]

    def residual(self, p: Tensor, mu: Tensor) -> Tensor:
        """F(p, μ) − p in e (e Å)."""
        change = self.function(p, mu, self.rows) - p
        return torch.where(self.constraint.mask, change, torch.zeros_like(change))


@dataclass
class World:
    """g structures of n atoms with positions [g, n, 3] and parameters theta [6]."""

    positions: Tensor
    theta: Tensor
    mask: Tensor  # [g, n]
    metallic: Tensor  # [g] bool
    total_charge: Tensor  # [g]
    gain: float
    fermi_level: Tensor  # [g]

    def alone(self, i: int) -> World:
        """Structure i without padding."""
        n = int(self.mask[i].sum())
        one = slice(i, i + 1)
        return World(
            self.positions[one, :n],
            self.theta,
            self.mask[one, :n],
            self.metallic[one],
            self.total_charge[one],
            self.gain,
            self.fermi_level[one],
        )

    def phases(self) -> Tensor:
        """[g, 2 k, m] Fourier phases of charges and dipoles."""
        k = random(40, 3, seed=11)
        angle = self.positions @ k.T  # [g, n, k]
        sin, cos = angle.sin()[..., None], angle.cos()[..., None]
        real = torch.cat([cos, -k * sin], -1)  # [g, n, k, 4]
        imaginary = torch.cat([-sin, -k * cos], -1)
        phases = torch.cat([real, imaginary], 2) * self.mask[:, :, None, None]
        return phases.transpose(1, 2).flatten(2)

    def coulomb(self) -> Tensor:
        """A [g, m, m] in eV/e²."""
        phases = self.phases()
        return 0.2 * phases.mT @ phases

    def applied(self) -> Tensor:
        """v [g, m]: a field along z."""
        z = self.positions[..., 2]
        one = torch.ones_like(z)
        rows = torch.stack([-0.3 * z, 0 * one, -0.3 * one, 0 * one], 2) * self.mask[..., None]
        return rows.flatten(1)

    def spread(self, x: Tensor) -> Tensor:
        """[g, m, ...] of the density basis to [g, n f, ...] of both feature widths."""
        atoms = x.unflatten(1, (-1, COMPONENTS))
        return torch.cat([atoms, 0.6 * atoms], 2).flatten(1, 2)

    def charges(self) -> Tensor:
        """n [g, m]."""
        one = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=F64)
        return (self.mask[..., None] * one).flatten(1)

    def local_density(self) -> Tensor:
        """p0 [g, n, 4] of the geometry; neutral where the structure is not metallic."""
        r = self.positions
        charge = 0.4 * torch.sin(r @ torch.tensor([1.0, 2.0, -1.0], dtype=F64)) * self.mask
        mean = (charge.sum(1) - self.total_charge * ~self.metallic) / self.mask.sum(1)
        charge = (charge - mean[:, None]) * self.mask
        return torch.cat([charge[..., None], 0.2 * r.cos()], 2) * self.mask[..., None]

    def constraint(self) -> Constraint:
        return Constraint(
            charge=self.charges(),
            total_charge=self.total_charge,
            bordered=self.metallic,
            mask=self.mask.repeat_interleave(COMPONENTS, 1),
            fermi_level=self.fermi_level,
        )

    def respond(self, u: Tensor, rows: Rows) -> Tensor:
        """[g, n, 4] from features [g, n, 8]: asinh charges (metals), saturating dipoles."""
        hidden = self.local_density()[rows]
        charge_gain, dipole_gain, mix, bend, shift, sharp = self.gain * softplus(self.theta)
        u = u.unflatten(2, (WIDTHS, COMPONENTS))
        potential = u[:, :, 0, 0] + torch.tanh(self.theta[2]) * u[:, :, 1, 0]
        field = u[:, :, 0, 1:] + mix * u[:, :, 1, 1:] / self.gain
        charge = -charge_gain * torch.asinh(potential + 0.1 * shift * hidden[..., 0] ** 2)
        size = (1 + bend / self.gain * field.square().sum(-1, keepdim=True)).rsqrt()
        dipole = -dipole_gain * field * size * (1 + 0.1 * torch.tanh(sharp * potential))[..., None]
        charge = charge * self.metallic[rows, None]
        return hidden + torch.cat([charge[..., None], dipole], 2)

    def fixed_point(self) -> LocalFixedPoint:
        charges = self.charges()
        return LocalFixedPoint(
            constraint=self.constraint(),
            response_function=self.respond,
            features=self.spread(self.coulomb()),
            feature_applied=self.spread(self.applied()),
            feature_charge=self.spread(charges),
            num_atoms=self.mask.shape[1],
        )

    def functional(self, p: Tensor, rows: Rows) -> Tensor:
        """G [g]: convex, anharmonic, with parameters and geometry."""
        p = p.unflatten(1, (-1, COMPONENTS))
        hard = 3 + softplus(self.theta)
        local = self.local_density()[rows]
        charge, dipole = p[..., 0], p[..., 1:].square().sum(-1)
        energy = hard[0] * local[..., 0] * charge + 0.5 * hard[1] * charge**2
        energy = energy + 0.3 * softplus(self.theta[3]) * charge**4
        energy = energy + 0.5 * hard[2] * dipole + 0.2 * dipole * charge**2 + (0.1 * dipole) ** 2
        return (energy * self.mask[rows]).sum(1)

    def variational(self) -> Variational:
        return Variational(
            constraint=self.constraint(),
            functional=self.functional,
            coulomb=self.coulomb(),
            applied=self.applied(),
            num_atoms=self.mask.shape[1],
        )


def world(
    sizes: tuple[int, ...] = (5, 3, 6),
    *,
    metallic: tuple[bool, ...] = (True, False, True),
    gain: float = 0.2,
    seed: int = 0,
) -> World:
    n = max(sizes)
    mask = torch.arange(n) < torch.tensor(sizes)[:, None]
    return World(
        positions=1.5 * random(len(sizes), n, 3, seed=seed) * mask[..., None],
        theta=0.5 * random(6, seed=seed + 1),
        mask=mask,
        metallic=torch.tensor(metallic),
        total_charge=torch.tensor([0.7, -0.4, 0.0, 1.0])[: len(sizes)].to(F64),
        gain=gain,
        fermi_level=torch.zeros(len(sizes), dtype=F64),
    )
