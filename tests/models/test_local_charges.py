"""Charges of the geometry alone: local, blind to field and total charge, with their own energy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.models.base import Point
from bench.models.prediction import Prediction
from bench.testing.frames import bulk, cluster, labelled, slab
from tests.models.test_points import batch_of, build

FIELD = (0.2, -0.1, 0.3)


@pytest.fixture(scope="module", params=[0, 1], ids=["charges", "dipoles"])
def model(request: pytest.FixtureRequest) -> Point:
    return build("local_charges", l_max=request.param)


def predicted(model: Point, atoms: object) -> Prediction:
    return model(batch_of(model, atoms))


def test_the_field_acts_on_the_density_and_does_not_change_it(model: Point) -> None:
    off, on = predicted(model, cluster()), predicted(model, cluster(field=FIELD))
    assert off.multipoles.shape == (6, (model.config.l_max + 1) ** 2)
    assert torch.equal(on.multipoles, off.multipoles)
    work = -(off.dipole[0] @ torch.tensor(FIELD, dtype=torch.float64))
    assert float(on.energy - off.energy) == pytest.approx(float(work), abs=1e-10)
    # forces q E, and the torque's share of the dipoles' turning with the molecule
    charge = off.total_charge[0] * torch.tensor(FIELD, dtype=torch.float64)
    torch.testing.assert_close((on.forces - off.forces).sum(0), charge, rtol=0, atol=1e-9)
    assert float(charge.abs().max()) > 1e-4


@pytest.mark.parametrize("charge", [-1.0, 2.0])
def test_the_total_charge_is_not_known(model: Point, charge: float) -> None:
    neutral, charged = predicted(model, bulk(charge=0.0)), predicted(model, bulk(charge=charge))
    assert torch.equal(charged.multipoles, neutral.multipoles)
    assert torch.equal(charged.forces, neutral.forces)
    apart = charged.energy - charged.baseline - (neutral.energy - neutral.baseline)
    assert float(apart.abs()) < 1e-9
    assert charged.baseline != neutral.baseline
    assert not model.knows_total_charge and charged.fermi_level is None


def test_a_distant_molecule_changes_no_charge(model: Point) -> None:
    alone, both = cluster()[:3], cluster()
    both.positions[3:] += 50.0
    found = predicted(model, both).multipoles[:3]
    expected = predicted(model, labelled_at(alone, both.positions[:3])).multipoles
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def labelled_at(atoms: object, positions: np.ndarray) -> object:
    out = labelled(atoms, seed=0)
    out.positions[:] = positions
    return out


def test_the_electrostatic_energy_is_that_of_the_density(model: Point) -> None:
    batch = batch_of(model, cluster(), bulk(), slab(field=0.0))
    found, maps = model(batch), model.matrices(batch)
    with torch.no_grad():
        short = batch.per_structure(model.backbone(batch).energy)
    p = batch.dense(found.multipoles).flatten(1)
    coulomb = torch.einsum("gi,gij,gj->g", p, maps.coulomb, p) / 2
    expected = found.baseline + short + coulomb
    torch.testing.assert_close(found.energy, expected, rtol=0, atol=1e-10)
    assert (coulomb.abs() > 1e-6).all()
