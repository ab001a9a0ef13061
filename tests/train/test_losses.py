"""Losses against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from bench.data.batch import Batch, build_graph, collate
from bench.errors import BenchError
from bench.models.prediction import Prediction
from bench.testing.frames import bulk, cluster, slab
from bench.train.losses import squared_errors, stability_penalty, stable_range, weighted_loss
from bench.train.sums import ErrorSums, ScfSums
from tests.train.toy import SETTINGS, frames, report

STABLE = (-9.0, 1.0)


@pytest.fixture
def batch() -> Batch:
    """A slab of 7 atoms, dipole defined along z, and a bulk of 9 atoms, where it is not."""
    settings = SETTINGS.__class__((1, 8, 13, 14), 3.0, 1.5, 1.5, torch.float64)
    return collate([build_graph(atoms, settings, i) for i, atoms in enumerate([slab(), bulk()])])


def shifted(batch: Batch, **shifts: object) -> Prediction:
    """The reference labels moved by ``shifts``."""
    values = {
        name: batch.labels[name] + torch.as_tensor(by, dtype=torch.float64)
        for name, by in shifts.items()
    }
    energy = values.pop("energy", batch.labels["energy"])
    return Prediction(energy=energy, energy_parts={}, **values)


def test_energy_counts_per_atom(batch: Batch) -> None:
    found = squared_errors(shifted(batch, energy=[0.7, -1.8]), batch, stable_range=STABLE)
    assert found["energy"].total.item() == pytest.approx(0.1**2 + 0.2**2, abs=1e-12)
    assert found["energy"].count == 2


def test_forces_and_multipoles_count_every_component(batch: Batch) -> None:
    prediction = shifted(batch, forces=[0.1, 0.0, 0.2], multipoles=[0.3, 0.0, 0.0, 0.1])
    found = squared_errors(prediction, batch, stable_range=STABLE)
    assert found["forces"].count == 16 * 3 and found["forces"].total.item() == pytest.approx(0.8)
    assert found["charges"].count == 16 and found["charges"].total.item() == pytest.approx(1.44)
    dipoles = found["atomic_dipoles"]
    assert dipoles.count == 48 and dipoles.total.item() == pytest.approx(0.16)


def test_charges_alone_are_compared_with_charges(batch: Batch) -> None:
    prediction = shifted(batch, multipoles=[0.3, 9.0, 9.0, 9.0])
    prediction.multipoles = prediction.multipoles[:, :1]
    found = squared_errors(prediction, batch, stable_range=STABLE)
    charges, dipoles = found["charges"], found["atomic_dipoles"]
    assert (charges.total.item(), charges.count) == (pytest.approx(16 * 0.09, rel=1e-12), 16)
    assert dipoles.count == 0


def test_dipole_counts_defined_components_only(batch: Batch) -> None:
    found = squared_errors(shifted(batch, dipole=[5.0, 7.0, 0.5]), batch, stable_range=STABLE)
    assert found["dipole"].count == 1
    assert found["dipole"].total.item() == pytest.approx(0.25, rel=1e-12)


def test_total_charge_is_compared_with_what_was_asked_for(batch: Batch) -> None:
    prediction = shifted(batch)
    prediction.total_charge = torch.tensor([0.1, 0.8], dtype=torch.float64)  # asked for: 0, 1
    found = squared_errors(prediction, batch, stable_range=STABLE)["total_charge"]
    assert (found.total.item(), found.count) == (pytest.approx(0.05, rel=1e-12), 2)


def test_an_undefined_fermi_level_is_not_compared(batch: Batch) -> None:
    found = squared_errors(shifted(batch, fermi_level=[0.5, math.nan]), batch, stable_range=STABLE)
    assert (found["fermi_level"].total.item(), found["fermi_level"].count) == (0.25, 1)


def test_stress_and_polarizability_count_where_they_are_defined(batch: Batch) -> None:
    prediction = shifted(batch)
    prediction.stress = batch.labels["stress"].reshape(2, 3, 3) + 0.1  # of the bulk alone
    shift = torch.zeros(2, 3, 3, dtype=torch.float64)
    shift[0, 2, 2], shift[0, 0, 0], shift[1] = 0.5, 9.0, 9.0  # zz of the slab alone
    prediction.polarizability = batch.labels["polarizability"].reshape(2, 3, 3) + shift
    found = squared_errors(prediction, batch, stable_range=STABLE)
    assert found["stress"].count == 9 and found["polarizability"].count == 1
    assert found["stress"].total.item() == pytest.approx(0.09, rel=1e-12)
    assert found["polarizability"].total.item() == pytest.approx(0.25, rel=1e-12)


def test_potentials_count_where_the_multipoles_are_labelled(batch: Batch) -> None:
    batch.has["multipoles"] = torch.tensor([[True] * 4, [False] * 4])
    prediction = shifted(batch)
    prediction.potential_error = torch.full((16,), 0.2, dtype=torch.float64)
    found = squared_errors(prediction, batch, stable_range=STABLE)["potential"]
    assert (found.total.item(), found.count) == (pytest.approx(7 * 0.04, rel=1e-12), 7)


def test_what_is_not_labelled_does_not_count(batch: Batch) -> None:
    """Of the slab's 7 atoms the charges are known alone, so their potential is not."""
    batch.has["multipoles"] = torch.tensor([[True, False, False, False], [True] * 4])
    prediction = shifted(batch, multipoles=[0.3, 0.1, 0.1, 0.1])
    prediction.potential_error = torch.full((16,), 0.2, dtype=torch.float64)
    found = squared_errors(prediction, batch, stable_range=STABLE)
    told = {name: (squares.total.item(), squares.count) for name, squares in found.items()}
    assert told["charges"] == (pytest.approx(16 * 0.09, rel=1e-12), 16)
    assert told["atomic_dipoles"] == (pytest.approx(27 * 0.01, rel=1e-12), 27)
    assert told["potential"] == (pytest.approx(9 * 0.04, rel=1e-12), 9)


