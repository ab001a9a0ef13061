"""What a model takes from the training set before it is trained; the same for every point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import ase
import torch

from bench.config.schema import ModelConfig
from bench.data.batch import Batch, Graph, GraphSettings, build_graph, collate
from bench.data.spreads import label_spreads, rms
from bench.data.statistics import (
    Baseline,
    TrainingMeans,
    fit_baseline,
    force_scale,
    training_means,
)
from bench.density.coulomb import Maps, assemble
from bench.labels.quantities import MULTIPOLES, POTENTIAL

MIN_NORM = 1e-3  # V, V/Å: a feature that is never larger is not blown up to order one


@dataclass(frozen=True)
class TrainingFacts:
    """Numbers of the training set that a model's construction depends on.

    Attributes:
        baseline: Σ E0 + Q Σ s_Z / V.
        avg_num_neighbors: edges per atom.
        force_scale: RMS of the force components in eV/Å.
        mean_charges: [z] mean reference charge per element in e; zeros without the label.
        feature_norms: RMS of the potential features at the reference density, one per (l, width)
            in the features' order; ones where the density is not labelled.
        spreads: how much labels vary (``bench.data.spreads``), the units of the losses.
    """

    baseline: Baseline
    avg_num_neighbors: float
    force_scale: float
    mean_charges: tuple[float, ...]
    feature_norms: tuple[float, ...]
    spreads: dict[str, float] = field(default_factory=dict)

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers, ascending."""
        return self.baseline.elements

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for a file beside the checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainingFacts:
        """The inverse of ``to_dict``."""
        baseline = Baseline(**{key: tuple(v) for key, v in values["baseline"].items()})
        tuples = {k: tuple(values[k]) for k in ("mean_charges", "feature_norms")}
        return cls(
            baseline=baseline,
            avg_num_neighbors=values["avg_num_neighbors"],
            force_scale=values["force_scale"],
            spreads=values.get("spreads", {}),
            **tuples,
        )


def graph_settings(
    config: ModelConfig, elements: tuple[int, ...], dtype: torch.dtype
) -> GraphSettings:
    """What the graphs of a model depend on."""
    return GraphSettings(
        elements=elements,
        r_max=config.r_max,
        narrowest_width=min([config.smearing_width, *config.feature_widths]),
        cutoff_factor=config.kspace_cutoff_factor,
        dtype=dtype,
    )


def gather_facts(frames: Sequence[ase.Atoms], config: ModelConfig) -> TrainingFacts:
    """Measure the training set once.

    Args:
        frames: the training set.
        config: cutoffs and widths.
    """
    elements = tuple(sorted({int(z) for atoms in frames for z in atoms.numbers}))
    settings = graph_settings(config, elements, torch.float64)
    graphs = [build_graph(atoms, settings) for atoms in frames]
    edges = sum(2 * graph.pairs.index.shape[1] for graph in graphs)
    means = training_means(frames)
    charges = means.element.get(MULTIPOLES.name, {})
    norms, potential = _at_reference_densities(frames, graphs, means, config)
    return TrainingFacts(
        baseline=fit_baseline(frames, elements),
        avg_num_neighbors=edges / sum(len(graph.positions) for graph in graphs),
        force_scale=force_scale(frames),
        mean_charges=tuple(charges.get(str(z), [None])[0] or 0.0 for z in elements),
        feature_norms=norms,
        spreads=label_spreads(frames) | potential,
    )


def _at_reference_densities(
    frames: Sequence[ase.Atoms],
    graphs: Sequence[Graph],
    means: TrainingMeans,
    config: ModelConfig,
) -> tuple[tuple[float, ...], dict[str, float]]:
    """RMS over atoms (and components) of each (l, width) feature at the reference density.

    And the spread of the potential at the atoms: what is left of it where the elements' mean
    multipoles are taken away.
    """
    widths, components = len(config.feature_widths), (config.l_max + 1) ** 2
    squares, potentials = [], []
    for atoms, graph in zip(frames, graphs):
        batch = collate([graph])
        if not batch.has_density(config.l_max).all():
            continue
        maps, reference = _reference_maps(batch, config)
        features = _reference_features(batch, maps, reference).square()  # [n, f]
        scalars, vectors = features[:, :widths], features[:, widths:]
        vectors = vectors.reshape(len(features), config.l_max * widths, 3).mean(-1)
        squares.append(torch.cat([scalars, vectors], dim=1))
        mean = means.of(atoms, MULTIPOLES)
        assert mean is not None
        varying = reference - torch.as_tensor(mean)[:, :components].flatten()
        potentials.append(maps.potential(varying).reshape(len(atoms), components)[:, 0])
    if not squares:
        return (1.0,) * (widths * (config.l_max + 1)), {}
    norms = torch.cat(squares).mean(0).sqrt().clamp(min=MIN_NORM)
    (part,) = POTENTIAL.parts
    return tuple(norms.tolist()), {part.name: rms(torch.cat(potentials).numpy())}


def _reference_maps(batch: Batch, config: ModelConfig) -> tuple[Maps, torch.Tensor]:
    """Maps of one structure, and [1, m] its reference multipoles."""
    maps = assemble(
        batch.geometry(),
        smearing_width=config.smearing_width,
        l_max=config.l_max,
        feature_widths=config.feature_widths,
        feature_self_interaction=config.feature_self_interaction,
    )
    components = (config.l_max + 1) ** 2
    return maps, batch.dense(batch.labels[MULTIPOLES.name][:, :components]).flatten(1)


def _reference_features(batch: Batch, maps: Maps, reference: torch.Tensor) -> torch.Tensor:
    """[n, f] potential features of the reference density in the batch's field."""
    assert maps.features is not None and maps.feature_applied is not None
    features = torch.einsum("gfm,gm->gf", maps.features, reference) + maps.feature_applied
    return batch.flat(features.reshape(batch.num_structures, int(batch.num_atoms.max()), -1))
