"""Dynamics in potentials whose drift is known."""

from __future__ import annotations

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes

from bench.probes.drift import PROBE, integrate
from bench.probes.materials import water_pair
from bench.probes.result import Verdict
from tests.probes.toys import ALL, prediction, toy, value


class Tethers(Calculator):
    """Springs to sites; each call adds ``leak`` to the energy (eV), ``swirl`` turns the forces."""

    implemented_properties = ["energy", "forces"]

    def __init__(self, *, leak: float = 0.0, swirl: float = 0.0, stiffness: float = 30.0) -> None:
        super().__init__()
        self.leak, self.swirl, self.stiffness, self.calls = leak, swirl, stiffness, 0
        self.sites = water_pair(ALL).positions + 0.1

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        away = atoms.positions - self.sites
        turned = np.cross([0.0, 0.0, self.swirl], away)
        self.results = {
            "energy": 0.5 * self.stiffness * (away**2).sum() + self.leak * self.calls,
            "forces": -self.stiffness * away + turned,
        }
        self.calls += 1


def dynamics(*, trained=True, **options):
    return toy(lambda atoms: prediction(), trained=trained, calculator=lambda: Tethers(**options))


def test_springs_conserve_energy_and_the_shadow_hides_verlets_fluctuation():
    result = PROBE.run(dynamics())
    assert result.verdict is Verdict.passed
    assert value(result, "energy drift") < 1e-4
    plain = value(result, "fluctuation of the energy")
    assert value(result, "fluctuation of its conserved part") < plain / 50


def test_the_shadow_is_exact_to_the_fourth_order():
    spreads = []
    for step in (0.5, 0.25):
        atoms = water_pair(ALL)
        atoms.calc = Tethers()
        spreads.append(np.ptp(integrate(atoms, time_step=step, steps=round(40 / step)).shadow))
    assert spreads[0] / spreads[1] == pytest.approx(16, rel=0.15)


def test_a_leak_is_measured_per_atom_and_picosecond():
    leak = 1e-5  # eV per step of 0.5 fs, 6 atoms
    found = value(PROBE.run(dynamics(leak=leak)), "energy drift")
    assert found == pytest.approx(leak / 6 / 0.5e-3, abs=1e-4)


def test_forces_that_are_no_gradient_fail():
    assert PROBE.run(dynamics(swirl=0.3)).verdict is Verdict.failed
    assert PROBE.run(dynamics(swirl=0.3, trained=False)).verdict is Verdict.finding


def test_time_and_energy_are_in_the_middle_of_the_run():
    atoms = water_pair(ALL)
    atoms.calc = Tethers()
    run = integrate(atoms, time_step=0.5, steps=10)
    assert run.times == pytest.approx(0.5e-3 * np.arange(1, 10))
    assert len(run.energies) == len(run.shadow) == 9
