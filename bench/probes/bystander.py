"""Does a molecule far away notice that an ion is charged?

Size consistency in the total charge: the energy of a charged fragment with a distant neutral one is
the sum of both.  It is not where charge is told to, or shared among, all atoms of a structure.
"""

from __future__ import annotations

import ase

from bench.probes.materials import ion_pair, neutral_molecule, state
from bench.probes.probe import Probe
from bench.probes.result import Measurement, NotApplicable, Observed
from bench.probes.subject import Subject

DISTANCE = 100.0  # Å, where an ion and a molecule's dipole interact by less than 1 meV
BAR = 0.01  # eV


def bystander(subject: Subject) -> Observed:
    """|E(ion and molecule) − E(ion) − E(molecule)|, the molecule 100 Å away."""
    if not subject.knows_total_charge:
        raise NotApplicable(f"{subject.point} knows no total charge")
    pair, anion = ion_pair(subject.elements, 0.0)
    cation, molecule = pair[~anion], neutral_molecule(subject.elements)
    charge = 1.0 if "H" in subject.elements else 2.0  # of H3O+ and SiO2+
    molecule.positions[:, 0] += DISTANCE
    apart = energy(subject, cation, charge) + energy(subject, molecule, 0.0)
    error = abs(energy(subject, cation + molecule, charge) - apart)
    formulas = [part.get_chemical_formula() for part in (cation, molecule)]
    return Observed(
        f"{formulas[0]} of charge {charge:+g} and {formulas[1]}, {DISTANCE:g} Å apart",
        [Measurement("energy of a bystander", error, "eV", BAR)],
    )


def energy(subject: Subject, atoms: ase.Atoms, charge: float) -> float:
    """In eV, of atoms in open boundaries."""
    return float(subject.predict(state(atoms, charge=charge)).energy[0])


PROBE = Probe("bystander", "is a distant molecule blind to an ion's charge?", bystander)
