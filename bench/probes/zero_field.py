"""Is the model without a field the limit of the model in small fields?"""

from __future__ import annotations

import ase

from bench.probes.materials import polar_slab, state
from bench.probes.probe import Probe
from bench.probes.result import Measurement, Observed
from bench.probes.subject import Subject

STEP = 2e-3  # V/Å
JUMP_BAR = 1e-6  # eV and e Å
SLOPE_BAR = 1e-5  # e Å


def zero_field(subject: Subject) -> Observed:
    """Jumps of energy and dipole at zero field, and −dE/dE_z there against the dipole.

    Values at zero are compared with those extrapolated from ± one and ± two steps, with errors of
    the fourth order in the step.
    """
    subject.needs("dipole")
    slab = polar_slab(subject.elements)
    at = {n: _energy_and_dipole(subject, slab, n * STEP) for n in (-2, -1, 0, 1, 2)}
    energy_jump, dipole_jump = (abs(at[0][i] - extrapolated(at, i)) for i in (0, 1))
    slope = (8 * (at[1][0] - at[-1][0]) - (at[2][0] - at[-2][0])) / (12 * STEP)
    return Observed(
        f"slab of {slab.get_chemical_formula()}, steps of {STEP:g} V/Å",
        [
            Measurement("jump of the energy at zero field", energy_jump, "eV", JUMP_BAR),
            Measurement("jump of the dipole at zero field", dipole_jump, "e Å", JUMP_BAR),
            Measurement("dipole against −dE/dfield", abs(slope + at[0][1]), "e Å", SLOPE_BAR),
        ],
    )


def extrapolated(at: dict[int, tuple[float, float]], part: int) -> float:
    """The value at zero from those at ± one and ± two steps."""
    one, two = ((at[n][part] + at[-n][part]) / 2 for n in (1, 2))
    return (4 * one - two) / 3


def _energy_and_dipole(subject: Subject, slab: ase.Atoms, field: float) -> tuple[float, float]:
    """In eV and e Å (along z), in a field along z in V/Å."""
    prediction = subject.predict(state(slab, field=(0.0, 0.0, field)))
    assert prediction.dipole is not None
    return float(prediction.energy[0]), float(prediction.dipole[0, 2])


PROBE = Probe("zero field", "is no field the limit of small fields?", zero_field)
