"""Charges and forces of separated ions against closed forms."""

from __future__ import annotations

import ase
import numpy as np
import pytest
import torch

from bench.density.constants import COULOMB_CONSTANT
from bench.probes.dissociation import DISTANCE, PROBE, coulomb_force, dissociation
from bench.probes.materials import state
from bench.probes.result import Verdict
from tests.probes.toys import prediction, toy, value


def ions(charge: float, *, force: float):
    """±charge on the oxygens of H3O and HO, and the force on the second in units of k/R²."""

    def predict(atoms: ase.Atoms):
        multipoles, forces = np.zeros((len(atoms), 1)), np.zeros((len(atoms), 3))
        multipoles[[0, 4], 0] = charge, -charge
        forces[[0, 4], 2] = np.array([-1, 1]) * force * COULOMB_CONSTANT / DISTANCE**2
        return prediction(multipoles=multipoles, forces=forces)

    return predict


def test_whole_charges_that_attract_by_coulombs_law_pass():
    result = PROBE.run(toy(ions(1.0, force=-1.0)))
    assert result.verdict is Verdict.passed
    assert value(result, "charge of the anion") == -1.0
    assert value(result, "error of Coulomb's law") == pytest.approx(0.0, abs=1e-12)
    expected = -1000 * COULOMB_CONSTANT / 400
    assert value(result, "force on the anion") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("point", "verdict"), [("scf_qeq", "finding"), ("split_charges", "fail")])
def test_fractions_are_a_finding_of_qeq_and_a_failure_of_others(point, verdict):
    result = PROBE.run(toy(ions(0.7, force=-0.49), point=point))
    assert result.verdict.value == verdict
    assert value(result, "fractional charge") == pytest.approx(0.3)
    assert value(result, "error of Coulomb's law") == pytest.approx(0.0, abs=1e-12)


def test_a_missing_coulomb_tail_is_measured_in_squared_charges():
    observed = dissociation(toy(ions(1.0, force=-0.25)))
    assert value(observed, "error of Coulomb's law") == pytest.approx(0.75)


def test_the_expected_force_includes_dipoles():
    """U = k (q Q / R + (Q d − q D) / R² − 2 d D / R³) for dipoles d, D along the axis."""
    q, d, big_q, big_d, r = 0.8, 0.5, -1.1, -0.4, 20.0
    atoms = state(ase.Atoms("OO", [[0, 0, 0], [0, 0, r]]))
    multipoles = torch.tensor([[q, 0, d, 0], [big_q, 0, big_d, 0]], dtype=torch.float64)
    found = coulomb_force(atoms, np.array([False, True]), multipoles, width=1.5)
    powers = q * big_q / r**2 + 2 * (big_q * d - q * big_d) / r**3 - 6 * d * big_d / r**4
    assert found == pytest.approx(COULOMB_CONSTANT * powers, rel=1e-12)


@pytest.mark.parametrize(
    ("point", "force", "missing", "verdict"),
    [
        ("toy", -1.0, 0.0, "pass"),
        ("short_range", 0.0, 1.0, "finding"),
        ("polar", 0.0, 1.0, "fail"),
    ],
)
def test_a_point_without_a_density_is_asked_for_the_force_alone(point, force, missing, verdict):
    result = PROBE.run(toy(ions(1.0, force=force), point=point, predicts=frozenset()))
    assert result.verdict.value == verdict
    assert value(result, "missing attraction of ions") == pytest.approx(missing, abs=1e-12)
    assert "charge of the anion" not in [m.name for m in result.measurements]
