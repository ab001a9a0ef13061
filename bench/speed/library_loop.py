"""The loop that everybody else runs: linear mixing, unrolled through graph-longrange's features."""

from __future__ import annotations

import bench.e3nn_import  # noqa: F401  # isort: skip  before e3nn

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from graph_longrange.features import GTOElectrostaticFeatures
from graph_longrange.gto_utils import gto_basis_kspace_cutoff
from graph_longrange.kspace import compute_k_vectors_flat
from torch import Tensor

from bench.backbone.model import random_stream
from bench.config.schema import ModelConfig
from bench.data.batch import Batch
from bench.density.coulomb import ALL, Rows
from bench.density.operator import CoulombOperator
from bench.scf.problem import Linear, LocalFixedPoint

FERMI_TOLERANCE = 1e-3  # eV, last Newton step of μ, whose square is what it leaves
FERMI_STEPS = 20
DIFFERENCE = 1e-4  # eV, of central differences; torch's forward mode costs four times as much
Change = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def mixing_loop(
    problem: Linear | LocalFixedPoint, p: Tensor, *, steps: int, mixing: float
) -> Tensor:
    """p ← p + α (F(p, μ) − p), differentiated through; the potential is evaluated once per step.

    μ adds to the features, u = B p + b + μ c, so that the μ at which F(p, μ) carries the total
    charge follows from features that are known already.  Linear problems are differentiated
    exactly; where μ is iterated, first derivatives are, once the loop has converged.

    Args:
        problem: the equations; every structure's total charge is fixed.
        p: [g, m] first guess in e (e Å), whose graph is kept.
        steps: n.
        mixing: α.

    Returns:
        p [g, m] after the last step.
    """
    change = _linear_change(problem) if isinstance(problem, Linear) else _local_change(problem)
    p, mu = problem.constraint.project(p), problem.constraint.fermi_level
    for _ in range(steps):
        step, mu = change(p, mu)
        p = p + mixing * step
    return p


def _linear_change(problem: Linear) -> Change:
    """(p [g, m], μ [g]) → F(p, μ') − p and the μ' (eV) that conserves charge, in closed form."""
    limits = problem.constraint
    zero = torch.zeros_like(limits.total_charge)
    scale = torch.where(limits.mask, problem.scale, 1.0)
    by_mu = -problem.column / scale  # ∂F/∂μ

    def change(p: Tensor, mu: Tensor) -> tuple[Tensor, Tensor]:
        step = problem.residual(p, zero) / scale
        mu = limits.error(p + step, zero) / (limits.charge * by_mu).sum(1)
        return step + mu[:, None] * by_mu, mu

    return change


def _local_change(problem: LocalFixedPoint) -> Change:
    """The same where each atom answers what it sees, μ' (eV) by Newton on the atoms' answers."""
    limits = problem.constraint
    zero = torch.zeros_like(limits.total_charge)

    def answer(seen: Tensor, mu: Tensor) -> Tensor:
        shift = (mu[:, None] * problem.feature_charge).reshape(seen.shape)
        return problem.response_function(seen + shift, problem.rows).flatten(1) * limits.mask

    def change(p: Tensor, mu: Tensor) -> tuple[Tensor, Tensor]:
        seen = problem.seen(p, zero)
        for _ in range(FERMI_STEPS):
            by_mu = _slope(partial(answer, seen), mu)
            update = answer(seen, mu)
            move = limits.error(update, mu) / (limits.charge * by_mu).sum(1)
            mu = mu + move.detach()
            if float(move.detach().abs().max()) < FERMI_TOLERANCE:
                break
        return update + move[:, None] * by_mu - p, mu  # carries the charge, and μ's gradient

    return change


@torch.no_grad()
def _slope(function: Callable[[Tensor], Tensor], mu: Tensor) -> Tensor:
    """[g, m] ∂F/∂μ in e/eV (e Å/eV)."""
    return (function(mu + DIFFERENCE) - function(mu - DIFFERENCE)) / (2 * DIFFERENCE)


