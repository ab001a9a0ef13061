"""The one short-range backbone: mace-torch's blocks, the same in every point."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from e3nn import o3
from mace.modules.blocks import (
    RealAgnosticInteractionBlock,
    RealAgnosticResidualInteractionBlock,
)
from mace.modules.models import ScaleShiftMACE
from torch import Tensor, nn

from bench.config.schema import ModelConfig
from bench.data.batch import Batch
from bench.labels.keys import E3NN_FROM_CARTESIAN


@dataclass(frozen=True)
class NodeFeatures:
    """What the backbone says of every atom; float64.

    Attributes:
        energy: [n] short-range energy ε_i in eV, without the baseline.
        scalars: [n, s] invariant features of all layers.
        vectors: [n, v, 3] equivariant features of all layers in the multipoles' order (y, z, x).
    """

    energy: Tensor
    scalars: Tensor
    vectors: Tensor

    def detached(self) -> NodeFeatures:
        """The same numbers without their autograd graph."""
        return NodeFeatures(self.energy.detach(), self.scalars.detach(), self.vectors.detach())


@contextmanager
def random_stream(seed: int, dtype: torch.dtype) -> Iterator[None]:
    """Initial weights drawn inside depend on ``seed`` alone, and leave no trace outside.

    What e3nn makes TorchScript say of its own modules is no news to anybody and not shown.
    """
    before = torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The TorchScript type system")
        torch.manual_seed(seed)
        torch.set_default_dtype(dtype)
        try:
            yield
        finally:
            torch.set_default_dtype(before)


def mace_arguments(
    config: ModelConfig, elements: tuple[int, ...], *, avg_num_neighbors: float, scale: float
) -> dict[str, Any]:
    """What any of mace-torch's models takes to have this backbone, without atomic energies.

    Args:
        config: the backbone's hyperparameters.
        elements: atomic numbers, ascending.
        avg_num_neighbors: edges per atom in the training set.
        scale: of the site energies in eV: RMS of the training forces.
    """
    hidden = "+".join(
        f"{config.num_channels}x{degree}{'eo'[degree % 2]}"
        for degree in range(config.hidden_l_max + 1)
    )
    return {
        "r_max": config.r_max,
        "num_bessel": config.num_bessel,
        "num_polynomial_cutoff": config.num_polynomial_cutoff,
        "max_ell": config.angular_l_max,
        "interaction_cls": RealAgnosticResidualInteractionBlock,
        "interaction_cls_first": RealAgnosticInteractionBlock,
        "num_interactions": config.num_interactions,
        "num_elements": len(elements),
        "hidden_irreps": o3.Irreps(hidden),
        "MLP_irreps": o3.Irreps(f"{config.mlp_channels}x0e"),
        "atomic_energies": np.zeros(len(elements)),
        "avg_num_neighbors": avg_num_neighbors,
        "atomic_numbers": list(elements),
        "correlation": config.correlation,
        "gate": torch.nn.functional.silu,
        "radial_MLP": list(config.radial_mlp),
        "atomic_inter_scale": scale,
        "atomic_inter_shift": 0.0,
    }


def build_mace(
    config: ModelConfig, elements: tuple[int, ...], *, avg_num_neighbors: float, scale: float
) -> ScaleShiftMACE:
    """mace-torch's own model; default type and seed are the caller's, arguments as above."""
    arguments = mace_arguments(config, elements, avg_num_neighbors=avg_num_neighbors, scale=scale)
    return ScaleShiftMACE(**arguments)


class Backbone(nn.Module):
    """Runs mace's blocks on a batch whose coordinates and cells are float64.

    mace's own forward is not used because it evaluates edge vectors in its own type and keeps the
    features as one concatenated row; the blocks and their order are the same (tested).
    """

    def __init__(
        self,
        config: ModelConfig,
        elements: tuple[int, ...],
        *,
        avg_num_neighbors: float,
        scale: float,
    ) -> None:
        super().__init__()
        self.mace = build_mace(config, elements, avg_num_neighbors=avg_num_neighbors, scale=scale)
        del self.mace.atomic_energies_fn  # the baseline holds them, in float64
        layers = [o3.Irreps(str(product.linear.irreps_out)) for product in self.mace.products]
        self.layers = [(irreps.count("0e"), irreps.count("1o")) for irreps in layers]
        self.num_scalars = sum(scalars for scalars, _ in self.layers)
        self.num_vectors = sum(vectors for _, vectors in self.layers)

    def forward(self, batch: Batch) -> NodeFeatures:
        """Site energies and features of every atom."""
        vectors = batch.edge_vectors().to(batch.node_attrs.dtype)
        layers = self._layer_features(batch, vectors)
        head = torch.zeros_like(batch.structure)  # mace's readouts expect the index of a head
        energies = [
            readout(features, head)[:, 0] for readout, features in zip(self.mace.readouts, layers)
        ]
        energy = self.mace.scale_shift(torch.stack(energies).sum(0), head)
        parts = [_split(features, *self.layers[i]) for i, features in enumerate(layers)]
        return NodeFeatures(
            energy=energy.double(),
            scalars=torch.cat([scalars for scalars, _ in parts], dim=1).double(),
            vectors=torch.cat([vectors for _, vectors in parts], dim=1).double(),
        )

    def _layer_features(self, batch: Batch, vectors: Tensor) -> list[Tensor]:
        """Node features after each interaction, [n, irreps of the layer]."""
        mace, attrs = self.mace, batch.node_attrs
        lengths = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
        edge_attrs = mace.spherical_harmonics(vectors)
        edge_feats, cutoff = mace.radial_embedding(
            lengths, attrs, batch.edge_index, mace.atomic_numbers
        )
        features = mace.node_embedding(attrs)
        layers = []
        for layer, (interaction, product) in enumerate(zip(mace.interactions, mace.products)):
            features, skip = interaction(
                node_attrs=attrs,
                node_feats=features,
                edge_attrs=edge_attrs,
                edge_feats=edge_feats,
                edge_index=batch.edge_index,
                cutoff=cutoff,
                first_layer=layer == 0,
            )
            features = product(node_feats=features, sc=skip, node_attrs=attrs)
            layers.append(features)
        return layers


def _split(features: Tensor, num_scalars: int, num_vectors: int) -> tuple[Tensor, Tensor]:
    """[n, irreps] to scalars [n, s] and vectors [n, v, 3] in the order (y, z, x).

    e3nn 0.4.4 keeps l = 1 as (x, y, z), the multipoles as (y, z, x).
    """
    scalars = features[:, :num_scalars]
    end = num_scalars + 3 * num_vectors
    vectors = features[:, num_scalars:end].reshape(len(features), num_vectors, 3)
    return scalars, vectors[..., E3NN_FROM_CARTESIAN]
