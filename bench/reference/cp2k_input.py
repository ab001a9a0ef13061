"""CP2K inputs: one level of theory, and SCF settings that converge for each kind of structure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray

from bench.errors import BenchError, nearest
from bench.reference.basis import BASIS, uncontracted

# Valence electrons of the GTH-PBE potentials; those in the datasets first.
POTENTIALS = {"H": 1, "O": 6, "Al": 3, "Si": 4, "Pt": 18} | {
    "Ni": 18,
    "Cu": 11,
    "Pd": 18,
    "Ag": 11,
    "Au": 11,
    "Rh": 17,
    "Ir": 17,
    "Mg": 2,
    "N": 5,
    "C": 4,
}
METALS = frozenset({"Al", "Pt", "Cu", "Ag", "Au", "Ni", "Pd", "Rh", "Ir", "Pb", "Ca", "Sr"})
_TEMPLATE = "cp2k.inp.j2"


@dataclass(frozen=True)
class Settings:
    """Numerical settings of one SCF; the physical level of theory is fixed by the template."""

    cutoff: int = 300  # Ry
    relative_cutoff: int = 40  # Ry
    eps_default: float = 1e-8
    eps_scf: float = 3e-6
    max_scf: int = 80
    electronic_temperature: int = 1000  # K
    added_orbitals: int = 40
    mixing: float = 0.4
    mixing_beta: float = 0.1  # 1/Bohr: more would hold back the long waves of a thick slab
    mixing_vectors: int = 20
    orbital_transformation: bool = False
    outer_scf: int = 5


# The careful settings below take a metal's SCF twice as many steps; an open shell in a vacancy
# converges only by orbital transformation, where 3e-5 left 7 meV/Å rms in the forces.
_METAL = Settings()
_WATER = replace(_METAL, electronic_temperature=300, added_orbitals=12)
_INSULATOR = Settings(eps_scf=2e-6, electronic_temperature=300, added_orbitals=12, mixing=0.6)
_OPEN_SHELL = Settings(orbital_transformation=True, eps_scf=1e-5, max_scf=40)


def is_metal(atoms: Atoms) -> bool:
    """Whether any atom is one of ``METALS``."""
    return not METALS.isdisjoint(atoms.get_chemical_symbols())


def attempts(atoms: Atoms) -> list[Settings]:
    """Settings to try in turn: the usual ones, then more careful ones from scratch.

    Args:
        atoms: a planned structure (``info`` has multiplicity, and for validation perhaps its own
            ``cutoff`` or ``eps_scf``; ``pbc`` says whether it is a slab).
    """
    own: dict[str, Any] = {}
    if "cutoff" in atoms.info:  # numbers read from a file are numpy's, which json refuses
        own["cutoff"] = int(atoms.info["cutoff"])
    if "eps_scf" in atoms.info:
        own["eps_scf"] = float(atoms.info["eps_scf"])
    return [replace(settings, **own) for settings in _attempts(atoms)]


def _attempts(atoms: Atoms) -> list[Settings]:
    if atoms.info["multiplicity"] > 1:
        return [_OPEN_SHELL, replace(_OPEN_SHELL, max_scf=60, outer_scf=8)]
    if is_metal(atoms):
        careful = replace(_METAL, mixing=0.1, mixing_beta=0.5, mixing_vectors=12, max_scf=120)
        return [_METAL, careful]
    usual = _INSULATOR if atoms.pbc.all() else _WATER
    return [usual, replace(usual, mixing=usual.mixing / 2, max_scf=120)]


def pseudopotential_charge(symbol: str) -> int:
    """Valence electrons of an element's GTH-PBE potential.

    Raises:
        BenchError: no such potential is known here.
    """
    if symbol not in POTENTIALS:
        raise BenchError(
            f"The valence charge of {symbol} is not known.",
            "Add it to POTENTIALS in bench/reference/cp2k_input.py and make its proatom. "
            f"{nearest(symbol, POTENTIALS)}",
        )
    return POTENTIALS[symbol]


def valence(atoms: Atoms) -> NDArray[np.float64]:
    """Charges of the ions (valence electrons per atom), e, [n].

    Raises:
        BenchError: an element whose pseudopotential's charge is not known here.
    """
    return np.array([float(pseudopotential_charge(s)) for s in atoms.get_chemical_symbols()])


def write_input(
    atoms: Atoms,
    settings: Settings,
    *,
    restart: str | None = None,
    contracted: bool = True,
) -> str:
    """The text of an input.

    Args:
        atoms: planned structure; ``info``: total_charge (e), multiplicity, field (V/Å along z, the
            applied one), k_points ("3x3x1"; "1x1x1" is the Gamma point).
        settings: numerical settings.
        restart: file name of the wave function to start from.
        contracted: the molecular basis; False makes every primitive a function of its own.

    Raises:
        BenchError: an element whose pseudopotential is not known here, or (uncontracted) whose
            basis is not in CP2K's data.
    """
    info = atoms.info
    symbols = atoms.get_chemical_symbols()
    elements = sorted(set(symbols))
    values: dict[str, Any] = {
        "charge": int(info["total_charge"]),
        "multiplicity": int(info["multiplicity"]),
        "settings": settings,
        "restart": restart,
        # CP2K's external potential is that of a unit positive charge: v = -E (z - centre)
        "slope": -float(info["field"]) * Bohr / Hartree,
        "centre": 0.5 * atoms.cell.array[2, 2] / Bohr,
        "k_points": "" if info["k_points"] == "1x1x1" else info["k_points"].replace("x", " "),
        "cell": list(zip("ABC", atoms.cell.array.tolist())),
        "atoms": list(zip(symbols, atoms.positions.tolist())),
        "kinds": [(s, f"GTH-PBE-q{pseudopotential_charge(s)}") for s in elements],
        "basis": BASIS,
        "uncontracted": {} if contracted else {s: uncontracted(s) for s in elements},
    }
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template(_TEMPLATE).render(values)
