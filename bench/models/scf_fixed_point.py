"""A learned self-consistent map p = F(h, v_eff[p]), as Kohn–Sham's; not variational."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from bench.config.schema import ModelConfig, Update
from bench.density.coulomb import Maps
from bench.models.base import FEATURE_OPTIONS, Density, Inputs
from bench.models.facts import TrainingFacts
from bench.models.heads import MultipoleHead, ScalarHead
from bench.models.self_consistent import SelfConsistentPoint
from bench.models.updates import NeighbourAverage, NonlinearResponse, Seen, induced
from bench.scf.problem import Linear, LinearMap, LocalFixedPoint, Problem, Rows

# The response n·(∂F/∂μ) of an atom stays above this, or μ would be undetermined (e/V).
MIN_RESPONSE = 1e-3
RESPONSE_SCALE = 0.05  # e/V and e Å²/V, where responses start


class ScfFixedPoint(SelfConsistentPoint):
    """p_i = p_i⁰(h) − Σ_w k_iw u_iw (+ a saturating response), u the potential features.

    The gains k are positive: the response has the sign of a dielectric, so that self-consistency
    exists.  ``update=mlp`` adds a non-linear response of the atom to what it sees,
    ``update=many_body`` also to what its neighbours see.
    E = E_sr + E_nonlocal(u) + ½ pᵀAp + v_app·p at the solution (eqs 41, 42).
    """

    options: ClassVar[frozenset[str]] = (
        SelfConsistentPoint.options | FEATURE_OPTIONS | {"update", "nonlocal_energy"}
    )
    variational: ClassVar[bool] = False

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        super().__init__(config, facts, dtype=dtype)
        scalars, vectors = self.backbone.num_scalars, self.backbone.num_vectors
        self.widths, self.l_max = len(config.feature_widths), config.l_max
        self.local = MultipoleHead(
            scalars, vectors, mean_charges=self.mean_charges, l_max=self.l_max
        )
        outputs = self.widths * (self.l_max + 1)
        self.gains = ScalarHead(scalars, len(facts.elements), outputs=outputs)
        norms = torch.tensor(facts.feature_norms, dtype=torch.float64).reshape(-1, self.widths)
        self.nonlocal_energy = (
            NonlocalEnergy(scalars, norms.flatten()) if config.nonlocal_energy else None
        )
        self.neighbours: NeighbourAverage | None = None
        self.nonlinear: NonlinearResponse | None = None
        if config.update is Update.many_body:
            self.neighbours = NeighbourAverage(
                scalars, r_max=config.r_max, avg_num_neighbors=facts.avg_num_neighbors
            )
            norms = torch.cat([norms, norms], dim=1)
        if config.update is not Update.linear:
            self.nonlinear = NonlinearResponse(
                scalars, norms.flatten(), widths=norms.shape[1], l_max=self.l_max
            )

    def problem(self, inputs: Inputs) -> Problem:
        """p = F(h, B p + b + μ c)."""
        return self._linear(inputs) if self.nonlinear is None else self._nonlinear(inputs)

    def local_guess(self, inputs: Inputs) -> Tensor:
        """p⁰(h)."""
        return inputs.padded(self.local(inputs.nodes, inputs.batch.node_attrs))

    def _linear(self, inputs: Inputs) -> Linear:
        """(1 + Σ_w k_w V_w) p + μ Σ_w k_w n = p⁰ − Σ_w k_w v_app, V_w what width w sees."""
        maps = inputs.maps
        gains = self._gains_by_entry(inputs)  # [g, m] for each width
        total = torch.stack(gains).sum(0)

        def product(p: Tensor, rows: Rows) -> Tensor:
            views = maps.sample(p, rows)
            return p + sum(k[rows] * view for k, view in zip(gains, views))

        matrix: LinearMap = product
        if isinstance(maps, Maps):
            matrix = torch.eye(total.shape[1], dtype=total.dtype, device=total.device)
            for k, view in zip(gains, maps.sampled):
                matrix = torch.addcmul(matrix, k[:, :, None], view)
        return Linear(
            constraint=self.constraint(inputs),
            matrix=matrix,
            rhs=self.local_guess(inputs) - total * maps.applied,
            column=total * maps.charge,
            scale=torch.ones_like(maps.charge),
        )

    def _gains_by_entry(self, inputs: Inputs) -> list[Tensor]:
        """[g, m] for each width: the charge's gain on charges, the dipole's on dipoles."""
        gains = self._positive_gains(inputs)  # [g, n, l, w]
        repeats = torch.tensor([1, 3][: self.l_max + 1], device=gains.device)
        entries = gains.repeat_interleave(repeats, dim=2)  # [g, n, c, w]
        return list(entries.flatten(1, 2).unbind(2))

    def _nonlinear(self, inputs: Inputs) -> LocalFixedPoint:
        gains = self._positive_gains(inputs)
        local, scalars = self.local_guess(inputs), inputs.batch.dense(inputs.nodes.scalars)
        atoms, nonlinear = gains.shape[1], self.nonlinear
        assert nonlinear is not None

        def response(features: Tensor, rows: Rows) -> Tensor:
            seen = Seen.split(features.flatten(1), atoms=atoms, widths=nonlinear.widths)
            own = Seen(seen.potentials[:, :, : self.widths], seen.gradients[:, :, : self.widths])
            linear = local[rows] + induced(gains[rows], own)
            added: Tensor = nonlinear(scalars[rows], seen)
            return linear.reshape(added.shape) + added

        features, applied, charge = self._extended_features(inputs)
        return LocalFixedPoint(
            constraint=self.constraint(inputs),
            response_function=response,
            features=features,
            feature_applied=applied,
            feature_charge=charge,
            num_atoms=atoms,
        )

    def _extended_features(self, inputs: Inputs) -> tuple[LinearMap, Tensor, Tensor]:
        """B, b and c, with the neighbours' share where the update sees it."""
        maps, neighbours = inputs.maps, self.neighbours
        assert maps.feature_applied is not None and maps.feature_charge is not None
        features = maps.features if isinstance(maps, Maps) else maps.seen
        assert features is not None
        if neighbours is None:
            return features, maps.feature_applied, maps.feature_charge
        matrix = neighbours.matrix(inputs.batch, inputs.nodes.scalars)

        def extend(values: Tensor, rows: Rows = slice(None)) -> Tensor:
            return neighbours.extend(matrix[rows], values, widths=self.widths)

        def seen(p: Tensor, rows: Rows) -> Tensor:
            return extend(maps.seen(p, rows), rows)

        extended = extend(features) if isinstance(features, Tensor) else seen
        return extended, extend(maps.feature_applied), extend(maps.feature_charge)

    def _positive_gains(self, inputs: Inputs) -> Tensor:
        """[g, n, l, w] linear response of each atom to each feature, in e/V and e Å²/V."""
        raw: Tensor = self.gains(inputs.nodes, inputs.batch.node_attrs)
        gains = MIN_RESPONSE + RESPONSE_SCALE * softplus(raw)
        return inputs.batch.dense(gains.reshape(len(raw), self.l_max + 1, -1))

    def internal_energy(self, inputs: Inputs, density: Density) -> Tensor:
        """[g] E_nonlocal of the features at the solution."""
        if self.nonlocal_energy is None:
            return super().internal_energy(inputs, density)
        maps, mu = inputs.maps, density.fermi_level
        assert mu is not None and maps.feature_applied is not None
        assert maps.feature_charge is not None
        features = maps.seen(density.multipoles) + maps.feature_applied
        features = features + mu[:, None] * maps.feature_charge
        atoms = int(inputs.batch.num_atoms.max())
        seen = Seen.split(features, atoms=atoms, widths=self.widths)
        energies = self.nonlocal_energy(inputs.batch.dense(inputs.nodes.scalars), seen)
        return inputs.batch.per_structure(inputs.batch.flat(energies))


class NonlocalEnergy(nn.Module):
    """E_nonlocal = Σ_i MLP(u_i, h_i) of the invariants of the potential features.

    Args:
        num_scalars: invariant node features.
        norms: [(l, width)] RMS of the features, their unit inside the network.
    """

    norms: Tensor

    def __init__(self, num_scalars: int, norms: Tensor) -> None:
        super().__init__()
        self.register_buffer("norms", norms)
        self.network = nn.Sequential(
            nn.Linear(num_scalars + len(norms), 16, dtype=torch.float64),
            nn.SiLU(),
            nn.Linear(16, 1, bias=False, dtype=torch.float64),
        )

    def forward(self, scalars: Tensor, seen: Seen) -> Tensor:
        """[g, n] in eV from invariants [g, n, s] and what the atoms see."""
        inputs = torch.cat([scalars, seen.invariants(self.norms)], dim=2)
        energies: Tensor = self.network(inputs)[:, :, 0]
        return energies
