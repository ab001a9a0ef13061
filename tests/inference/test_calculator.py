"""ASE sees the numbers that the model gives, in ASE's units, order and conventions."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import units
from ase.calculators.calculator import PropertyNotImplementedError, SCFError
from ase.calculators.fd import calculate_numerical_stress
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.md.verlet import VelocityVerlet

from bench.config.schema import Ensemble
from bench.errors import BenchError
from bench.inference.calculator import BenchCalculator
from bench.inference.predict import predict_frames
from bench.models.prediction import Prediction
from bench.scf.report import ScfReport
from tests.models.test_points import POINTS, build
from tests.structures import bulk, cluster, slab
from tests.trained import write_run


@pytest.fixture(scope="module", params=POINTS)
def model(request):
    return build(request.param)


@pytest.fixture(scope="module")
def qeq():
    return build("scf_qeq")


@pytest.mark.parametrize("structure", [slab, bulk, cluster])
def test_numbers_are_those_of_predict_frames(model, structure):
    atoms = structure()
    (expected,) = predict_frames(model, [atoms], batch_size=1)
    atoms.calc = BenchCalculator(model)
    assert atoms.get_potential_energy() == expected.info["PRED_energy"]
    np.testing.assert_array_equal(atoms.get_forces(), expected.arrays["PRED_forces"])
    if "multipoles" in model.predicts:
        charges = expected.arrays["PRED_multipoles"][:, 0]
        np.testing.assert_array_equal(atoms.get_charges(), charges)
        if structure is not bulk:
            defined = [2] if structure is slab else [0, 1, 2]
            predicted = expected.info["PRED_dipole"][defined]
            np.testing.assert_array_equal(atoms.get_dipole_moment()[defined], predicted)


@pytest.mark.parametrize("structure", [slab, bulk, cluster])
def test_forces_are_finite_differences_of_the_energy(qeq, structure):
    atoms = structure()
    atoms.calc = BenchCalculator(qeq)
    forces, step = atoms.get_forces(), 1e-3
    for atom, axis in [(1, 2), (len(atoms) - 1, 0)]:
        energies = []
        for sign in (1, -1):
            atoms.positions[atom, axis] += sign * step
            energies.append(atoms.get_potential_energy())
            atoms.positions[atom, axis] -= sign * step
        slope = (energies[0] - energies[1]) / (2 * step)
        assert forces[atom, axis] == pytest.approx(-slope, abs=2e-5)


def test_stress_is_ases_finite_difference(qeq):
    atoms = bulk()
    atoms.calc = BenchCalculator(qeq)
    np.testing.assert_allclose(
        atoms.get_stress(), calculate_numerical_stress(atoms, eps=1e-4), atol=1e-6
    )


@pytest.mark.parametrize("structure", [slab, cluster])
def test_stress_is_absent_where_a_strain_means_nothing(qeq, structure):
    atoms = structure()
    atoms.calc = BenchCalculator(qeq)
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()


def test_dipole_is_absent_in_bulk_and_undefined_along_a_slab(qeq):
    crystal, surface = bulk(), slab()
    crystal.calc = surface.calc = BenchCalculator(qeq)
    with pytest.raises(PropertyNotImplementedError):
        crystal.get_dipole_moment()
    assert np.isnan(surface.get_dipole_moment()).tolist() == [True, True, False]


@pytest.mark.parametrize("property_name", ["charges", "dipole"])
def test_a_point_without_a_density_has_no_electrostatic_properties(property_name):
    atoms = cluster()
    atoms.calc = BenchCalculator(build("short_range"))
    with pytest.raises(PropertyNotImplementedError):
        atoms.calc.get_property(property_name, atoms)


@pytest.mark.parametrize(("key", "value"), [("total_charge", 2.0), ("electric_field", (0, 0, 0.1))])
def test_a_change_of_charge_or_field_is_a_new_calculation(qeq, key, value):
    atoms = slab()
    atoms.calc = BenchCalculator(qeq)
    before = atoms.get_potential_energy()
    assert atoms.calc.check_state(atoms) == []
    atoms.info[key] = value
    assert atoms.calc.check_state(atoms) == ["info"]
    assert abs(atoms.get_potential_energy() - before) > 1e-4


def test_info_goes_before_what_the_calculator_was_given(qeq):
    stated, bare = cluster(field=(0.1, 0.0, -0.2)), cluster()
    stated.info["total_charge"], bare.info = 1.0, {}
    stated.calc = BenchCalculator(qeq, total_charge=-3.0, electric_field=(0.0, 0.5, 0.0))
    bare.calc = BenchCalculator(qeq, total_charge=1.0, electric_field=(0.1, 0.0, -0.2))
    assert bare.get_potential_energy() == stated.get_potential_energy()
    assert sum(bare.get_charges()) == pytest.approx(1.0, abs=1e-10)


def test_without_a_field_there_is_none(qeq):
    stated, bare = cluster(), cluster()
    del bare.info["electric_field"]
    stated.calc, bare.calc = BenchCalculator(qeq), BenchCalculator(qeq)
    assert bare.get_potential_energy() == stated.get_potential_energy()


def without(atoms, key):
    del atoms.info[key]
    return atoms


def gold():
    atoms = cluster()
    atoms.numbers[:2] = 79, 80
    return atoms


def in_plane():
    atoms = slab()
    atoms.info["electric_field"] = [0.1, 0.0, 0.0]
    return atoms


@pytest.mark.parametrize(
    ("structure", "problem"),
    [
        (without(cluster(), "total_charge"), "H4O2|OH2OH2.*does not state its total charge"),
        (gold(), "not trained on Au, Hg.\nElements that it knows: H, O, Al, Si"),
        (in_plane(), "along a periodic axis"),
    ],
)
def test_refusals_say_what_to_do(qeq, structure, problem):
    structure.calc = BenchCalculator(qeq)
    with pytest.raises(BenchError, match=problem):
        structure.get_potential_energy()


@pytest.mark.parametrize("structure", [bulk, cluster])
def test_a_reservoir_at_the_level_of_a_charged_structure_gives_it_back(qeq, structure):
    atoms = structure()
    atoms.info["total_charge"] = 0.3
    closed = BenchCalculator(qeq).predict(atoms)
    level = float(closed.chemical_potential[0])
    del atoms.info["total_charge"]
    open_ = BenchCalculator(qeq, chemical_potential=level)
    found = open_.predict(atoms)
    assert float(found.total_charge[0]) == pytest.approx(0.3, abs=1e-8)
    assert float(found.energy[0]) == pytest.approx(float(closed.energy[0]) + 0.3 * level, abs=1e-8)
    torch.testing.assert_close(found.forces, closed.forces, rtol=0, atol=1e-8)
    assert qeq.config.ensemble is Ensemble.constant_charge, "the point itself is as it was"


def test_a_slab_at_a_fixed_level_is_refused(qeq):
    atoms = slab()
    atoms.calc = BenchCalculator(qeq, chemical_potential=-4.0)
    with pytest.raises(BenchError, match="without a minimum along a change of charge"):
        atoms.get_potential_energy()


def test_a_point_that_does_not_respond_has_no_reservoir():
    with pytest.raises(BenchError, match="model=local_charges does not respond"):
        BenchCalculator(build("local_charges"), chemical_potential=-4.0)


def test_an_unstable_density_is_told_once(qeq, monkeypatch):
    forward = qeq.forward

    def unstable(batch, **wanted):
        prediction = forward(batch, **wanted)
        low, high = prediction.scf.response_min, torch.full_like(prediction.energy, 1.25)
        prediction.scf = replace(prediction.scf, response_min=low, response_max=high)
        return prediction

    monkeypatch.setattr(qeq, "forward", unstable)
    calculator = BenchCalculator(qeq)
    with pytest.warns(UserWarning, match=r"largest Re λ of its response is 1\.25"):
        calculator.predict(cluster())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calculator.predict(cluster())


def test_a_slab_that_the_cells_face_cuts_is_refused(qeq):
    atoms = slab()
    atoms.positions[:, 2] -= atoms.positions[:, 2].min() + 1.0
    atoms.positions[:, 2] %= atoms.cell[2, 2]
    atoms.calc = BenchCalculator(qeq)
    with pytest.raises(BenchError, match=r"a gap of .* inside the slab"):
        atoms.get_potential_energy()


def test_polarizability_on_demand(qeq):
    calculator, atoms, dipoles = BenchCalculator(qeq), cluster(), []
    alpha = calculator.predict(atoms, compute_polarizability=True).polarizability[0].numpy()
    for change in (-1e-3, 1e-3):
        atoms.info["electric_field"] = np.array([0.0, change, 0.0])
        dipoles.append(calculator.predict(atoms).dipole[0].numpy())
    assert alpha[:, 1] == pytest.approx((dipoles[1] - dipoles[0]) / 2e-3, rel=1e-6)
    assert calculator.predict(atoms).polarizability is None


def test_an_unconverged_density_is_no_result(qeq, monkeypatch):
    one = torch.ones(1)
    report = ScfReport(100 * one, 0.25 * one, one < 0, one, one)
    unconverged = Prediction(energy=one, baseline=one, forces=torch.zeros(6, 3), scf=report)
    monkeypatch.setattr(qeq, "forward", lambda batch, **wanted: unconverged)
    atoms = cluster()
    atoms.calc = BenchCalculator(qeq)
    with pytest.raises(SCFError, match=r"100 iterations: residual 2\.50e-01 e"):
        atoms.get_potential_energy()
    assert atoms.calc.results == {}


def test_a_run_drives_dynamics_that_conserve_energy(tmp_path):
    folder = write_run(tmp_path, build("scf_qeq"))
    atoms = cluster()
    atoms.info = {}
    atoms.calc = BenchCalculator.from_run(str(folder), total_charge=0.0)
    MaxwellBoltzmannDistribution(atoms, temperature_K=300, rng=np.random.default_rng(0))
    start = atoms.get_total_energy()
    VelocityVerlet(atoms, 0.1 * units.fs).run(20)
    assert atoms.get_total_energy() == pytest.approx(start, abs=1e-4)
