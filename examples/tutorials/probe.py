"""A probe: a slab that looks the same from both sides cannot tell up from down."""

from __future__ import annotations

from bench.probes.materials import metal_slab, state
from bench.probes.probe import Probe
from bench.probes.result import Measurement, Observed
from bench.probes.subject import Subject

FIELD = 0.1  # V/Å
ENERGY_BAR = 1e-6  # eV
DIPOLE_BAR = 1e-6  # e Å


# --8<-- [start:measure]
def field_reversal(subject: Subject) -> Observed:
    """How far energy and dipole of a bare metal slab are from E(−F) = E(F), M(−F) = −M(F).

    Raises:
        NotApplicable: the model knows no fcc metal, or predicts no dipole.
    """
    subject.needs("dipole")
    slab = metal_slab(subject.elements)
    up, down = (subject.predict(state(slab, field=(0.0, 0.0, f))) for f in (FIELD, -FIELD))
    assert up.dipole is not None and down.dipole is not None
    energy = abs(float(up.energy[0] - down.energy[0]))
    dipole = abs(float(up.dipole[0, 2] + down.dipole[0, 2]))
    return Observed(
        f"slab of {slab.get_chemical_formula()} in ±{FIELD:g} V/Å",
        [
            Measurement("energy difference of opposite fields", energy, "eV", ENERGY_BAR),
            Measurement("dipole left of opposite fields", dipole, "e Å", DIPOLE_BAR),
        ],
    )


PROBE = Probe("field reversal", "are opposite fields the same to a symmetric slab?", field_reversal)
# --8<-- [end:measure]
