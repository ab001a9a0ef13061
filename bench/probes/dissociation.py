"""Two ions far apart: which charge stays on each, and does it attract the other by Coulomb's law?

QEq leaves fractional charges: its energy is a convex parabola of the charge that flows, while exact
energies are straight between integers (Perdew, Parr, Levy and Balduz, Phys. Rev. Lett. 49, 1691,
1982).
"""

from __future__ import annotations

from dataclasses import replace

import ase
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.density.constants import COULOMB_CONSTANT
from bench.density.coulomb import coulomb_energy
from bench.probes.materials import ion_pair
from bench.probes.probe import Probe
from bench.probes.result import Measurement, Observed
from bench.probes.subject import Subject, bare_batch, coulomb_maps

DISTANCE = 20.0  # Å, beyond what any backbone sees
INTEGER_BAR = 0.01  # e
FORCE_BAR = 0.01  # of the force between unit charges
MISSING_BAR = 0.1  # the same, of a point that says nothing of charges


def dissociation(subject: Subject) -> Observed:
    """The anion's charge, and the force on it against that between the predicted multipoles.

    Of a point without a density the force alone, against that between whole charges.
    """
    atoms, anion = ion_pair(subject.elements, DISTANCE)
    prediction = subject.predict(atoms)
    assert prediction.forces is not None
    force, unit = float(prediction.forces[anion, 2].sum()), COULOMB_CONSTANT / DISTANCE**2
    measurements = [Measurement("force on the anion", 1000 * force, "meV/Å")]
    if "multipoles" in subject.predicts:
        assert prediction.multipoles is not None
        charge = float(prediction.multipoles[anion, 0].sum())
        coulomb = coulomb_force(atoms, anion, prediction.multipoles, width=subject.smearing_width)
        measurements += [
            Measurement("charge of the anion", charge, "e"),
            Measurement("fractional charge", abs(charge - round(charge)), "e", INTEGER_BAR),
            Measurement("error of Coulomb's law", abs(force - coulomb) / unit, "e²", FORCE_BAR),
        ]
    else:
        squared = 1.0 if "H" in subject.elements else 4.0  # of the ions' formal charges
        missing = abs(squared + force / unit)
        measurements.append(Measurement("missing attraction of ions", missing, "e²", MISSING_BAR))
    cation = atoms[~anion].get_chemical_formula()
    formulas = f"{cation} and {atoms[anion].get_chemical_formula()}"
    return Observed(f"{formulas}, {DISTANCE:g} Å apart", measurements)


def coulomb_force(
    atoms: ase.Atoms, moved: NDArray[np.bool_], multipoles: Tensor, *, width: float
) -> float:
    """Force along z (eV/Å) on the moved atoms [n] if the multipoles [n, 1 or 4] stayed as they are.

    The force of the whole on a part needs no care about the part's own forces: they cancel.
    """
    batch = bare_batch(atoms, width=width)
    batch = replace(batch, positions=batch.positions.requires_grad_())
    maps, p = coulomb_maps(batch, multipoles.detach().cpu(), width=width)
    (gradient,) = torch.autograd.grad(coulomb_energy(maps, p).sum(), batch.positions)
    return -float(gradient[moved, 2].sum())


PROBE = Probe("dissociation", "is the charge of separated ions whole?", dissociation, learned=True)
