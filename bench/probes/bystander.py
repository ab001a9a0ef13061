"""Does a molecule far away notice that an ion is charged?

Size consistency in the total charge: the energy of a charged fragment with a distant neutral one is
the sum of both.  It is not where charge is told to, or shared among, all atoms of a structure.

That holds of exact ground states where the molecule is harder to ionise than the ion's neutral: H3O
and water (12.6 eV), SiO (11.5 eV) and SiO2 (12.6 eV: Kostko, Ahmed and Metz, J. Phys. Chem. A 113,
1225, 2009).  An ion that lacks two electrons would rightly take one from the molecule.
"""

from __future__ import annotations

import ase

from bench.probes.materials import ion_pair, neutral_molecule, state
from bench.probes.probe import Probe
from bench.probes.result import Measurement, NotApplicable, Observed
from bench.probes.subject import Subject

DISTANCE = 100.0  # Å, where an ion and a molecule's dipole interact by less than 1 meV
CHARGE = 1.0  # e
BAR = 0.01  # eV


def bystander(subject: Subject) -> Observed:
    """|E(ion and molecule) − E(ion) − E(molecule)|, the molecule 100 Å away."""
    if not subject.knows_total_charge:
        raise NotApplicable(f"{subject.point} knows no total charge")
    pair, anion = ion_pair(subject.elements, 0.0)
    cation, molecule = pair[~anion], neutral_molecule(subject.elements)
    molecule.positions[:, 0] += DISTANCE
    apart = energy(subject, cation, CHARGE) + energy(subject, molecule, 0.0)
    error = abs(energy(subject, cation + molecule, CHARGE) - apart)
    formulas = [part.get_chemical_formula() for part in (cation, molecule)]
    return Observed(
        f"{formulas[0]} of charge {CHARGE:+g} and {formulas[1]}, {DISTANCE:g} Å apart",
        [Measurement("energy of a bystander", error, "eV", BAR)],
    )


def energy(subject: Subject, atoms: ase.Atoms, charge: float) -> float:
    """In eV, of atoms in open boundaries."""
    return float(subject.predict(state(atoms, charge=charge)).energy[0])


PROBE = Probe("bystander", "is a distant molecule blind to an ion's charge?", bystander)
