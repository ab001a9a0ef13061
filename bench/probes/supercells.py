"""Is the energy of a supercell that of its cells?"""

from __future__ import annotations

import ase

from bench.probes.materials import available, metal_crystal, polar_slab, quartz, state
from bench.probes.probe import Probe
from bench.probes.result import Measurement, Observed
from bench.probes.subject import Subject

BAR = 1e-6  # eV per cell
REPEATS = (2, 2, 1)


def supercells(subject: Subject) -> Observed:
    """Energy per cell of 2 by 2 cells against one, of a polar slab and of crystals."""
    cells = available([polar_slab, quartz, metal_crystal], subject.elements)
    names = [cell.get_chemical_formula() for cell in cells]
    return Observed(
        f"2 by 2 cells of {', '.join(names)}",
        [
            Measurement(
                f"size inconsistency, {'crystal' if cell.pbc.all() else 'slab'} of {name}",
                deviation(subject, cell),
                "eV",
                BAR,
            )
            for cell, name in zip(cells, names)
        ],
    )


def deviation(subject: Subject, cell: ase.Atoms) -> float:
    """|E(supercell) / cells − E(cell)| in eV."""
    repeated = state(cell.repeat(REPEATS))
    count = len(repeated) / len(cell)
    single = float(subject.predict(cell).energy[0])
    return abs(float(subject.predict(repeated).energy[0]) / count - single)


PROBE = Probe("supercells", "is the energy of a supercell that of its cells?", supercells)
