"""Predictions come back to the structures that they belong to, and only what was predicted."""

import numpy as np
import pytest
import torch

from bench.config.schema import ModelConfig
from bench.data.batch import GraphSettings
from bench.inference.predict import predict_frames
from bench.models.prediction import Prediction
from bench.scf.report import ScfReport
from bench.testing.frames import bulk, cluster, slab

FRAMES = [slab(), bulk(charge=2.0), cluster(), slab(field=-0.3)]
POTENTIAL_KEYS = {"PRED_electrostatic_potential", "REF_electrostatic_potential"}
REPORT = ("iterations", "residual", "converged", "response_min", "response_max")


class Echo(torch.nn.Module):
    """Answers with numbers that the reader of a structure can check; ``silent`` names are None."""

    graph_settings = GraphSettings((1, 8, 13, 14), 2.0, 1.5, 1.5, torch.float32)
    knows_total_charge = True
    config = ModelConfig(name="echo", smearing_width=1.25)

    def __init__(self, *silent, components=4):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.silent, self.components, self.modes = silent, components, []

    def forward(self, batch, *, compute_stress, compute_polarizability, report_response):
        assert report_response
        tensor = batch.positions.new_ones(batch.num_structures, 3, 3) * batch.index[:, None, None]
        self.modes.append(self.training)
        energy = batch.per_structure(batch.positions[:, 2]) + self.weight
        ones = torch.ones(batch.num_structures, dtype=torch.float64)
        z = batch.atomic_numbers.double()[:, None]
        values = {
            "forces": (-batch.positions).float().requires_grad_(),
            "multipoles": z * torch.arange(1.0, 1.0 + self.components),
            "total_charge": batch.total_charge + 0.25,
            "dipole": batch.electric_field + 1.0,
            "electrostatic_potential": z[:, 0],
            "potential_error": 0.5 * z[:, 0],
            "stress": tensor if compute_stress else None,
            "polarizability": -tensor if compute_polarizability else None,
            "fermi_level": torch.where(batch.total_charge > 0, torch.nan, 2 * ones),
            "scf": ScfReport(
                batch.num_atoms, 1e-7 * ones, batch.boundary < 2, -3 * ones, torch.nan * ones
            ),
        }
        spoken = {name: value for name, value in values.items() if name not in self.silent}
        parts = {"baseline": 10 * energy, "coulomb": -9 * energy}
        return Prediction(energy=energy, energy_parts=parts, **spoken)


@pytest.mark.parametrize("size", [1, 3, 9])
def test_every_structure_gets_its_own_numbers(size):
    predicted = predict_frames(Echo(), FRAMES, batch_size=size)
    assert len(predicted) == len(FRAMES)
    for atoms, given in zip(predicted, FRAMES):
        assert atoms == given
        assert atoms.info["REF_energy"] == given.info["REF_energy"]
        energy = given.positions[:, 2].sum()
        assert atoms.info["PRED_energy"] == pytest.approx(energy, rel=1e-12)
        assert atoms.info["BASELINE_energy"] == pytest.approx(10 * energy, rel=1e-12)
        assert atoms.info["PRED_energy_coulomb"] == pytest.approx(-9 * energy, rel=1e-12)
        np.testing.assert_allclose(atoms.arrays["PRED_forces"], -given.positions, rtol=1e-6)
        multipoles = np.outer(given.numbers, [1.0, 2.0, 3.0, 4.0])
        assert np.array_equal(atoms.arrays["PRED_multipoles"], multipoles)
        assert atoms.info["smearing_width"] == 1.25
        assert atoms.info["PRED_total_charge"] == given.info["total_charge"] + 0.25
        assert atoms.info["SCF_iterations"] == len(given)


def test_arrays_are_double_and_without_derivatives():
    (atoms,) = predict_frames(Echo(), [cluster()], batch_size=1)
    for key in ("PRED_forces", "PRED_multipoles"):
        assert isinstance(atoms.arrays[key], np.ndarray) and atoms.arrays[key].dtype == np.float64


def test_a_crystal_has_no_dipole_and_an_undefined_level_stays_nan():
    slab_, bulk_, cluster_, _ = predict_frames(Echo(), FRAMES, batch_size=4)
    assert "PRED_dipole" not in bulk_.info
    assert slab_.info["PRED_dipole"] == pytest.approx([1.0, 1.0, 1.2])
    assert cluster_.info["PRED_dipole"] == pytest.approx([1.0, 1.0, 1.0])
    assert np.isnan(bulk_.info["PRED_fermi_level"]) and slab_.info["PRED_fermi_level"] == 2.0


