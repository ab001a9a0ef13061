"""Does the polarisability of a chain of molecules grow like the chain, or like its cube?

Molecules that exchange no charge polarise independently: exponent 1, a little more by mutual
enhancement.  Where charge flows along the chain it is a conductor: exponent 3.
"""

from __future__ import annotations

import math

import numpy as np

from bench.density.constants import COULOMB_CONSTANT
from bench.probes.materials import state, water_chain
from bench.probes.probe import Probe
from bench.probes.result import Measurement, NotApplicable, Observed
from bench.probes.subject import Subject

COUNTS = (8, 16)
FIELD = 0.01  # V/Å
EXPONENT_BAR = 1.2
NO_RESPONSE = 1e-6  # Å³


def chain(subject: Subject) -> Observed:
    """Polarisability along the chain at two lengths, and the exponent between them."""
    subject.needs("dipole")
    short, long = (polarisability(subject, count) for count in COUNTS)
    if max(abs(short), abs(long)) < NO_RESPONSE:
        raise NotApplicable(f"the density of {subject.point} does not respond to a field")
    ratio = long / short if short > 0 and long > 0 else math.nan
    exponent = math.log(ratio) / math.log(COUNTS[1] / COUNTS[0])
    return Observed(
        "chains of {} and {} H2O".format(*COUNTS),
        [
            Measurement(f"polarisability per molecule, {COUNTS[0]}", short / COUNTS[0], "Å³"),
            Measurement(f"polarisability per molecule, {COUNTS[1]}", long / COUNTS[1], "Å³"),
            Measurement("chain exponent", exponent, "", EXPONENT_BAR),
        ],
    )


def polarisability(subject: Subject, count: int) -> float:
    """α_zz of the whole chain in Å³, from the dipole in fields of both signs."""
    atoms = water_chain(subject.elements, count)
    dipoles = []
    for sign in (1, -1):
        prediction = subject.predict(state(atoms, field=np.array([0.0, 0.0, sign * FIELD])))
        assert prediction.dipole is not None
        dipoles.append(float(prediction.dipole[0, 2]))
    return COULOMB_CONSTANT * (dipoles[0] - dipoles[1]) / (2 * FIELD)


PROBE = Probe("chain", "does a chain of molecules insulate?", chain, learned=True)
