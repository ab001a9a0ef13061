"""Structures that probes are done on, chosen from the elements that a model knows.

All are neutral and without a field unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import ase
import numpy as np
from ase.build import bulk, fcc111, molecule
from ase.data import atomic_numbers, reference_states
from numpy.typing import ArrayLike, NDArray

from bench.labels.keys import ELECTRIC_FIELD_KEY, TOTAL_CHARGE_KEY
from bench.probes.result import NotApplicable
from bench.structures import alpha_quartz, lattice_constant

VACUUM = 30.0  # Å of a slab's cell beyond its atoms: twice what images need
SHAKE = 0.05  # Å, standard deviation of random displacements
NEIGHBOUR = 2.85  # Å between oxygens along a chain of water
_NOBLE_GASES = frozenset({"He", "Ne", "Ar", "Kr", "Xe", "Rn"})
_UP = np.array([0.0, 0.0, 1.0])


def state(
    atoms: ase.Atoms, *, charge: float = 0.0, field: ArrayLike = (0.0, 0.0, 0.0)
) -> ase.Atoms:
    """A copy in a state of charge (e) and field ([3], V/Å)."""
    copy = atoms.copy()
    copy.info = {TOTAL_CHARGE_KEY: charge, ELECTRIC_FIELD_KEY: np.array(field, dtype=float)}
    return copy


def available(
    makers: Iterable[Callable[[frozenset[str]], ase.Atoms]], elements: frozenset[str]
) -> list[ase.Atoms]:
    """What can be made of the elements.

    Raises:
        NotApplicable: nothing.
    """
    made, missing = [], []
    for make in makers:
        try:
            made.append(make(elements))
        except NotApplicable as reason:
            missing.append(str(reason))
    if not made:
        raise NotApplicable("; ".join(missing))
    return made


def metal_of(elements: frozenset[str]) -> str:
    """The fcc metal among the elements, the heaviest of several.

    Raises:
        NotApplicable: there is none.
    """
    fcc = [e for e in elements - _NOBLE_GASES if _symmetry(e) == "fcc"]
    if not fcc:
        raise NotApplicable(f"no fcc metal among {', '.join(sorted(elements))}")
    return max(fcc, key=lambda symbol: atomic_numbers[symbol])


def _symmetry(symbol: str) -> str:
    reference = reference_states[atomic_numbers[symbol]]
    return str(reference["symmetry"]) if reference else ""


def _need(elements: frozenset[str], wanted: str, what: str) -> None:
    missing = set(wanted.split()) - elements
    if missing:
        raise NotApplicable(f"no {what}: the training set has no {', '.join(sorted(missing))}")


def metal_slab(elements: frozenset[str], *, repeat: int = 1, layers: int = 5) -> ase.Atoms:
    """A bare fcc(111) slab, ``repeat`` times ``repeat`` surface atoms."""
    metal = metal_of(elements)
    slab = fcc111(metal, (repeat, repeat, layers), a=lattice_constant(metal), vacuum=0.0)
    return _in_vacuum(ase.Atoms(slab.numbers, slab.positions, cell=slab.cell))


def wet_slab(elements: frozenset[str]) -> ase.Atoms:
    """A water molecule above one side of a metal slab of 2 by 2 atoms and three layers: polar."""
    _need(elements, "H O", "water")
    slab = metal_slab(elements, repeat=2, layers=3)
    water = molecule("H2O")
    water.rotate(40, (1.0, 0.3, 0.2))
    top = slab.positions[slab.positions[:, 2].argmax()]
    water.translate(top + [0.0, 0.0, 2.4] - water.positions[0])
    return _in_vacuum(slab + water)


def water_layer(elements: frozenset[str]) -> ase.Atoms:
    """A layer of parallel water molecules: polar."""
    _need(elements, "H O", "water")
    water = molecule("H2O")
    water.rotate(25, (1.0, 0.3, 0.2))
    return _in_vacuum(ase.Atoms(water.numbers, water.positions, cell=[4.5, 5.0, 1.0]))


def cut_quartz(elements: frozenset[str]) -> ase.Atoms:
    """One cell of quartz cut along (0001), with different ends: polar."""
    return _in_vacuum(quartz(elements))


def polar_slab(elements: frozenset[str]) -> ase.Atoms:
    """The first of a wet metal, a layer of water and cut quartz that the elements allow."""
    return available([wet_slab, water_layer, cut_quartz], elements)[0]


def _in_vacuum(atoms: ase.Atoms) -> ase.Atoms:
    """The slab in the middle of a cell with ``VACUUM``."""
    return with_height(atoms, float(np.ptp(atoms.positions[:, 2])) + VACUUM)


def with_height(slab: ase.Atoms, height: float) -> ase.Atoms:
    """The slab in the middle of a cell of this height in Å."""
    cell = slab.cell.array.copy()
    cell[2] = height * _UP
    middle = (slab.positions[:, 2].min() + slab.positions[:, 2].max()) / 2
    shifted = slab.positions + (height / 2 - middle) * _UP
    return state(ase.Atoms(slab.numbers, shifted, cell=cell, pbc=[True, True, False]))


def quartz(elements: frozenset[str]) -> ase.Atoms:
    """The cell of alpha-quartz, 9 atoms."""
    _need(elements, "O Si", "quartz")
    return state(alpha_quartz())


def metal_crystal(elements: frozenset[str]) -> ase.Atoms:
    """The cubic cell of an fcc metal, 4 atoms."""
    metal = metal_of(elements)
    return state(bulk(metal, "fcc", a=lattice_constant(metal), cubic=True))


def water_pair(elements: frozenset[str]) -> ase.Atoms:
    """A hydrogen-bonded pair of water molecules in open boundaries."""
    _need(elements, "H O", "water")
    first, second = molecule("H2O"), molecule("H2O")
    second.rotate(70, (0.2, 1.0, 0.4))
    second.translate([2.6, 0.8, 0.5])
    return state(first + second)


def neutral_molecule(elements: frozenset[str]) -> ase.Atoms:
    """Water where there is hydrogen, linear SiO2 where there is silicon, in open boundaries."""
    if {"H", "O"} <= elements:
        return state(molecule("H2O"))
    _need(elements, "O Si", "molecule")
    return state(ase.Atoms("OSiO", [[0, 0, -1.51], [0, 0, 0], [0, 0, 1.51]]))


def shaken(atoms: ase.Atoms) -> ase.Atoms:
    """A copy with random displacements, always the same: no force vanishes by symmetry."""
    copy = atoms.copy()
    copy.positions += SHAKE * np.random.default_rng(0).normal(size=copy.positions.shape)
    return copy


def water_chain(elements: frozenset[str], count: int) -> ase.Atoms:
    """Equal water molecules in a row along z, each with a hydrogen towards the next oxygen."""
    _need(elements, "H O", "water")
    water = molecule("H2O")
    water.translate(-water.positions[0])
    water.rotate(water.positions[1], _UP)
    chain = ase.Atoms()
    for place in range(count):
        link = water.copy()
        link.translate(place * NEIGHBOUR * _UP)
        chain += link
    return state(chain)


def ion_pair(elements: frozenset[str], distance: float) -> tuple[ase.Atoms, NDArray[np.bool_]]:
    """Two ions in open boundaries, along z, and the mask [n] of the second one's atoms.

    H3O+ and OH− where there is hydrogen, SiO2+ and O2− where there is silicon: formal charges
    that cancel, so that whole charges are possible.

    Args:
        elements: chemical symbols to choose from.
        distance: between the central atoms in Å.
    """
    _need(elements, "O", "oxide ion")
    if "H" in elements:
        cation = ase.Atoms(
            "OH3", [[0, 0, 0], [0.94, 0, 0.3], [-0.47, 0.81, 0.3], [-0.47, -0.81, 0.3]]
        )
        anion = ase.Atoms("OH", [[0, 0, 0], [0, 0, 0.97]])
    else:
        _need(elements, "Si", "positive ion")
        cation, anion = ase.Atoms("OSi", [[0, 0, -1.51], [0, 0, 0]]), ase.Atoms("O")
    anion.translate(distance * _UP)
    second = np.arange(len(cation) + len(anion)) >= len(cation)
    return state(cation + anion), second