def test_differences_between_charge_states_count_in_every_pair() -> None:
    """Errors of 0.1, 0.4 and −0.2 eV at three charges of one geometry, another one alone."""
    states = [cluster() for _ in range(4)]
    for atoms, charge in zip(states, (0.0, 1.0, 2.0, 1.0)):
        atoms.info["total_charge"] = charge
    states[3].info["group"] = "another"
    batch = collate([build_graph(atoms, SETTINGS) for atoms in states])
    error = torch.tensor([0.1, 0.4, -0.2, 9.0], dtype=torch.float64, requires_grad=True)
    prediction = Prediction(energy=batch.labels["energy"] + error, energy_parts={})
    found = squared_errors(prediction, batch, stable_range=STABLE)["charge_difference"]
    assert (found.total.item(), found.count) == (pytest.approx(0.09 + 0.36 + 0.09), 3)
    found.total.backward()
    assert error.grad.tolist() == pytest.approx([0.0, 1.8, -1.8, 0.0])
    batch.has["energy"][2] = False
    assert squared_errors(prediction, batch, stable_range=STABLE)["charge_difference"].count == 1


def test_missing_structures_do_not_count(batch: Batch) -> None:
    batch.has["forces"] = torch.tensor([[False] * 3, [True] * 3])
    found = squared_errors(shifted(batch, forces=[0.1, 0.0, 0.0]), batch, stable_range=STABLE)
    assert found["forces"].count == 9 * 3
    assert found["forces"].total.item() == pytest.approx(9 * 0.01, rel=1e-12)


def test_the_direct_residual_replaces_the_multipole_error(batch: Batch) -> None:
    prediction = shifted(batch, multipoles=0.0)
    prediction.density_residual = torch.full((16, 4), 0.5, dtype=torch.float64)
    found = squared_errors(prediction, batch, stable_range=STABLE)
    assert (found["charges"].total.item(), found["charges"].count) == (4.0, 16)
    assert (found["atomic_dipoles"].total.item(), found["atomic_dipoles"].count) == (12.0, 48)


def test_weighted_loss_and_its_gradient(batch: Batch) -> None:
    shift = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    prediction = shifted(batch, energy=[0.7, 0.0], forces=[0.1, 0.1, 0.1])
    prediction.dipole = batch.labels["dipole"] + shift
    found = squared_errors(prediction, batch, stable_range=STABLE)
    loss = weighted_loss(found, {"energy": 2.0, "forces": 10.0, "dipole": 5.0})
    loss.backward()
    assert loss.item() == pytest.approx(2.0 * 0.01 / 2 + 10.0 * 0.01 + 5.0 * 0.09, rel=1e-12)
    assert shift.grad.item() == pytest.approx(5.0 * 2 * 0.3, rel=1e-12)


def test_a_loss_without_any_term_is_refused(batch: Batch) -> None:
    with pytest.raises(BenchError, match="no loss has a reference value"):
        weighted_loss(squared_errors(shifted(batch), batch, stable_range=STABLE), {"stress": 1.0})


def test_stability_penalises_both_ends_of_the_range() -> None:
    health = report(4)
    health.response_min.copy_(torch.tensor([-9.5, -8.0, -1.0, math.nan], dtype=torch.float64))
    health.response_max.copy_(torch.tensor([0.5, 1.2, 0.9, math.nan], dtype=torch.float64))
    penalty = stability_penalty(health, stable_range(0.2))
    assert stable_range(0.2) == pytest.approx((-9.0, 1.0))
    assert penalty.total.item() == pytest.approx(0.5**2 + 0.2**2, rel=1e-12)
    assert penalty.count == 3


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_errors_of_a_split_do_not_depend_on_the_batches(size: int) -> None:
    settings = SETTINGS.__class__((1, 8, 13, 14), 3.0, 1.5, 1.5, torch.float64)
    structures = [slab(), bulk(), cluster(), *frames(2)]
    graphs = [build_graph(atoms, settings) for atoms in structures]
    sums = ErrorSums()
    for start in range(0, len(graphs), size):
        batch = collate(graphs[start : start + size])
        energy = batch.labels["energy"] + 0.1 * batch.num_atoms.double().square()
        forces = batch.labels["forces"] + 0.01 * batch.atomic_numbers[:, None].double()
        prediction = Prediction(energy=energy, energy_parts={}, forces=forces)
        sums.add(squared_errors(prediction, batch, stable_range=STABLE))
    sizes = [len(atoms) for atoms in structures]
    numbers = [z for atoms in structures for z in atoms.numbers]
    energy_rmse = math.sqrt(sum((0.1 * n) ** 2 for n in sizes) / 5)
    forces_rmse = math.sqrt(sum((0.01 * z) ** 2 for z in numbers) / len(numbers))
    assert sums.rmse("energy") == pytest.approx(1000 * energy_rmse, rel=1e-12)
    assert sums.rmse("forces") == pytest.approx(1000 * forces_rmse, rel=1e-12)
    weighted = 3.0 * energy_rmse**2 + 2.0 * forces_rmse**2
    assert sums.loss({"energy": 3.0, "forces": 2.0}) == pytest.approx(weighted, rel=1e-12)
    assert sums.rmse("dipole") is None


def test_health_of_solves_accumulates() -> None:
    sums = ScfSums()
    sums.add(None)
    assert sums.mean_iterations is None
    sums.add(report(2))
    sums.add(report(1, converged=False))
    assert (sums.solves, sums.mean_iterations, sums.unconverged) == (3, 3.0, 1)
    assert sums.response_max == 0.25
