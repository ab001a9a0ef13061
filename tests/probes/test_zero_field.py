"""Jumps at zero field, and a dipole that is not the energy's derivative."""

from __future__ import annotations

import pytest

from bench.probes.result import NotApplicable, Verdict
from bench.probes.zero_field import PROBE, zero_field
from tests.probes.toys import field_of, prediction, toy, value

DIPOLE, ALPHA, CUBIC = 0.3, 0.7, 0.5  # e Å, e Å²/V, e Å³/V²


def dielectric(*, energy_jump: float = 0.0, dipole_jump: float = 0.0, wrong: float = 0.0):
    """E = −M ε − α ε²/2 − c ε³/3 with its derivative as dipole, apart from what is asked for."""

    def predict(atoms):
        field = field_of(atoms)[2]
        at_zero = field == 0.0
        energy = -DIPOLE * field - ALPHA * field**2 / 2 - CUBIC * field**3 / 3
        dipole = DIPOLE + ALPHA * field + CUBIC * field**2 + wrong
        return prediction(
            energy + energy_jump * at_zero, dipole=[0.0, 0.0, dipole + dipole_jump * at_zero]
        )

    return predict


def test_a_smooth_response_with_its_own_dipole_passes():
    result = PROBE.run(toy(dielectric()))
    assert result.verdict is Verdict.passed
    assert all(abs(m.value) < 1e-12 for m in result.measurements)


@pytest.mark.parametrize(
    ("change", "name", "size"),
    [
        ({"energy_jump": 2e-6}, "jump of the energy at zero field", 2e-6),
        ({"dipole_jump": -2e-6}, "jump of the dipole at zero field", 2e-6),
        ({"wrong": 0.05}, "dipole against −dE/dfield", 0.05),
    ],
)
def test_each_fault_has_its_number(change, name, size):
    result = PROBE.run(toy(dielectric(**change)))
    assert value(result, name) == pytest.approx(size, rel=1e-6)
    beyond = {m.name for m in result.measurements if not m.within}
    assert result.verdict is Verdict.failed and name in beyond


def test_a_dipole_of_its_own_is_a_finding_where_the_energy_is_not_variational():
    subject = toy(dielectric(wrong=0.05), point="scf_fixed_point")
    assert PROBE.run(subject).verdict is Verdict.finding
    jump = toy(dielectric(wrong=0.05, energy_jump=1e-3), point="scf_fixed_point")
    assert PROBE.run(jump).verdict is Verdict.failed


def test_a_point_without_a_dipole_is_not_asked():
    with pytest.raises(NotApplicable, match="predicts no dipole"):
        zero_field(toy(dielectric(), predicts=frozenset()))
