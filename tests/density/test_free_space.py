import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import hyp1f1

from bench.density.constants import COULOMB_CONSTANT
from bench.density.coulomb import assemble, coulomb_energy
from bench.density.free_space import boys
from bench.density.geometry import Boundary
from bench.density.multipoles import cell_centre, dipole
from tests.density.batches import Structure, cluster, geometry, multipoles


def test_boys_function_against_the_confluent_hypergeometric_one() -> None:
    t = np.concatenate([[0.0, 1e-12, 1e-5, 0.0999999, 0.1, 0.1000001], np.geomspace(0.2, 300, 40)])
    for n in range(7):
        expected = hyp1f1(n + 0.5, n + 1.5, -t) / (2 * n + 1)
        found = boys(torch.tensor(t), n)
        torch.testing.assert_close(found, torch.tensor(expected), rtol=2e-13, atol=0)


def test_boys_function_differentiates_twice_at_and_off_zero() -> None:
    t = torch.tensor([1e-4, 0.05, 0.3, 4.0, 40.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: boys(x, 1), t, eps=1e-5)
    assert torch.autograd.gradgradcheck(lambda x: boys(x, 1), t, eps=1e-5)
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(boys(zero, 0).sum(), zero)
    assert slope.item() == pytest.approx(-1 / 3, rel=1e-12)


@pytest.mark.parametrize("distance", [1e-3, 0.4, 1.7, 6.0])
@pytest.mark.parametrize("probe", [0.6, 2.5])
def test_two_gaussians_against_quadrature(distance: float, probe: float) -> None:
    width = 0.9
    pair = Structure(
        np.array([[0.0, 0, 0], [0, 0.6 * distance, 0.8 * distance]]), np.eye(3), Boundary.OPEN
    )
    maps = assemble(geometry(pair), smearing_width=width, l_max=0, feature_widths=[probe])
    for found, other in ((maps.coulomb, width), (maps.features, probe)):
        spread = width**2 + other**2

        def spectrum(k: float, spread: float = spread) -> float:
            return np.sinc(k * distance / math.pi) * math.exp(-(k**2) * spread / 2)

        integral, _ = quad(spectrum, 0, 12, epsabs=1e-13, limit=200)
        assert found is not None
        assert found[0, 0, 1].item() == pytest.approx(
            2 / math.pi * COULOMB_CONSTANT * integral, rel=1e-10
        )


def test_far_multipoles_interact_as_points() -> None:
    positions = np.array([[0.0, 0, 0], [30.0, 40.0, 0.0]])
    batch = geometry(Structure(positions, np.eye(3), Boundary.OPEN))
    a = assemble(batch, smearing_width=1.5, l_max=1).coulomb[0] / COULOMB_CONSTANT
    r, unit = 50.0, torch.tensor([0.8, 0.0, 0.6], dtype=torch.float64)  # order y, z, x
    assert a[0, 4].item() == pytest.approx(1 / r, rel=1e-12)
    # A dipole that points from atom 1 to atom 0 lowers the energy of a negative charge at 0.
    torch.testing.assert_close(a[0, 5:], -unit / r**2)
    torch.testing.assert_close(a[1:4, 4], unit / r**2)
    identity = torch.eye(3).double()
    torch.testing.assert_close(a[1:4, 5:], (identity - 3 * torch.outer(unit, unit)) / r**3)


def test_open_boundary_is_the_limit_of_a_large_box() -> None:
    errors = []
    for side in (20.0, 30.0):
        base = cluster(seed=5)
        positions = base.positions + side / 2
        box = Structure(positions, np.eye(3) * side, Boundary.BULK)
        alone = Structure(positions, np.eye(3) * side, Boundary.OPEN)
        batch = geometry(alone, box, narrowest_width=1.5)
        p = multipoles(batch, charge=0.0)
        p[1] = p[0]
        energy = coulomb_energy(assemble(batch, smearing_width=1.5, l_max=1), p)
        moment = dipole(p.reshape(2, 3, 4), batch.positions, cell_centre(batch.cell))[0]
        images = -2 * math.pi * COULOMB_CONSTANT / (3 * side**3) * (moment @ moment)
        errors.append(abs(energy[1] - energy[0] - images).item())
    assert errors[1] < 2e-3
    assert errors[0] / errors[1] == pytest.approx(1.5**5, rel=0.35)


def test_energy_does_not_depend_on_place_or_orientation() -> None:
    base = cluster()
    rotation = np.linalg.qr(np.random.default_rng(8).normal(size=(3, 3)))[0]
    rotation *= np.linalg.det(rotation)
    turned = Structure(base.positions @ rotation.T + [1.0, -2.0, 30.0], base.cell, base.boundary)
    batch = geometry(base, turned)
    p = multipoles(batch).reshape(2, 3, 4)
    cartesian = p[0, :, [3, 1, 2]] @ torch.tensor(rotation.T)
    p[1] = torch.cat([p[0, :, :1], cartesian[:, [1, 2, 0]]], dim=1)
    energy = coulomb_energy(assemble(batch, smearing_width=0.8, l_max=1), p.flatten(1))
    assert energy[1].item() == pytest.approx(energy[0].item(), rel=1e-12)


def test_coincident_atoms_have_finite_derivatives() -> None:
    batch = geometry(Structure(np.zeros((2, 3)), np.eye(3), Boundary.OPEN))
    batch.positions.requires_grad_()
    p = multipoles(batch)
    energy = coulomb_energy(assemble(batch, smearing_width=1.0, l_max=1), p).sum()
    (slope,) = torch.autograd.grad(energy, batch.positions, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.square().sum(), batch.positions)
    assert torch.isfinite(curvature).all()
    assert torch.isfinite(slope).all()
    torch.testing.assert_close(slope[0, 0], -slope[0, 1])
