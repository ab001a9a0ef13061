"""Free atoms for the stockholder partition: functional, potentials and cutoff of the labels, but in
an uncontracted basis.

The labels' basis is contracted for molecules and cannot hold a free atom. In it hydrogen has
<r> = 0.629 Å, where exact hydrogen has 0.794 Å, and a third of the exact density at 2 Å: the water
on one platinum slab then seems to give 0.15 e to the metal, where it takes 0.10 e (CP2K's own
Hirshfeld charges: 0.19 e). With every primitive a function of its own <r> is 0.814 Å. The others
change less: <r> by 0.03 % (Pt), 0.4 % (O), 0.8 % (Al) and 1.9 % (Si).

An element with one valence electron is spin polarised: half an electron in each spin would repel
itself, and hydrogen would have <r> = 0.861 Å. The others are closed shells with hot electrons,
spherical as the partition wants them; open shells would change <r> by 0.2 % (Al) and 0.6 % (Si).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.units import Bohr

from bench.reference.cp2k_input import (
    Settings,
    pseudopotential_charge,
    valence,
    write_input,
)
from bench.reference.cp2k_output import read_cube
from bench.reference.labelling import Worker, require_cp2k
from bench.reference.partition import PROATOMS, Grid, Proatom, spherical_proatom
from bench.storage import write_bytes

BOX = 10.0  # Å
_OFF_GRID = (0.011, 0.023, 0.037)  # Å: a general point of the grid, so that no two radii agree
# The tighter screening keeps the tail smooth; cutoff and functional's smoothing are those of the
# labels.
SETTINGS = Settings(
    eps_default=1e-10,
    eps_scf=1e-6,
    max_scf=120,
    electronic_temperature=3000,
    added_orbitals=8,
    mixing=0.3,
    mixing_beta=1.5,
    mixing_vectors=8,
)


def calculate_proatom(symbol: str, worker: Worker, *, cutoff: int = SETTINGS.cutoff) -> Proatom:
    """The spherical density of an isolated atom.

    Args:
        symbol: the element.
        worker: where CP2K runs.
        cutoff: plane-wave cutoff, Ry.
    """
    atoms = Atoms(symbol, positions=[np.add(BOX / 2, _OFF_GRID)], cell=[BOX] * 3, pbc=True)
    atoms.info.update(total_charge=0, field=0.0, k_points="1x1x1")
    atoms.info["multiplicity"] = 2 if pseudopotential_charge(symbol) == 1 else 1
    settings = replace(SETTINGS, cutoff=cutoff)
    job = worker.run_input(write_input(atoms, settings, contracted=False))
    grid = Grid(read_cube(job / "job-ELECTRON_DENSITY-1_0.cube") / Bohr**3, atoms.cell.array)
    return spherical_proatom(grid.normalised(valence(atoms).sum()), atoms.positions[0])


def write_proatoms(proatoms: dict[int, Proatom], path: Path) -> None:
    """Store free atoms by atomic number, with those that the file already has."""
    arrays = dict(np.load(path)) if path.is_file() else {}
    for number, proatom in proatoms.items():
        arrays[f"radii_{number}"] = proatom.radii
        arrays[f"log_density_{number}"] = proatom.log_density
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    write_bytes(path, packed.getvalue())


def make_proatoms(symbols: Sequence[str], path: Path = PROATOMS) -> Path:
    """Calculate free atoms and add them to the package's file.

    Raises:
        BenchError: CP2K is not installed, or an element's pseudopotential is not known.
    """
    require_cp2k()
    for symbol in symbols:
        pseudopotential_charge(symbol)
    with TemporaryDirectory() as folder:
        worker = Worker(Path(folder))
        for symbol in symbols:
            write_proatoms({atomic_numbers[symbol]: calculate_proatom(symbol, worker)}, path)
    return path
