"""Structures that several rooms make: water on an fcc(111) slab, quartz, a crystal's vacancy."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import fcc111, molecule
from ase.data import atomic_numbers, reference_states
from ase.geometry import get_distances
from ase.spacegroup import crystal

from bench.errors import BenchError, nearest

# PBE lattice constants (Å) of the datasets.
LATTICE_CONSTANTS = {"Pt": 3.97, "Al": 4.04}
# Smallest distances (Å) of a new molecule to what is there, per pair (its atom, other atom).
_CONTACT = {"metal": {"O": 2.2, "H": 1.8}, "O": {"O": 2.55, "H": 1.7}, "H": {"O": 1.7, "H": 1.7}}
_HYDROGEN_BOND_REACH = 1.35  # Å: an O-H distance beyond it is a broken bond
_VACUUM_ABOVE = 8.0  # Å between the highest oxygen and the cell's border
_BOTTOM = 5.5  # Å, z of the lowest layer
_TRIALS = 300  # random places before the window is widened
_WATER_VOLUME = 22.0  # Å³ per molecule, a little denser than liquid so that molecules meet


def metal_water_slab(
    metal: str,
    *,
    waters: int,
    rng: np.random.Generator,
    size: tuple[int, int] = (2, 2),
    layers: int = 3,
    height: float = 25.0,
    gap: float = 2.3,
) -> Atoms:
    """An fcc(111) slab in a rectangular cell with water molecules placed at random above it.

    Args:
        metal: symbol of any fcc metal.
        waters: number of molecules.
        rng: source of positions and orientations.
        size: repeats of the rectangular surface cell's two axes (even second repeat).
        layers: metal layers.
        height: cell length along z, Å; below 8 Å of vacuum above the water charge leaks across
            the sawtooth's jump.
        gap: smallest height of an oxygen above the top layer, Å.

    Raises:
        BenchError: the metal is not fcc, the second repeat is odd, or the molecules do not fit.
    """
    if size[1] % 2:
        raise BenchError(
            f"size={size[0]}x{size[1]}: a rectangular fcc(111) cell takes an even second repeat.",
            f"size={size[0]}x{size[1] + 1}",
        )
    slab = fcc111(metal, (*size, layers), a=lattice_constant(metal), orthogonal=True, vacuum=0.0)
    cell = slab.cell.array.copy()
    cell[2] = [0.0, 0.0, height]
    atoms = Atoms(slab.get_chemical_symbols(), slab.positions, cell=cell, pbc=[True, True, False])
    atoms.positions[:, 2] += _BOTTOM - atoms.positions[:, 2].min()
    top = float(atoms.positions[:, 2].max())
    area = float(np.linalg.norm(np.cross(cell[0], cell[1])))
    window = (top + gap, top + gap + max(0.3, _WATER_VOLUME * waters / area - 0.8))
    for count in range(waters):
        atoms = _add_water(atoms, window=window, rng=rng, metal=metal, count=count)
    return atoms


def lattice_constant(metal: str) -> float:
    """Of an fcc metal in Å: that of the datasets, of others the experimental one.

    Raises:
        BenchError: it is no fcc metal.
    """
    if metal not in atomic_numbers:
        raise BenchError(f"metal={metal!r} is no element.", nearest(metal, atomic_numbers))
    state = reference_states[atomic_numbers[metal]]
    if state is None or state["symmetry"] != "fcc":
        found = state["symmetry"] if state else "no crystal"
        raise BenchError(f"metal={metal!r} is not fcc (found: {found}).", "Take an fcc metal.")
    return float(LATTICE_CONSTANTS.get(metal, state["a"]))


def _add_water(
    atoms: Atoms, *, window: tuple[float, float], rng: np.random.Generator, metal: str, count: int
) -> Atoms:
    """One more molecule without clash, its oxygen within ``window`` (z, Å), widened if need be."""
    lowest, highest = window
    ceiling = atoms.cell.array[2, 2] - _VACUUM_ABOVE
    while highest < ceiling:
        for _ in range(_TRIALS):
            water = molecule("H2O")
            water.positions -= water.positions[0]
            water.rotate(rng.uniform(0, 360), rng.normal(size=3))
            shift = rng.uniform(size=2) @ atoms.cell.array[:2]
            water.positions += [shift[0], shift[1], rng.uniform(lowest, highest)]
            if not _clashes(atoms, water, metal):
                return atoms + water
        highest += 0.3
    raise BenchError(
        f"Molecule {count + 1} does not fit between z = {lowest:.1f} and {ceiling:.1f} Å.",
        "Fewer waters, a larger size, or more height.",
    )


def _clashes(atoms: Atoms, water: Atoms, metal: str) -> bool:
    distances = get_distances(water.positions, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)[
        1
    ]  # [3, n]
    symbols = ["metal" if s == metal else s for s in atoms.get_chemical_symbols()]
    limits = [[_CONTACT[other][own] for other in symbols] for own in "OHH"]
    return bool((distances < np.array(limits)).any())


def molecules_intact(atoms: Atoms) -> bool:
    """Whether every hydrogen still has an oxygen within 1.35 Å and every oxygen two hydrogens."""
    oxygen, hydrogen = np.where(atoms.numbers == 8)[0], np.where(atoms.numbers == 1)[0]
    if not len(hydrogen):
        return True
    bonded = atoms.get_all_distances(mic=True)[np.ix_(oxygen, hydrogen)] < _HYDROGEN_BOND_REACH
    return bool((bonded.sum(0) == 1).all() and (bonded.sum(1) == 2).all())


def alpha_quartz() -> Atoms:
    """The cell of alpha-quartz (space group P3_221, experimental lattice), 9 atoms."""
    made = crystal(
        ["Si", "O"],
        [(0.4697, 0, 2 / 3), (0.4135, 0.2669, 0.7858)],
        spacegroup=154,
        cellpar=[4.913, 4.913, 5.405, 90, 90, 120],
    )
    return Atoms(made.numbers, made.positions, cell=made.cell, pbc=True)


def vacancy_supercell(
    cell: Atoms,
    *,
    repeat: tuple[int, int, int],
    element: str | None,
    site: int | None = None,
) -> Atoms:
    """A supercell of any crystal, with one atom removed unless ``element`` is None.

    Args:
        cell: the primitive or conventional one.
        repeat: repeats along the three axes.
        element: symbol of the atom to remove; None keeps the pristine crystal.
        site: its index in the supercell; default: that element's atom nearest to the centre.

    Returns:
        Periodic atoms in ase's standard orientation; ``info["vacancy_site"]`` (Å) is where the
        removed atom was, ``info["vacancy_element"]`` its symbol.

    Raises:
        BenchError: no such element or site.
    """
    made = cell.repeat(repeat)
    atoms = Atoms(made.numbers, made.positions, cell=made.cell, pbc=True)
    atoms.set_cell(made.cell.standard_form()[0], scale_atoms=True)
    atoms.wrap()
    return atoms if element is None else _remove(atoms, element, site)


def _remove(atoms: Atoms, element: str, site: int | None) -> Atoms:
    candidates = [i for i, s in enumerate(atoms.get_chemical_symbols()) if s == element]
    if not candidates:
        raise BenchError(
            f"element={element!r} is not in {atoms.get_chemical_formula()}.",
            nearest(element, set(atoms.get_chemical_symbols())),
        )
    if site is None:
        centre = atoms.cell.array.sum(0) / 2
        off = np.linalg.norm(atoms.positions[candidates] - centre, axis=1)
        site = candidates[int(np.argmin(off))]
    if site not in candidates:
        raise BenchError(f"site={site} is no {element}.", f"Allowed: {candidates}.")
    place = atoms.positions[site].copy()
    del atoms[site]
    atoms.info.update(vacancy_site=place, vacancy_element=element)
    return atoms
