"""Charge equilibration against solutions by hand."""

from __future__ import annotations

import math

import ase
import numpy as np
import pytest
import torch

from bench.density.constants import COULOMB_CONSTANT
from bench.models.heads import ScalarHead
from bench.models.scf_qeq import HARDNESS_SCALE, ScfQeq
from bench.testing.frames import labelled
from tests.models.test_points import batch_of, build

CHI = {1: -4.5, 8: -8.7}  # eV/e
HARDNESS = {1: 7.1, 8: 9.4}  # eV/e²
SIGMA = 1.5  # Å, of the density's Gaussians


def inverse_softplus(value: float) -> float:
    return math.log(math.expm1(value))


def constant(head: ScalarHead, values: list[float]) -> None:
    """Make a head's output depend on the element alone."""
    for parameter in head.network.parameters():
        torch.nn.init.zeros_(parameter)
    head.offset.data = torch.tensor(values, dtype=torch.float64)[:, None].expand_as(head.offset)


def known_parameters() -> ScfQeq:
    """A point without dipoles whose parameters are CHI and HARDNESS."""
    model = build("scf_qeq", l_max=0, tolerance=1e-12)
    assert isinstance(model, ScfQeq)
    elements = model.facts.elements
    constant(model.electronegativity, [CHI.get(z, 0.0) for z in elements])
    raw = [inverse_softplus(HARDNESS.get(z, 1.0) / HARDNESS_SCALE) for z in elements]
    constant(model.hardness, raw)
    return model


def pair(distance: float, *, charge: float, field: float) -> ase.Atoms:
    """O and H along z in open boundaries, with a field along the bond."""
    atoms = ase.Atoms("OH", [[0, 0, 0], [0, 0, distance]], pbc=False)
    out = labelled(atoms, seed=4, charge=charge, field=(0.0, 0.0, field))
    out.positions = atoms.positions
    return out


def by_hand(distance: float, charge: float, field: float) -> tuple[float, float, float, float]:
    """q_O, q_H, μ and the energy of the charges: two equations and Σq = Q.

    (J + a) q + γ q' + χ + v + μ = 0 on each atom, a = k_e / (√π σ) a Gaussian's own energy, γ =
    k_e erf(r / 2σ) / r between two, v = −E (z − ½) because an open structure's cell is the unit
    cube.
    """
    own = COULOMB_CONSTANT / (math.sqrt(math.pi) * SIGMA)
    gamma = COULOMB_CONSTANT * math.erf(distance / (2 * SIGMA)) / distance
    chi_o = CHI[8] + 0.5 * field
    chi_h = CHI[1] - field * (distance - 0.5)
    j_o, j_h = HARDNESS[8] + own, HARDNESS[1] + own
    q_o = (chi_h - chi_o + charge * (j_h - gamma)) / (j_o + j_h - 2 * gamma)
    q_h = charge - q_o
    mu = -(chi_o + j_o * q_o + gamma * q_h)
    energy = chi_o * q_o + chi_h * q_h + 0.5 * (j_o * q_o**2 + j_h * q_h**2) + gamma * q_o * q_h
    return q_o, q_h, mu, energy


@pytest.mark.parametrize("distance", [0.97, 2.5, 12.0])
@pytest.mark.parametrize("charge", [0.0, 1.0])
@pytest.mark.parametrize("field", [0.0, 0.3])
def test_two_atoms(distance: float, charge: float, field: float) -> None:
    model = known_parameters()
    batch = batch_of(model, pair(distance, charge=charge, field=field))
    prediction = model(batch)
    q_o, q_h, mu, energy = by_hand(distance, charge, field)
    assert prediction.multipoles[:, 0].tolist() == pytest.approx([q_o, q_h], abs=1e-12)
    assert float(prediction.chemical_potential[0]) == pytest.approx(mu, abs=1e-11)
    short_range = float(model.backbone(batch).energy.sum())
    electrostatic = float(prediction.energy - prediction.baseline) - short_range
    assert electrostatic == pytest.approx(energy, abs=1e-11)


def test_a_dipole_follows_the_field() -> None:
    """A lone atom: (κ + a) d = E − b, with a = k_e / (6 √π σ³) the Gaussian's own."""
    model, kappa = build("scf_qeq", tolerance=1e-12), 2.0
    assert isinstance(model, ScfQeq)
    raw = inverse_softplus(kappa / HARDNESS_SCALE)
    constant(model.hardness, [raw] * len(model.facts.elements))
    atom = labelled(ase.Atoms("O", [[0.0, 0, 0]], pbc=False), seed=6)
    dipoles = []
    for field in (0.0, 0.2):
        atom.info["electric_field"] = np.array([0.0, 0.0, field])
        dipoles.append(model(batch_of(model, atom)).multipoles[0, 1:])
    own = COULOMB_CONSTANT / (6 * math.sqrt(math.pi) * SIGMA**3)
    expected = torch.tensor([0.0, 0.2 / (kappa + own), 0.0], dtype=torch.float64)  # y, z, x
    torch.testing.assert_close(dipoles[1] - dipoles[0], expected, rtol=0, atol=1e-12)
