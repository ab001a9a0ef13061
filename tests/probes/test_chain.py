"""Exponents of chains whose polarisability is a known power of their length."""

from __future__ import annotations

import pytest

from bench.density.constants import COULOMB_CONSTANT
from bench.probes.chain import PROBE, chain
from bench.probes.result import NotApplicable, Verdict
from tests.probes.toys import field_of, prediction, toy, value


def polarisable(power: float, *, alpha: float = 0.1, permanent: float = 0.4):
    """M = permanent + α N^power E + β E², with N molecules; α in e Å²/V."""

    def predict(atoms):
        field, count = field_of(atoms), len(atoms) / 3
        return prediction(dipole=permanent + alpha * count**power * field + 5.0 * field**2)

    return predict


@pytest.mark.parametrize(
    ("power", "verdict"), [(1.0, "pass"), (1.19, "pass"), (1.21, "fail"), (3.0, "fail")]
)
def test_the_exponent_is_the_power_and_the_permanent_dipole_does_not_matter(power, verdict):
    result = PROBE.run(toy(polarisable(power)))
    assert value(result, "chain exponent") == pytest.approx(power, abs=1e-9)
    assert result.verdict.value == verdict


def test_polarisabilities_are_volumes_per_molecule():
    observed = chain(toy(polarisable(1.0)))
    for count in (8, 16):
        found = value(observed, f"polarisability per molecule, {count}")
        assert found == pytest.approx(0.1 * COULOMB_CONSTANT, rel=1e-9)


def test_a_conductor_is_a_finding_where_it_is_declared():
    assert PROBE.run(toy(polarisable(2.7), point="scf_qeq")).verdict is Verdict.finding
    assert PROBE.run(toy(polarisable(2.7), trained=False)).verdict is Verdict.finding


def test_a_response_against_the_field_fails():
    assert PROBE.run(toy(polarisable(1.0, alpha=-0.1))).verdict is Verdict.failed


def test_without_a_response_there_is_no_exponent():
    with pytest.raises(NotApplicable, match="does not respond to a field"):
        chain(toy(polarisable(1.0, alpha=0.0)))


def test_without_water_there_is_no_chain():
    with pytest.raises(NotApplicable, match="no water"):
        chain(toy(polarisable(1.0), elements=frozenset({"O", "Si"})))
