"""``bench data sample vacancy``: geometries of a crystal with one atom missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from omegaconf import MISSING

from bench.config.key import key
from bench.config.options import call, whole_numbers
from bench.reference.trajectory import Trajectory, read_crystal, write_trajectory
from bench.structures import vacancy_supercell

ELECTRONIC_TEMPERATURE = 1000.0  # K, of xTB


@dataclass
class Vacancy(Trajectory):
    """Frames of short molecular dynamics of a crystal with one atom missing, to be labelled."""

    element: str = key(MISSING, "symbol of what is missing")
    crystal: str = key("quartz", "or a CIF or POSCAR file")
    repeat: str = key("2x2x1", "of the crystal's cell")
    site: int | None = key(None, "index in the supercell; null: nearest to the centre", least=0)
    charge: int = key(0, "of the cell", "e")
    temperature: float = key(500.0, "of the dynamics", "K", least=0)


def main(words: Sequence[str]) -> int:
    """Sample."""
    return call(words, Vacancy, run, verb="bench data sample vacancy")


def run(options: Vacancy) -> int:
    """Remove the atom and run the rest."""
    nx, ny, nz = whole_numbers(options.repeat, 3, "repeat")
    atoms = vacancy_supercell(
        read_crystal(options.crystal),
        repeat=(nx, ny, nz),
        element=options.element,
        site=options.site,
    )
    told = write_trajectory(
        atoms,
        options,
        charge=options.charge,
        electronic_temperature=ELECTRONIC_TEMPERATURE,
        time_step=2.0,
        friction=0.02,
        relax_force=0.5,
    )
    print(told)
    return 0
