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
from ase.io import read, write
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.md.verlet import VelocityVerlet

from bench.config.schema import Ensemble
from bench.errors import BenchError
from bench.inference.calculator import BenchCalculator
from bench.inference.predict import predict_frames
from bench.labels.keys import energy_part_key
from bench.models.prediction import Prediction
from bench.scf.report import ScfReport
from bench.testing.frames import bulk, cluster, slab
from tests.models.test_points import POINTS, build
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
    assert atoms.calc.check_state(atoms) == ["state"]
    assert abs(atoms.get_potential_energy() - before) > 1e-4


def test_info_goes_before_what_the_calculator_was_given_and_says_so(qeq):
    stated, bare = cluster(field=(0.1, 0.0, -0.2)), cluster()
    stated.info["total_charge"], bare.info = 1.0, {}
    stated.calc = BenchCalculator(qeq, total_charge=-3.0, electric_field=(0.0, 0.5, 0.0))
    bare.calc = BenchCalculator(qeq, total_charge=1.0, electric_field=(0.1, 0.0, -0.2))
    with pytest.warns(UserWarning) as told:
        energy = stated.get_potential_energy()
    words = [str(warning.message) for warning in told]
    assert any("goes before the calculator's total_charge=-3.0" in line for line in words)
    assert any("goes before the calculator's electric_field=array" in line for line in words)
    assert silently(bare.get_potential_energy) == energy
    assert sum(bare.get_charges()) == pytest.approx(1.0, abs=1e-10)


def silently(function, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        return function(*arguments)


def in_info(atoms, field):
    atoms.info["electric_field"][2] = field


def by_set(atoms, field):
    atoms.calc.set(electric_field=(0.0, 0.0, field))


def by_attribute(atoms, field):
    atoms.calc.electric_field = [0.0, 0.0, field]


def in_place(atoms, field):
    atoms.calc.electric_field[2] = field


def in_parameters(atoms, field):
    atoms.calc.parameters["electric_field"] = np.array([0.0, 0.0, field])


@pytest.mark.parametrize("change", [in_info, by_set, by_attribute, in_place, in_parameters])
def test_a_field_scan_however_it_is_written(qeq, change):
    """E(field) of each by a calculator of its own; their second difference is −α_zz field²."""
    fields, expected = [0.0, 0.1, 0.2], []
    for field in fields:
        fresh = cluster(field=(0.0, 0.0, field))
        fresh.calc = BenchCalculator(qeq)
        expected.append(fresh.get_potential_energy())
    assert abs(expected[2] - 2 * expected[1] + expected[0]) > 1e-4
    atoms = cluster(field=np.zeros(3))
    if change is not in_info:
        del atoms.info["electric_field"]
    atoms.calc = BenchCalculator(qeq, electric_field=None if change is in_info else np.zeros(3))
    found = []
    for field in fields:
        change(atoms, field)
        found.append(atoms.get_potential_energy())
    assert found == expected


def test_the_calculator_keeps_a_copy_of_what_it_is_given(qeq):
    atoms, field = cluster(), np.zeros(3)
    del atoms.info["electric_field"]
    atoms.calc = BenchCalculator(qeq, electric_field=field)
    before = atoms.get_potential_energy()
    field[2] = 0.2
    assert atoms.get_potential_energy() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda calc: setattr(calc, "total_charge", 1.0),
        lambda calc: calc.set(total_charge=1.0),
        lambda calc: calc.parameters.update(total_charge=1.0),
    ],
    ids=["attribute", "set", "parameters"],
)
def test_a_charge_given_to_the_calculator_acts_at_once(qeq, change):
    atoms, charged = cluster(), cluster()
    del atoms.info["total_charge"]
    charged.info["total_charge"], charged.calc = 1.0, BenchCalculator(qeq)
    atoms.calc = BenchCalculator(qeq, total_charge=0.0)
    neutral = atoms.get_potential_energy()
    change(atoms.calc)
    assert atoms.get_potential_energy() == charged.get_potential_energy() != neutral
    assert atoms.calc.todict() == {"total_charge": 1.0}


def test_a_level_given_later_acts_at_once(qeq):
    atoms = cluster()
    atoms.calc, held = BenchCalculator(qeq), BenchCalculator(qeq, chemical_potential=-3.0)
    closed = atoms.get_potential_energy()
    atoms.calc.set(chemical_potential=-3.0)
    assert atoms.get_potential_energy() == held.get_potential_energy(atoms) != closed
    atoms.calc.set(chemical_potential=None)
    assert atoms.get_potential_energy() == closed


