"""The loop that everybody else runs: linear mixing, unrolled through graph-longrange's features."""

from __future__ import annotations

import bench.libraries  # noqa: F401  # isort: skip  before e3nn

import math
from typing import Any

import torch
from graph_longrange.features import GTOElectrostaticFeatures
from graph_longrange.gto_utils import gto_basis_kspace_cutoff
from graph_longrange.kspace import compute_k_vectors_flat
from torch import Tensor

from bench.config import ModelConfig
from bench.data.batch import Batch
from bench.density.coulomb import ALL, Rows
from bench.density.operator import CoulombOperator
from bench.models.backbone import random_stream


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
        self.block = _block(config, cutoff)
        self.cache = self.block.precompute_geometry(**self._geometry(cutoff))
        self.norms = torch.tensor(_receiver_norms(config), dtype=torch.float64)

    def sample(self, p: Tensor, rows: Rows = ALL) -> list[Tensor]:
        """[g, m] for each width by the library, in V and V/Å."""
        sources = self.batch.flat(self._whole_batch(p, rows).reshape(*self.geometry.mask.shape, -1))
        values: Tensor = self.block.forward_dynamic(
            cache=self.cache, source_feats=sources[:, None], pbc=self._pbc
        )
        count = len(self.feature_widths)
        potentials, gradients = (values / self.norms).tensor_split([count], dim=1)
        by_width = zip(potentials.split(1, dim=1), gradients.tensor_split(count, dim=1))
        views = [torch.cat(parts, dim=1) for parts in by_width]  # [n, (l_max + 1)²] each
        return [self.batch.dense(view).flatten(1)[rows] for view in views]

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


def _block(config: ModelConfig, cutoff: float) -> GTOElectrostaticFeatures:
    with random_stream(0, torch.float64):  # the library's constants take torch's default type
        return GTOElectrostaticFeatures(
            density_max_l=config.l_max,
            density_smearing_width=config.smearing_width,
            feature_max_l=config.l_max,
            feature_smearing_widths=list(config.feature_widths),
            include_self_interaction=True,
            kspace_cutoff=cutoff,
        )


def _receiver_norms(config: ModelConfig) -> list[float]:
    """What the library multiplies potentials and gradients by, in the order of its output."""
    widths = config.feature_widths
    gradient = math.sqrt(4 * math.pi / 3) * 0.75 * math.sqrt(2 * math.pi)
    vectors = [gradient * width for width in widths for _ in range(3 * config.l_max)]
    return [math.sqrt(4 * math.pi)] * len(widths) + vectors
