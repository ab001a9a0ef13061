"""What the probes are told of a model, and the electrostatics they do by themselves."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace

import ase
import numpy as np
import pytest
import torch
from ase.calculators.calculator import SCFError

from bench.config.schema import Solver
from bench.density.constants import COULOMB_CONSTANT
from bench.density.coulomb import coulomb_energy
from bench.density.geometry import Boundary
from bench.probes.result import NotApplicable
from bench.probes.subject import Subject, bare_batch, coulomb_maps
from bench.testing.frames import bulk, cluster, slab
from tests.models.test_points import batch_of, build
from tests.probes.toys import prediction, toy


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Subject.of(build("scf_qeq", smearing_width=1.2), trained=True)


def test_a_subject_is_its_model(subject):
    assert subject.point == "scf_qeq" and subject.trained
    assert subject.elements == {"H", "O", "Al", "Si"}
    assert subject.predicts == {"multipoles", "dipole", "fermi_level", "polarizability"}
    assert subject.knows_total_charge and subject.smearing_width == 1.2


@pytest.mark.parametrize("atoms", [slab(), bulk(charge=2.0), cluster()], ids=str)
def test_predictions_are_the_models_with_charge_and_field(subject, atoms):
    found, expected = subject.predict(atoms), subject.model(batch_of(subject.model, atoms))
    for name in ("energy", "forces", "multipoles", "total_charge"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))
    assert float(found.total_charge[0]) == pytest.approx(atoms.info["total_charge"], abs=1e-10)


def test_every_calculator_is_a_new_one_of_the_same_model(subject):
    first, second = subject.calculator(), subject.calculator()
    assert first is not second and first.model is second.model is subject.model
    atoms = cluster()
    atoms.calc = first
    expected = float(subject.predict(atoms).energy[0])
    assert atoms.get_potential_energy() == pytest.approx(expected, abs=1e-12)


def test_an_unconverged_density_is_no_prediction(subject):
    model = deepcopy(subject.model)
    model.config = replace(model.config, solver=Solver.mixing, max_iterations=1)
    with pytest.raises(SCFError, match="did not converge in 1 iterations: residual"):
        Subject.of(model, trained=False).predict(slab())


@pytest.mark.parametrize("label", ["fermi_level", "stress", ""])
def test_what_is_not_predicted_stops_a_probe(label):
    model = toy(lambda atoms: prediction(), point="polar")
    model.needs("multipoles")
    with pytest.raises(NotApplicable, match=f"^polar predicts no {label}$"):
        model.needs(label)


# Electrostatics without a model


def pair(distance: float, symbols: str = "NaCl") -> ase.Atoms:
    atoms = ase.Atoms(symbols, [[0, 0, 0], [0, 0, distance]])
    atoms.info |= {"total_charge": 0.0, "electric_field": np.zeros(3)}
    return atoms


def test_a_bare_batch_takes_any_elements_and_boundaries():
    batch = bare_batch(pair(2.0), bulk(), slab(), width=1.0)
    assert batch.num_atoms.tolist() == [2, 9, 7]
    assert batch.boundary.tolist() == [Boundary.OPEN, Boundary.BULK, Boundary.SLAB]
    assert batch.node_attrs.sum(1).tolist() == [1.0] * 18  # every atom is of one known element
    assert batch.positions.dtype == batch.node_attrs.dtype == torch.float64


@pytest.mark.parametrize("width", [0.5, 1.5])
@pytest.mark.parametrize("distance", [1.0, 4.0])
def test_two_ions_attract_as_gaussians_do(distance, width):
    batch = bare_batch(pair(distance), width=width)
    batch.positions.requires_grad_()
    charges = torch.tensor([[0.5], [-0.5]], dtype=torch.float64)
    maps, p = coulomb_maps(batch, charges, width=width)
    assert p.tolist() == [[0.5, -0.5]] and maps.l_max == 0
    energy = coulomb_energy(maps, p).sum()
    z, own = distance / (2 * width), 1 / (np.pi**0.5 * width)
    screened = math.erf(z) / distance
    expected = COULOMB_CONSTANT * 0.25 * (own - screened)
    assert float(energy.detach()) == pytest.approx(expected, rel=1e-12)
    (slope,) = torch.autograd.grad(energy, batch.positions)
    pull = screened / distance - np.exp(-(z**2)) / (np.pi**0.5 * width * distance)
    assert float(slope[1, 2]) == pytest.approx(COULOMB_CONSTANT * 0.25 * pull, rel=1e-12)


def test_the_columns_of_multipoles_decide_their_degree():
    batch = bare_batch(pair(3.0), width=1.0)
    maps, p = coulomb_maps(batch, torch.arange(8.0, dtype=torch.float64).reshape(2, 4), width=1.0)
    assert maps.l_max == 1 and p.tolist() == [list(range(8))]
    assert maps.coulomb.shape == (1, 8, 8)
