"""Does a slab know how high its cell is?"""

from __future__ import annotations

import ase
import numpy as np

from bench.probes.materials import polar_slab, state, with_height
from bench.probes.probe import Probe
from bench.probes.result import Measurement, Observed
from bench.probes.subject import Subject

HEIGHTS = (40.0, 60.0)  # Å
FIELD = 0.1  # V/Å
ENERGY_BAR = 1e-5  # eV; the default reciprocal cutoff leaves 1e-6 in a cut crystal of whole ions
FORCE_BAR = 1e-5  # eV/Å


def vacuum(subject: Subject) -> Observed:
    """Energies and forces in two cells: of a polar slab in a field, and of a charged one.

    Of the charged slab's energy the baseline's Q Σ s_Z / V is left out: it follows the zero of
    the labels' potential, which is the average over the cell.
    """
    slab = polar_slab(subject.elements)
    measurements = _changes(subject, slab, "polar", field=FIELD)
    if subject.knows_total_charge:
        measurements += _changes(subject, slab, "charged", charge=1.0)
    heights = " and ".join(f"{height:g}" for height in HEIGHTS)
    return Observed(f"slab of {slab.get_chemical_formula()} in {heights} Å", measurements)


def _changes(
    subject: Subject, slab: ase.Atoms, kind: str, *, charge: float = 0.0, field: float = 0.0
) -> list[Measurement]:
    low, high = (
        subject.predict(state(with_height(slab, height), charge=charge, field=(0.0, 0.0, field)))
        for height in HEIGHTS
    )
    assert low.forces is not None and high.forces is not None
    energies = [float((prediction.energy - prediction.baseline)[0]) for prediction in (low, high)]
    force = float((low.forces - high.forces).abs().max())
    return [
        Measurement(f"energy by vacuum, {kind}", abs(np.diff(energies)[0]), "eV", ENERGY_BAR),
        Measurement(f"forces by vacuum, {kind}", force, "eV/Å", FORCE_BAR),
    ]


PROBE = Probe("vacuum", "does a slab know how high its cell is?", vacuum)