def test_derivatives_are_given_where_they_have_a_reference_that_means_something():
    slab_, bulk_, cluster_, _ = predict_frames(Echo(), FRAMES, batch_size=2)
    assert bulk_.info["PRED_stress"].tolist() == [[1.0] * 3] * 3
    assert cluster_.info["PRED_polarizability"].tolist() == [[-2.0] * 3] * 3
    assert "PRED_polarizability" in slab_.info and "PRED_polarizability" not in bulk_.info
    assert "PRED_stress" not in slab_.info
    bare = cluster()
    del bare.info["REF_polarizability"]
    (atoms,) = predict_frames(Echo(), [bare], batch_size=1)
    assert "PRED_polarizability" not in atoms.info


def test_the_reference_of_a_potential_is_that_of_the_reference_multipoles():
    (atoms,) = predict_frames(Echo(), [cluster()], batch_size=1)
    assert np.array_equal(atoms.arrays["PRED_electrostatic_potential"], atoms.numbers)
    assert np.array_equal(atoms.arrays["REF_electrostatic_potential"], 0.5 * atoms.numbers)
    unlabelled = cluster()
    del unlabelled.arrays["REF_multipoles"]
    (atoms,) = predict_frames(Echo(), [unlabelled], batch_size=1)
    assert "REF_electrostatic_potential" not in atoms.arrays


def test_the_health_of_the_solve_is_plain():
    slab_, bulk_, *_ = predict_frames(Echo(), FRAMES, batch_size=2)
    assert (slab_.info["SCF_converged"], bulk_.info["SCF_converged"]) == (True, False)
    assert type(slab_.info["SCF_converged"]) is bool and type(slab_.info["SCF_iterations"]) is int
    assert slab_.info["SCF_residual"] == 1e-7 and slab_.info["SCF_response_min"] == -3.0
    assert np.isnan(slab_.info["SCF_response_max"])


@pytest.mark.parametrize(
    ("silent", "keys"),
    [
        ("forces", {"PRED_forces"}),
        (
            "electrostatic_potential",
            {"PRED_electrostatic_potential", "REF_electrostatic_potential"},
        ),
        ("potential_error", {"REF_electrostatic_potential"}),
        ("polarizability", {"PRED_polarizability"}),
        ("multipoles", {"PRED_multipoles", "smearing_width"}),
        ("total_charge", {"PRED_total_charge"}),
        ("dipole", {"PRED_dipole"}),
        ("fermi_level", {"PRED_fermi_level"}),
        ("scf", {f"SCF_{name}" for name in REPORT}),
    ],
)
def test_what_is_not_predicted_has_no_key(silent, keys):
    def found(*names):
        (atoms,) = predict_frames(Echo(*names), [cluster()], batch_size=1)
        return set(atoms.info) | set(atoms.arrays)

    assert found() - found(silent) == keys


def test_charges_alone_have_one_column():
    (atoms,) = predict_frames(Echo(components=1), [cluster()], batch_size=1)
    assert np.array_equal(atoms.arrays["PRED_multipoles"], cluster().numbers[:, None])


def test_references_stay_and_the_given_structures_are_not_touched():
    given = slab()
    before = set(given.info) | set(given.arrays)
    (atoms,) = predict_frames(Echo(), [given], batch_size=1)
    assert set(given.info) | set(given.arrays) == before
    assert before <= set(atoms.info) | set(atoms.arrays)
    atoms.arrays["REF_forces"][:] = 0.0
    assert given.arrays["REF_forces"].any()


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_evaluated_and_then_as_before(training):
    model = Echo().train(training)
    predict_frames(model, [cluster()], batch_size=1)
    assert model.modes == [False] and model.training is training


def test_a_point_that_ignores_the_charge_says_so():
    blind = Echo()
    blind.knows_total_charge = False
    found = [predict_frames(m, [cluster()], batch_size=1)[0] for m in (Echo(), blind)]
    assert [atoms.info["charge_blind"] for atoms in found] == [False, True]


def test_nothing_to_predict():
    assert predict_frames(Echo(), [], batch_size=3) == []
