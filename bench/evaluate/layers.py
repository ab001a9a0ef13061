"""The parts of a slab: layers of metal, and what is on them."""

from __future__ import annotations

import ase
import numpy as np
from ase.formula import Formula
from numpy.typing import NDArray

from bench.labels.elements import METALS

GAP = 1.0  # Å: half a layer spacing, and more than thermal motion makes a layer rough


def is_metal(atoms: ase.Atoms) -> NDArray[np.bool_]:
    """[n] whether each atom is of a metal."""
    return np.isin(atoms.numbers, sorted(METALS))


def metal_layers(atoms: ase.Atoms) -> list[NDArray[np.int_]]:
    """Indices of the metal's atoms, one array per layer normal to z, the lowest first."""
    metal = np.flatnonzero(is_metal(atoms))
    heights = atoms.positions[metal, 2]
    order = np.argsort(heights)
    cuts = np.flatnonzero(np.diff(heights[order]) > GAP) + 1
    return [layer for layer in np.split(metal[order], cuts) if len(layer)]


def slab_parts(atoms: ase.Atoms) -> dict[str, NDArray[np.int_]]:
    """Indices by name: ``layer 1`` (lowest) and so on of metal, then the rest by its formula."""
    layers = metal_layers(atoms)
    parts = {f"layer {number}": layer for number, layer in enumerate(layers, start=1)}
    rest = np.flatnonzero(~is_metal(atoms))
    if len(rest):
        formula, _ = Formula(atoms[rest].get_chemical_formula()).reduce()
        parts[str(formula)] = rest
    return parts
