"""Geometries to be labelled: short Langevin dynamics with GFN1-xTB or any other ase calculator.

GFN1-xTB is good enough to visit geometries at zero field; it never gives a label (in a field it
polarises a metal 5 to 40 times too much).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms, units
from ase.constraints import FixAtoms, FixCom
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.optimize import FIRE

from bench.errors import BenchError

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

_DEUTERIUM = 2.014  # u: slower hydrogens allow a longer time step
_LOWEST_LAYER = 0.5  # Å: what is this close to the lowest metal atom is held fixed


@dataclass(frozen=True)
class Sampling:
    """How a trajectory is run; the friction is strong because xTB's forces heat a metal."""

    temperature: float = 400.0  # K
    steps: int = 600
    interval: int = 20  # steps between kept frames
    time_step: float = 1.0  # fs
    friction: float = 0.06  # 1/fs
    relax_steps: int = 40
    relax_force: float = 1.0  # eV/Å: removes only the worst of a random placement
    seed: int = 0


def xtb_calculator(*, charge: int = 0, electronic_temperature: float = 2000.0) -> Calculator:
    """tblite's GFN1-xTB.

    Raises:
        BenchError: tblite is not installed.
    """
    try:
        from tblite.ase import TBLite
    except ImportError as missing:
        raise BenchError(
            "Sampling with xTB needs tblite, which is not installed.", "pip install 'tblite>=0.4'"
        ) from missing
    calculator: Calculator = TBLite(
        method="GFN1-xTB",
        charge=float(charge),
        accuracy=1.0,
        electronic_temperature=electronic_temperature,
        verbosity=0,
    )
    return calculator


def sample(
    atoms: Atoms,
    calculator: Calculator,
    sampling: Sampling,
    *,
    intact: Callable[[Atoms], bool] = lambda atoms: True,
    periodic_vacuum: bool = True,
) -> Iterator[Atoms]:
    """Run the dynamics and give a copy of every kept frame, ``info["step"]`` being its step.

    Args:
        atoms: start; a slab's lowest layer is held, a bulk crystal moves freely.
        calculator: forces; any ase calculator, one of our trained models included.
        sampling: temperature, length and interval.
        intact: the trajectory ends at the first frame for which it is False: xTB's molecules
            break on aluminium, and what is broken does not mend.
        periodic_vacuum: let a slab repeat along z, too: tblite knows no other periodicity.
    """
    atoms = atoms.copy()
    periodic = atoms.pbc.copy()
    atoms.pbc = periodic | periodic_vacuum
    heights = atoms.positions[:, 2]
    held = FixAtoms(mask=heights < heights.min() + _LOWEST_LAYER)
    atoms.set_constraint(FixCom() if periodic.all() else held)
    masses = atoms.get_masses()
    atoms.set_masses(np.where(atoms.numbers == 1, _DEUTERIUM, masses))
    atoms.calc = calculator
    FIRE(atoms, logfile=None).run(fmax=sampling.relax_force, steps=sampling.relax_steps)
    rng = np.random.default_rng(sampling.seed)
    MaxwellBoltzmannDistribution(atoms, temperature_K=sampling.temperature, rng=rng)
    dynamics = Langevin(
        atoms,
        sampling.time_step * units.fs,
        temperature_K=sampling.temperature,
        friction=sampling.friction / units.fs,
        fixcm=False,  # the constraints above hold what should not drift
        rng=rng,
    )
    for _ in dynamics.irun(sampling.steps):
        if dynamics.nsteps % sampling.interval == 0:
            if not intact(atoms):
                return
            yield kept_frame(atoms, periodic, dynamics.nsteps)


def kept_frame(atoms: Atoms, periodic: np.ndarray, step: int) -> Atoms:
    """The geometry alone, with its step and what it says of a vacancy.

    Args:
        atoms: the present geometry.
        periodic: periodicity [3] of the frame.
        step: of the trajectory.
    """
    frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=periodic)
    frame.info = {k: v for k, v in atoms.info.items() if k.startswith("vacancy")}
    frame.info["step"] = step
    return frame
