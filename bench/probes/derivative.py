"""Are the forces the derivative of the energy?"""

from __future__ import annotations

import ase
import numpy as np

from bench.probes.materials import available, polar_slab, quartz, shaken, state, water_pair
from bench.probes.probe import Probe
from bench.probes.result import Measurement, Observed
from bench.probes.subject import Subject

STEP = 2e-3  # Å; the error of the formula is of its fourth order
COEFFICIENTS = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}
BAR = 1e-5  # eV/Å
FIELD = 0.1  # V/Å, on slabs


def derivative(subject: Subject) -> Observed:
    """Forces along random displacements of all atoms against the energy's slope."""
    materials = available([water_pair, polar_slab, quartz], subject.elements)
    errors = [force_error(subject, shaken(atoms)) for atoms in materials]
    names = ", ".join(atoms.get_chemical_formula() for atoms in materials)
    return Observed(names, [Measurement("force against −dE/dr", max(errors), "eV/Å", BAR)])


def force_error(subject: Subject, atoms: ase.Atoms) -> float:
    """|F·u + dE/du| in eV/Å along a random unit vector u of all coordinates."""
    slab = atoms.pbc.any() and not atoms.pbc.all()
    atoms = state(atoms, field=(0.0, 0.0, FIELD if slab else 0.0))
    direction = np.random.default_rng(1).normal(size=atoms.positions.shape)
    direction /= np.linalg.norm(direction)
    forces = subject.predict(atoms).forces
    assert forces is not None
    slope = 0.0
    for n, coefficient in COEFFICIENTS.items():
        moved = atoms.copy()
        moved.positions += n * STEP * direction
        slope += coefficient * float(subject.predict(moved).energy[0]) / STEP
    return abs(float((forces.cpu().numpy() * direction).sum()) + slope)


PROBE = Probe("derivative", "are the forces the derivative of the energy?", derivative)
