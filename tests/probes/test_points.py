"""Every probe on every point, small and with random weights: what is exact has to hold."""

from __future__ import annotations

from functools import cache

import pytest

from bench.models.self_consistent import SelfConsistentPoint
from bench.probes import drift
from bench.probes.expected import EXPECTED
from bench.probes.registry import PROBES
from bench.probes.result import ProbeResult, Verdict
from bench.probes.subject import Subject
from tests.models.test_points import POINTS, build
from tests.probes.toys import value

EXACT = [name for name, probe in PROBES.items() if not probe.learned]
# ``PointTests`` asks every point the same on such structures; one point of each kind is enough.
ASKED_ALREADY = {"invariance", "derivative"}
OF_EACH_KIND = {"short_range", "polar", "scf_levels", "scf_fixed_point-many_body"}


@pytest.fixture(scope="module", params=POINTS)
def label(request) -> str:
    """In POINTS."""
    return request.param


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    """Of dynamics: what a drift is, its own tests say."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drift, "STEPS", 10)
        yield


@cache
def subject_of(name: str) -> Subject:
    """Trained, so that nothing is excused by random weights."""
    return Subject.of(build(name), trained=True)


@cache
def probed(name: str, probe: str) -> ProbeResult:
    """Asked once for all tests."""
    return PROBES[probe].run(subject_of(name))


@pytest.fixture(scope="module")
def subject(label) -> Subject:
    return subject_of(label)


@pytest.fixture(scope="module")
def results(label) -> dict[str, ProbeResult]:
    asked = PROBES.keys() - (set() if label in OF_EACH_KIND else ASKED_ALREADY)
    return {name: probed(label, name) for name in PROBES if name in asked}


def test_what_is_exact_passes_or_is_declared(subject, results):
    declared = EXPECTED.get(subject.point, {})
    for name in (name for name in EXACT if name in results):
        assert results[name].verdict is not Verdict.failed, results[name]
        for measurement in results[name].measurements:
            assert measurement.within or measurement.name in declared, measurement


def test_declared_measurements_are_measured_once(subject, results):
    names = [m.name for result in results.values() for m in result.measurements]
    assert len(names) == len(set(names))
    assert set(EXPECTED.get(subject.point, {})) <= set(names)


def test_iterations_from_all_starts_are_few(subject, results):
    if not isinstance(subject.model, SelfConsistentPoint):
        pytest.skip("nothing is self-consistent")
    assert value(results["starts"], "density by start, newton") < 1e-8
    assert value(results["starts"], "density by start, anderson") < 1e-8
    assert value(results["starts"], "most iterations, newton") <= 8
    assert 1 < value(results["starts"], "most iterations, anderson") <= 30


@pytest.mark.parametrize("name", ["scf_qeq", "scf_energy_functional", "scf_fixed_point"])
def test_charge_flows_along_a_chain_of_molecules_in_conductors(name):
    result = probed(name, "chain")
    assert result.verdict is Verdict.finding
    assert 2.0 < value(result, "chain exponent") < 3.0


@pytest.mark.parametrize("name", ["scf_response", "scf_levels"])
def test_molecules_insulate_and_metals_screen(name):
    chain, screening = probed(name, "chain"), probed(name, "screening")
    assert chain.verdict is screening.verdict is Verdict.passed
    assert 0.95 < value(chain, "chain exponent") < 1.2
    assert value(screening, "unscreened potential") < 0.2


def test_qeq_leaves_fractions_on_distant_ions_that_attract_by_coulombs_law():
    result = probed("scf_qeq", "dissociation")
    assert result.verdict is Verdict.finding
    assert value(result, "error of Coulomb's law") < 1e-9


@pytest.mark.parametrize("name", ["fixed_charge", "split_charges"])
def test_formal_charges_stay_whole(name):
    result = probed(name, "dissociation")
    assert result.verdict is Verdict.passed
    assert value(result, "charge of the anion") == pytest.approx(-1.0, abs=1e-12)


@pytest.mark.parametrize("probe", ["chain", "screening", "zero field", "starts", "bystander"])
def test_short_range_has_no_density_to_probe(probe):
    assert probed("short_range", probe).verdict is Verdict.not_applicable


@pytest.mark.parametrize("name", ["short_range", "global_embedding"])
def test_distant_ions_do_not_attract_without_electrostatics(name):
    result = probed(name, "dissociation")
    assert result.verdict is Verdict.finding
    assert value(result, "missing attraction of ions") == pytest.approx(1.0, abs=1e-12)


def test_a_distant_molecule_notices_a_charge_that_every_atom_is_told():
    result = probed("global_embedding", "bystander")
    assert result.verdict is Verdict.finding
    assert value(result, "energy of a bystander") > 0.05


@pytest.mark.parametrize("name", ["split_charges", "scf_response", "scf_levels"])
def test_charges_that_bonds_carry_are_conserved_where_they_are(name):
    ions, molecule = probed(name, "dissociation"), probed(name, "bystander")
    assert ions.verdict is molecule.verdict is Verdict.passed
    assert value(ions, "charge of the anion") == pytest.approx(-1.0, abs=5e-3)
    assert value(molecule, "energy of a bystander") < 1e-3
