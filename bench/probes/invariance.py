"""Does the energy know how a structure lies in space or how its atoms are counted?"""

from __future__ import annotations

import ase
import numpy as np
from ase.geometry import wrap_positions
from numpy.typing import NDArray

from bench.labels.keys import ELECTRIC_FIELD_KEY
from bench.probes.materials import available, polar_slab, quartz, shaken, state, water_pair
from bench.probes.probe import Probe
from bench.probes.result import Measurement, Observed
from bench.probes.subject import Subject

BAR = 1e-6  # eV and eV/Å
FIELD = 0.1  # V/Å, on slabs
SHIFT = np.array([0.31, -0.42, 0.53])  # Å

Moved = tuple[ase.Atoms, NDArray[np.float64]]  # the structure, and what became of its forces


def invariance(subject: Subject) -> Observed:
    """The largest change of energy and (turned back) forces under each operation."""
    materials = [
        _in_field(shaken(atoms))
        for atoms in available([water_pair, polar_slab, quartz], subject.elements)
    ]
    measurements = []
    largest = np.max([changes(subject, atoms) for atoms in materials], axis=0)
    for name, (energy, force) in zip(OPERATIONS, largest):
        measurements += [
            Measurement(f"energy under {name}", float(energy), "eV", BAR),
            Measurement(f"forces under {name}", float(force), "eV/Å", BAR),
        ]
    return Observed(", ".join(a.get_chemical_formula() for a in materials), measurements)


def _in_field(atoms: ase.Atoms) -> ase.Atoms:
    return state(atoms, field=(0.0, 0.0, FIELD if is_slab(atoms) else 0.0))


def is_slab(atoms: ase.Atoms) -> bool:
    """Whether two axes are periodic."""
    return int(atoms.pbc.sum()) == 2


def changes(subject: Subject, atoms: ase.Atoms) -> NDArray[np.float64]:
    """[operations, 2] change of the energy (eV) and the largest of a force component (eV/Å)."""
    before = subject.predict(atoms)
    assert before.forces is not None
    found = []
    for operation in OPERATIONS.values():
        moved, expected = operation(atoms, before.forces.cpu().numpy())
        after = subject.predict(moved)
        assert after.forces is not None
        energy = abs(float(after.energy[0] - before.energy[0]))
        found.append((energy, np.abs(after.forces.cpu().numpy() - expected).max()))
    return np.array(found)


def rotated(atoms: ase.Atoms, forces: NDArray[np.float64]) -> Moved:
    """About z, which a slab allows, and about other axes where there is no slab."""
    turn = _rotation(0.7)
    if not is_slab(atoms):
        turn = turn @ _rotation(1.1)[[1, 2, 0]][:, [1, 2, 0]]
    out = atoms.copy()
    out.set_cell(atoms.cell.array @ turn.T)
    out.positions = atoms.positions @ turn.T
    return out, forces @ turn.T


def _rotation(angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def translated(atoms: ase.Atoms, forces: NDArray[np.float64]) -> Moved:
    """By part of a cell, with atoms wrapped into it; in a slab's plane only, across the field."""
    out = atoms.copy()
    out.positions += SHIFT * [1, 1, not is_slab(atoms)]
    out.positions = (
        wrap_positions(out.positions, out.cell, out.pbc) if out.pbc.any() else out.positions
    )
    return out, forces


def permuted(atoms: ase.Atoms, forces: NDArray[np.float64]) -> Moved:
    """In another order."""
    order = np.random.default_rng(2).permutation(len(atoms))
    return atoms[order], forces[order]


def inverted(atoms: ase.Atoms, forces: NDArray[np.float64]) -> Moved:
    """Through the cell's centre, with the field."""
    out = atoms.copy()
    out.positions = atoms.cell.array.sum(0) - atoms.positions
    out.info[ELECTRIC_FIELD_KEY] = -atoms.info[ELECTRIC_FIELD_KEY]
    return out, -forces


OPERATIONS = {
    "rotation": rotated,
    "translation": translated,
    "permutation": permuted,
    "inversion": inverted,
}
PROBE = Probe("invariance", "does the energy know how a structure lies?", invariance)
