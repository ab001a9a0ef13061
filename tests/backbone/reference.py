"""mace-torch's own blocks on a batch: the reference that ours must equal."""

from __future__ import annotations

import torch
from mace.modules.models import ScaleShiftMACE
from torch import Tensor

from bench.backbone.model import Backbone, random_stream
from bench.config.schema import ModelConfig
from bench.data.batch import Batch
from bench.inference.mace_torch import build_mace
from bench.models.facts import TrainingFacts


def ours_alone(config: ModelConfig, facts: TrainingFacts) -> Backbone:
    """Our backbone in float64."""
    with random_stream(0, torch.float64):
        return Backbone(
            config,
            facts.elements,
            avg_num_neighbors=facts.avg_num_neighbors,
            scale=facts.force_scale,
        )


def both(config: ModelConfig, facts: TrainingFacts) -> tuple[Backbone, ScaleShiftMACE]:
    """Our backbone and mace-torch's model in float64, initial weights of their own."""
    with random_stream(0, torch.float64):
        mace = build_mace(
            config,
            facts.elements,
            avg_num_neighbors=facts.avg_num_neighbors,
            scale=facts.force_scale,
        )
    return ours_alone(config, facts), mace


def layer_features(mace: ScaleShiftMACE, batch: Batch) -> list[Tensor]:
    """[n, irreps of the layer] after each interaction, by mace-torch's blocks in its order."""
    attrs, vectors = batch.node_attrs, batch.edge_vectors()
    lengths = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    edge_feats, cutoff = mace.radial_embedding(
        lengths, attrs, batch.edge_index, mace.atomic_numbers
    )
    features, layers = mace.node_embedding(attrs), []
    for layer, (interaction, product) in enumerate(zip(mace.interactions, mace.products)):
        features, skip = interaction(
            node_attrs=attrs,
            node_feats=features,
            edge_attrs=mace.spherical_harmonics(vectors),
            edge_feats=edge_feats,
            edge_index=batch.edge_index,
            cutoff=cutoff,
            first_layer=layer == 0,
        )
        features = product(node_feats=features, sc=skip, node_attrs=attrs)
        layers.append(features)
    return layers


def site_energies(mace: ScaleShiftMACE, layers: list[Tensor]) -> Tensor:
    """[n] in eV, without atomic energies."""
    head = torch.zeros(len(layers[0]), dtype=torch.int64)
    energies = [readout(f, head)[:, 0] for readout, f in zip(mace.readouts, layers)]
    total: Tensor = mace.scale_shift(torch.stack(energies).sum(0), head)
    return total
