"""The backbone from a batch to site energies and features of every atom."""

from __future__ import annotations

import warnings

import bench.e3nn_import  # noqa: F401  # isort: skip  before e3nn

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from e3nn import o3
from torch import Tensor, nn
from torch.nn.functional import pad, silu

from bench.backbone.coupling import component_degrees
from bench.backbone.layers import (
    FirstInteraction,
    Interaction,
    Linear,
    Product,
    Sizes,
    Surroundings,
)
from bench.backbone.neighbour_sum import blocks
from bench.backbone.radial import SILU_SCALE, Weight, radial_basis
from bench.config.schema import ModelConfig
from bench.data.adjacency import Places
from bench.data.batch import Batch
from bench.labels.keys import SPHERICAL_FROM_CARTESIAN


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


class Backbone(nn.Module):
    """mace-torch's ScaleShiftMACE without its atomic energies: parameters, their names, function.

    A state dict of one loads into the other; mace's has constants beside the parameters.

    Args:
        config: hyperparameters.
        elements: atomic numbers, ascending.
        avg_num_neighbors: edges per atom in the training set.
        scale: of the site energies in eV: RMS of the training forces.
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
        self.config = config
        sizes = Sizes(
            elements=len(elements),
            channels=config.num_channels,
            edge_max=config.angular_l_max,
            correlation=config.correlation,
            avg_num_neighbors=avg_num_neighbors,
            radial=(config.num_bessel, *config.radial_mlp),
        )
        depth, hidden = config.num_interactions, config.hidden_l_max
        out = [hidden if layer < depth - 1 else 0 for layer in range(depth)]
        self.node_embedding = Embedding(len(elements), sizes.channels)
        self.interactions = nn.ModuleList([FirstInteraction(sizes)])
        self.interactions.extend(
            Interaction(sizes, sender_max=hidden, out_max=degree) for degree in out[1:]
        )
        self.products = nn.ModuleList(Product(sizes, out_max=degree) for degree in out)
        readouts: list[nn.Module] = [LinearReadout(sizes.channels) for _ in out]
        if depth > 1:
            readouts[-1] = NonLinearReadout(sizes.channels, config.mlp_channels)
        self.readouts = nn.ModuleList(readouts)
        self.scale_shift = ScaleShift(scale)
        self.num_scalars = depth * sizes.channels
        self.num_vectors = sum(degree > 0 for degree in out) * sizes.channels

    def forward(self, batch: Batch, outside: Tensor | None = None) -> NodeFeatures:
        """Site energies and features of every atom.

        Args:
            batch: the structures.
            outside: [n, 4, c] scalars and Cartesian vectors of what acts on an atom beside its
                neighbours, added to their messages in every layer.
        """
        rank = batch.neighbours.rank
        layers = self.layer_features(batch, outside)
        energies = [readout(features[0]) for readout, features in zip(self.readouts, layers)]  # [n]
        energy = self.scale_shift(torch.stack(energies).sum(0))
        scalars = torch.cat([features[0] for features in layers], dim=1)
        directed = [f[1:4].permute(1, 2, 0) for f in layers if len(f) > 1]  # [n, c, 3]
        vectors = torch.cat([scalars.new_zeros(len(scalars), 0, 3), *directed], dim=1)
        return NodeFeatures(
            energy=energy[rank].double(),
            scalars=scalars[rank].double(),
            vectors=vectors[rank][..., SPHERICAL_FROM_CARTESIAN].double(),
        )

    def layer_features(self, batch: Batch, outside: Tensor | None = None) -> list[Tensor]:
        """[(l_max + 1)², n, c] features after each layer; atoms are sorted by element."""
        around, counts = self._surroundings(batch), batch.neighbours.counts
        components = (self.config.angular_l_max + 1) ** 2
        acting: Tensor | float = 0.0
        if outside is not None:
            sorted_ = outside[batch.neighbours.order].transpose(0, 1)[:components]
            acting = pad(sorted_, (0, 0, 0, 0, 0, components - len(sorted_)))
        message = self.interactions[0](self.node_embedding(), around)
        features = self.products[0](message + acting, counts)
        layers = [features]
        for interaction, product in zip(self.interactions[1:], self.products[1:]):
            message, kept = interaction(features, around)
            features = product(message + acting, counts) + kept
            layers.append(features)
        return layers

    def _surroundings(self, batch: Batch) -> Surroundings:
        config, dtype = self.config, batch.node_attrs.dtype
        vectors = batch.pair_vectors().to(dtype)
        harmonics: Tensor = o3.spherical_harmonics(
            list(range(config.angular_l_max + 1)),
            vectors,
            normalize=True,
            normalization="component",
        )
        basis = radial_basis(
            torch.linalg.vector_norm(vectors, dim=1),
            r_max=config.r_max,
            num_bessel=config.num_bessel,
            power=config.num_polynomial_cutoff,
        )
        neighbours = batch.neighbours
        return Surroundings(
            neighbours=neighbours,
            basis=basis,
            harmonics=harmonics,
            by_atom=blocks(neighbours.by_atom, self._parity(neighbours.by_atom, dtype)),
            by_element=blocks(neighbours.by_element, self._parity(neighbours.by_element, dtype)),
        )

    def _parity(self, places: Places, dtype: torch.dtype) -> Tensor:
        """[s, y] sign^l of the harmonics at every place."""
        odd = component_degrees(self.config.angular_l_max).to(places.sign.device) % 2 == 1
        sign = places.sign[:, None]
        return torch.where(odd, sign, sign.abs()).to(dtype)


class Embedding(nn.Module):
    """Features of an atom that knows only its element."""

    def __init__(self, elements: int, channels: int) -> None:
        super().__init__()
        self.linear = Linear(1, elements, channels)

    def forward(self) -> Tensor:
        """[z, c]."""
        return self.linear.matrices()[0]


class LinearReadout(nn.Module):
    """Site energies of a layer, linear in its scalars."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = Weight(channels)

    def forward(self, scalars: Tensor) -> Tensor:
        """[n, c] to [n]."""
        weight = self.linear.weight
        return scalars @ weight / math.sqrt(len(weight))


class NonLinearReadout(nn.Module):
    """Site energies of the last layer, by a network of one hidden layer."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.linear_1 = Linear(1, channels, hidden)
        self.linear_2 = Weight(hidden)

    def forward(self, scalars: Tensor) -> Tensor:
        """[n, c] to [n]."""
        hidden = silu(scalars @ self.linear_1.matrices()[0])
        weight = self.linear_2.weight
        return hidden @ weight * (SILU_SCALE / math.sqrt(len(weight)))


class ScaleShift(nn.Module):
    """Site energies in eV, constants named as mace-torch's."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale))
        self.register_buffer("shift", torch.tensor(0.0))

    def forward(self, energies: Tensor) -> Tensor:
        """[n] to [n]."""
        return self.scale * energies + self.shift
