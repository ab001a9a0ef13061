"""Four generated Pt(111) slabs with water: the same for every contender."""

from __future__ import annotations

import bench.mace_import  # noqa: F401  # isort: skip  before mace

import contextlib
from dataclasses import dataclass

import ase
import numpy as np
import torch

from bench.config.schema import ModelConfig
from bench.data.batch import Batch, build_graph, collate
from bench.errors import BenchError
from bench.labels.keys import DIPOLE_MASK_KEY, ELECTRIC_FIELD_KEY, TOTAL_CHARGE_KEY
from bench.labels.quantities import DIPOLE, ENERGY, FORCES, MULTIPOLES
from bench.models.facts import TrainingFacts, gather_facts, graph_settings
from bench.structures import metal_water_slab

SLABS = 4
ATTEMPTS = 200  # at packing the molecules


@dataclass(frozen=True)
class Workload:
    """Structures in a batch, what a model measures on them, and the shared backbone."""

    batch: Batch
    facts: TrainingFacts
    config: ModelConfig


def workload(atoms: int, dtype: torch.dtype) -> Workload:
    """Four slabs with made-up labels of plausible size, 32x0e+32x1o, two layers, r_max 5 Å.

    Args:
        atoms: per slab.
        dtype: of the backbone.

    Raises:
        BenchError: the number of atoms does not make a slab with whole molecules.
    """
    config = ModelConfig(name="workload", r_max=5.0, num_channels=32, num_interactions=2)
    frames = [_labelled_slab(atoms, seed) for seed in range(SLABS)]
    facts = gather_facts(frames, config)
    settings = graph_settings(config, facts.elements, dtype)
    graphs = [build_graph(slab, settings, i) for i, slab in enumerate(frames)]
    return Workload(collate(graphs), facts, config)


def _labelled_slab(atoms: int, seed: int) -> ase.Atoms:
    """A slab of three layers with water and random labels of plausible size."""
    random = np.random.default_rng(seed)
    slab = _packed_slab(atoms, random)
    multipoles = 0.1 * random.normal(size=(len(slab), 4))
    multipoles[:, 0] -= multipoles[:, 0].mean()
    slab.arrays |= {
        FORCES.reference_key: random.normal(size=(len(slab), 3)),
        MULTIPOLES.reference_key: multipoles,
    }
    slab.info |= {
        ENERGY.reference_key: random.normal(),
        DIPOLE.reference_key: np.array([0.0, 0.0, random.normal()]),
        DIPOLE_MASK_KEY: np.array([0, 0, 1]),
        ELECTRIC_FIELD_KEY: np.array([0.0, 0.0, 0.1 * (seed - 1)]),
        TOTAL_CHARGE_KEY: 0.0,
    }
    return slab


def _packed_slab(atoms: int, random: np.random.Generator) -> ase.Atoms:
    """12 metal atoms per repeat, the rest water; placed anew until all molecules fit."""
    repeats = max(1, round(atoms / 27))
    waters, left = divmod(atoms - 12 * repeats, 3)
    if left or waters < 1:
        raise BenchError(f"atoms={atoms}: 12 Pt per 27 atoms leave no whole number of molecules.")
    for _ in range(ATTEMPTS):
        with contextlib.suppress(BenchError):
            return metal_water_slab("Pt", waters=waters, rng=random, size=(2, 2 * repeats))
    raise BenchError(f"atoms={atoms}: {waters} molecules do not fit.")