def test_a_parameter_that_there_is_not_is_refused(qeq):
    with pytest.raises(BenchError, match=r"charge=1.*no such parameter\.\n.*'total_charge'"):
        BenchCalculator(qeq).set(charge=1)


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"charge": 1}, r'info\["charge"\] = 1 is not read: the key here is "total_charge"'),
        ({"external_field": [0, 0, 1]}, 'is not read: the key here is "electric_field"'),
        ({"charge": 0, "efield": np.zeros(3)}, None),
        ({"charge": None, "spin": 1}, None),
    ],
    ids=str,
)
def test_what_other_codes_call_the_same_is_told_where_it_differs(qeq, info, words):
    atoms = cluster(field=np.zeros(3))
    atoms.info |= info
    atoms.calc = BenchCalculator(qeq)
    if words is None:
        silently(atoms.get_potential_energy)
        return
    with pytest.warns(UserWarning, match=words):
        atoms.get_potential_energy()


def test_a_charge_under_another_codes_key_alone_is_named_in_the_refusal(qeq):
    atoms = without(cluster(), "total_charge")
    atoms.info["charge"], atoms.calc = 1, BenchCalculator(qeq)
    with pytest.raises(BenchError, match=r'not state its total charge.*"charge"\] = 1 is not read'):
        atoms.get_potential_energy()


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("total_charge", np.nan, "total_charge=nan is not finite"),
        ("total_charge", "1+", r"total_charge='1\+', expected one number"),
        ("total_charge", True, "total_charge=True, expected one number"),
        ("total_charge", np.zeros(6), r"total_charge=array.*expected one number"),
        ("electric_field", [0.0, 0.0, np.inf], r"electric_field=\[0.0, 0.0, inf\] is not finite"),
        ("electric_field", "off", "electric_field='off', expected 3 numbers"),
        ("electric_field", 0.1, "electric_field=0.1, expected 3 numbers"),
        ("electric_field", [[1], [2, 3]], r"electric_field=\[\[1\].*expected 3 numbers"),
    ],
    ids=str,
)
def test_a_state_that_is_no_number_is_refused_wherever_it_stands(qeq, key, value, problem):
    atoms = cluster()
    atoms.info[key], atoms.calc = value, BenchCalculator(qeq)
    with pytest.raises(BenchError, match=f"OH2OH2.*{problem}"):
        atoms.get_potential_energy()
    with pytest.raises(BenchError, match=f"calculator: {problem}"):
        BenchCalculator(qeq, **{key: value})


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_forces_without_gradients_switched_on(model, mode):
    atoms, plain = cluster(), cluster()
    atoms.calc, plain.calc = BenchCalculator(model), BenchCalculator(model)
    with mode():
        forces = atoms.get_forces()
        (frame,) = predict_frames(model, [cluster()], batch_size=1)
    np.testing.assert_array_equal(forces, plain.get_forces())
    np.testing.assert_array_equal(frame.arrays["PRED_forces"], plain.get_forces())


def test_the_energy_comes_in_parts(model):
    atoms = cluster(field=(0.0, 0.0, 0.1))
    atoms.calc = BenchCalculator(model)
    energy, parts = atoms.get_potential_energy(), atoms.calc.results["energy_parts"]
    assert sum(parts.values()) == pytest.approx(energy, abs=1e-10)
    (frame,) = predict_frames(model, [atoms], batch_size=1)
    assert {energy_part_key(name) for name in parts} <= frame.info.keys()
    written = [frame.info[energy_part_key(name)] for name in parts]
    assert written == pytest.approx(list(parts.values()), abs=1e-12)
    if "dipole" in model.predicts and "field" in parts:  # not where the field is only embedded
        assert parts["field"] == pytest.approx(-0.1 * atoms.get_dipole_moment()[2], abs=1e-12)


def test_the_chemical_potential_is_minus_the_slope_by_charge(qeq):
    atoms, step = cluster(), 1e-3
    atoms.calc = BenchCalculator(qeq)
    atoms.get_potential_energy()
    level, energies = atoms.calc.results["chemical_potential"], []
    for charge in (step, -step):
        atoms.calc.set(total_charge=charge)
        atoms.info.pop("total_charge", None)
        energies.append(atoms.get_potential_energy())
    assert level == pytest.approx((energies[1] - energies[0]) / (2 * step), abs=1e-6)


def test_results_with_parts_are_written_by_ase(qeq, tmp_path):
    atoms = cluster()
    atoms.calc = BenchCalculator(qeq)
    energy = atoms.get_potential_energy()
    for name in ("one.xyz", "one.traj"):
        write(tmp_path / name, atoms)
        assert read(tmp_path / name).get_potential_energy() == pytest.approx(energy, abs=1e-6)


def test_loading_a_run_says_nothing(tmp_path):
    folder = write_run(tmp_path, build("polar"))
    silently(BenchCalculator.from_run, folder)


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
    unconverged = Prediction(one, {"baseline": one}, forces=torch.zeros(6, 3), scf=report)
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
