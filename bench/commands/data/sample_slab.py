"""``bench data sample slab``: geometries of a metal with water."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from omegaconf import MISSING

from bench.config.key import key
from bench.config.options import call, whole_numbers
from bench.reference.trajectory import Trajectory, write_trajectory
from bench.structures import metal_water_slab

ELECTRONIC_TEMPERATURE = 2000.0  # K, of xTB: a metal converges


@dataclass
class Slab(Trajectory):
    """Frames of short molecular dynamics of water on an fcc metal, to be labelled."""

    metal: str = key(MISSING, "symbol of an fcc metal")
    waters: int = key(MISSING, "molecules", least=0)
    layers: int = key(3, "of the metal", least=1)
    size: str = key("2x2", "repeats along the surface")
    height: float = key(25.0, "of the cell", "Å", above=0)
    gap: float = key(2.3, "between metal and water", "Å", least=0)
    temperature: float = key(300.0, "of the dynamics", "K", least=0)


def main(words: Sequence[str]) -> int:
    """Sample."""
    return call(words, Slab, run, verb="bench data sample slab")


def run(options: Slab) -> int:
    """Build the slab and run it."""
    nx, ny = whole_numbers(options.size, 2, "size")
    atoms = metal_water_slab(
        options.metal,
        waters=options.waters,
        size=(nx, ny),
        layers=options.layers,
        height=options.height,
        gap=options.gap,
        rng=np.random.default_rng(options.seed),
    )
    told = write_trajectory(atoms, options, charge=0, electronic_temperature=ELECTRONIC_TEMPERATURE)
    print(told)
    return 0
