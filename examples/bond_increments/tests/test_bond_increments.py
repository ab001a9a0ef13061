"""What every point must hold, and the chemistry of this one."""

import ase
import numpy as np
import pytest
import torch
from ase.build import molecule
from bond_increments.point import BondIncrements, hannay_smyth

from bench.errors import BenchError
from bench.testing import PointTests, build, cluster, labelled, slab, small_config
from bench.testing.small import predict

WATER = (1, 8)


# --8<-- [start:inherited]
class TestBondIncrements(PointTests):
    """Forces, symmetries, batches, charge, gradients: as every point of the package."""

    point = BondIncrements
    settings = {"l_max": 0, "options": {"reach": 1.3}}


# --8<-- [end:inherited]
@pytest.fixture(scope="module")
def model():
    """With the increments of electronegativities, for water and aluminium."""
    return build(small_config(BondIncrements, l_max=0), noise=0.0, frames=[slab(), cluster()])


def charges(model, atoms: ase.Atoms, charge: float = 0.0) -> np.ndarray:
    frame = labelled(atoms, seed=0, charge=charge)
    frame.positions = atoms.positions
    return predict(model, frame).multipoles[:, 0].numpy()


def water(stretch: float = 1.0) -> ase.Atoms:
    atoms = molecule("H2O")
    atoms.positions = atoms.positions[0] + stretch * (atoms.positions - atoms.positions[0])
    return atoms


def test_hydrogen_gives_oxygen_a_fifth_of_an_electron():
    """Δχ = 3.44 − 2.20: 0.16 Δχ + 0.035 Δχ² = 0.252 e a bond."""
    assert float(hannay_smyth(WATER)[0, 1]) == pytest.approx(0.2522, abs=1e-4)


def test_water_is_as_polar_as_its_two_bonds(model):
    oxygen, *hydrogens = charges(model, water())
    assert hydrogens == pytest.approx([0.2522] * 2, abs=1e-3)
    assert oxygen == pytest.approx(-2 * 0.2522, abs=2e-3)


def test_atoms_that_part_are_neutral_and_a_charge_is_everywhere(model):
    assert charges(model, water(1.6)) == pytest.approx([0.0] * 3, abs=1e-12)
    assert charges(model, water(1.6), charge=1.0) == pytest.approx([1 / 3] * 3, abs=1e-12)


def test_neighbours_that_are_not_bonded_change_nothing(model):
    pair = water() + water()
    pair.positions[3:] += [0.0, 0.0, 2.8]  # as in liquid water
    assert charges(model, pair)[:3] == pytest.approx(charges(model, water()), abs=1e-12)


def test_increments_learn_from_charges_alone(model):
    model.train()
    prediction = predict(model, slab(), training=True)
    (gradient,) = torch.autograd.grad(prediction.multipoles[:, 0].square().sum(), model.increments)
    model.eval()
    assert gradient[0, 1] == -gradient[1, 0] != 0.0
    assert gradient.diagonal().tolist() == [0.0] * 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"l_max": 1}, "no dipoles"),
        ({"l_max": 0, "options": {"reach": 2.0}}, "longer than model.r_max=3.5"),
        ({"l_max": 0, "options": {"reach": 1.0}}, r"model\.options\.reach=1\.0 must be above 1"),
        ({"l_max": 0, "options": {"rech": 1.2}}, r"model\.options\.rech does not exist.*'reach'"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, said):
    with pytest.raises(BenchError, match=f"(?s){said}"):
        build(small_config(BondIncrements, **settings))