class LibraryMaps(CoulombOperator):
    """Our conventions, graph-longrange's potential features, evaluated anew for every density.

    Its potential of a neutral slab differs by a constant from ours, which the Fermi level absorbs.

    Args:
        batch: neutral slabs or bulk structures.
        config: widths and cutoff.
    """

    def __init__(self, batch: Batch, config: ModelConfig) -> None:
        super().__init__(
            batch.geometry(),
            smearing_width=config.smearing_width,
            l_max=config.l_max,
            feature_widths=config.feature_widths,
        )
        self.batch = batch
        cutoff = config.kspace_cutoff_factor * gto_basis_kspace_cutoff(
            [config.smearing_width, *config.feature_widths], config.l_max
        )
        widths = tuple(config.feature_widths)
        self.block = _block(config.smearing_width, widths, config.l_max, cutoff)
        self.cache = self.block.precompute_geometry(**self._geometry(cutoff))
        self.norms = torch.tensor(_receiver_norms(config), dtype=torch.float64)

    def seen(self, p: Tensor, rows: Rows = ALL) -> Tensor:
        """[g, n f] by the library, in V and V/Å; its order is that of ``Maps``."""
        sources = self.batch.flat(self._whole_batch(p, rows).reshape(*self.geometry.mask.shape, -1))
        values: Tensor = self.block.forward_dynamic(
            cache=self.cache, source_feats=sources[:, None], pbc=self.cache["pbc"]
        )
        return self.batch.dense(values / self.norms).flatten(1)[rows]

    def sample(self, p: Tensor, rows: Rows = ALL) -> list[Tensor]:
        """[g, m] for each width, from ``seen``."""
        count = len(self.feature_widths)
        seen = self.seen(p, rows).unflatten(1, (self.geometry.mask.shape[1], -1))  # [g, n, f]
        potentials, gradients = seen.tensor_split([count], dim=2)
        by_width = zip(potentials.split(1, dim=2), gradients.tensor_split(count, dim=2))
        return [torch.cat(parts, dim=2).flatten(1) for parts in by_width]

    @property
    def _pbc(self) -> Tensor:
        slab = self.batch.boundary == 1
        return torch.stack([torch.ones_like(slab), torch.ones_like(slab), ~slab], dim=1)

    def _geometry(self, cutoff: float) -> dict[str, Any]:
        cell = self.batch.cell
        reciprocal = 2 * math.pi * torch.linalg.inv(cell).mT
        k, square, k_batch, zero = compute_k_vectors_flat(cutoff, cell, reciprocal)
        return {
            "k_vectors": k,
            "k_norm2": square,
            "k_vector_batch": k_batch,
            "k0_mask": zero,
            "node_positions": self.batch.positions,
            "batch": self.batch.structure,
            "volume": torch.linalg.det(cell).abs(),
            "pbc": self._pbc,
        }


@cache  # a model builds its block once, not in every solve
def _block(
    smearing_width: float, feature_widths: tuple[float, ...], l_max: int, cutoff: float
) -> GTOElectrostaticFeatures:
    with random_stream(0, torch.float64):  # the library's constants take torch's default type
        return GTOElectrostaticFeatures(
            density_max_l=l_max,
            density_smearing_width=smearing_width,
            feature_max_l=l_max,
            feature_smearing_widths=list(feature_widths),
            include_self_interaction=True,
            kspace_cutoff=cutoff,
        )


def _receiver_norms(config: ModelConfig) -> list[float]:
    """What the library multiplies potentials and gradients by, in the order of its output."""
    widths = config.feature_widths
    gradient = math.sqrt(4 * math.pi / 3) * 0.75 * math.sqrt(2 * math.pi)
    vectors = [gradient * width for width in widths for _ in range(3 * config.l_max)]
    return [math.sqrt(4 * math.pi)] * len(widths) + vectors
