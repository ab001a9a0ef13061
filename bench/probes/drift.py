"""Does dynamics with the model conserve energy?

Velocity Verlet does not conserve the energy H but, up to the fourth order of the time step h, the
energy H̃ = H − h²/12 v·dF/dt − h²/24 F·F/m of its shadow Hamiltonian (Hairer, Lubich and Wanner,
Geometric Numerical Integration, chapter IX).  H fluctuates a hundred times more than H̃, which
would hide a drift of a short run.
"""

from __future__ import annotations

from dataclasses import dataclass

import ase
import numpy as np
from ase import units
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary
from ase.md.verlet import VelocityVerlet
from numpy.typing import NDArray

from bench.probes.materials import available, metal_slab, quartz, water_pair
from bench.probes.probe import Probe
from bench.probes.result import Measurement, Observed
from bench.probes.subject import Subject

TIME_STEP = 0.5  # fs
STEPS = 100
TEMPERATURE = 300.0  # K
BAR = 1e-3  # eV/atom/ps: 300 K of kinetic energy would be gone after 40 ps


@dataclass(frozen=True)
class Trajectory:
    """A run of velocity Verlet.

    Attributes:
        times: [t] in ps.
        energies: [t] total energy in eV/atom.
        shadow: [t] conserved energy of the integrator in eV/atom.
    """

    times: NDArray[np.float64]
    energies: NDArray[np.float64]
    shadow: NDArray[np.float64]


def drift(subject: Subject) -> Observed:
    """Slope of the conserved energy over a run of velocity Verlet."""
    atoms = available([water_pair, quartz, metal_slab], subject.elements)[0]
    atoms.calc = subject.calculator()
    run = integrate(atoms, time_step=TIME_STEP, steps=STEPS)
    slope = abs(float(np.polyfit(run.times, run.shadow, 1)[0]))
    return Observed(
        f"{atoms.get_chemical_formula()}, {STEPS} steps of {TIME_STEP:g} fs",
        [
            Measurement("energy drift", slope, "eV/atom/ps", BAR),
            Measurement("fluctuation of the energy", float(np.std(run.energies)), "eV/atom"),
            Measurement("fluctuation of its conserved part", float(np.std(run.shadow)), "eV/atom"),
        ],
    )


def integrate(atoms: ase.Atoms, *, time_step: float, steps: int) -> Trajectory:
    """Energies of a run that starts at ``TEMPERATURE``, always with the same velocities.

    Args:
        atoms: with a calculator.
        time_step: in fs.
        steps: one more and one less are needed for a derivative of the forces.
    """
    MaxwellBoltzmannDistribution(atoms, temperature_K=TEMPERATURE, rng=np.random.default_rng(0))
    Stationary(atoms)
    frames = [
        (atoms.get_total_energy(), atoms.get_velocities(), atoms.get_forces())
        for _ in VelocityVerlet(atoms, time_step * units.fs).irun(steps)
    ]
    energies, velocities, forces = (np.array(part) for part in zip(*frames))
    h, inner = time_step * units.fs, slice(1, -1)
    change = (forces[2:] - forces[:-2]) / (2 * h)
    power = (velocities[inner] * change).sum(axis=(1, 2))
    squares = (forces[inner] ** 2 / atoms.get_masses()[:, None]).sum(axis=(1, 2))
    return Trajectory(
        times=1e-3 * time_step * np.arange(len(energies), dtype=np.float64)[inner],
        energies=energies[inner] / len(atoms),
        shadow=(energies[inner] - h**2 * (power / 12 + squares / 24)) / len(atoms),
    )


PROBE = Probe("drift", "does dynamics conserve energy?", drift, learned=True)
