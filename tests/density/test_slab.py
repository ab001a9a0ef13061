"""A slab alone in vacuum: nothing may depend on the cell's height or the slab's place in it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.density.constants import COULOMB_CONSTANT
from bench.density.coulomb import Maps, assemble, coulomb_energy
from bench.density.geometry import Boundary, Geometry
from bench.density.multipoles import cell_centre, dipole
from tests.density.batches import Structure, geometry, multipoles, slab

AREA = 4.6 * 4.9
WIDTH = 1.2
CHARGES = [0.0, 1.0, -2.0]


def batch_of(*structures: Structure) -> Geometry:
    return geometry(*structures, narrowest_width=1.0, cutoff_factor=2.0)


def maps_of(batch: Geometry, l_max: int = 1) -> Maps:
    return assemble(batch, smearing_width=WIDTH, l_max=l_max, feature_widths=[1.0, 2.0])


def one_density(batch: Geometry, charge: float, l_max: int = 1) -> Tensor:
    """The same multipoles in every structure, [g, m]."""
    return multipoles(batch, l_max, charge=charge)[:1].repeat(len(batch.mask), 1)


def sampled(maps: Maps, p: Tensor) -> Tensor:
    """[g, n f] features of the density alone."""
    assert maps.features is not None
    return (maps.features @ p[..., None])[..., 0]


@pytest.mark.parametrize("charge", CHARGES)
@pytest.mark.parametrize("l_max", [0, 1])
def test_vacuum_changes_neither_energy_nor_potential(charge: float, l_max: int) -> None:
    batch = batch_of(*(slab(height=h) for h in (60.0, 71.3, 100.0)))
    p = one_density(batch, charge, l_max)
    maps = maps_of(batch, l_max)
    energy, features = coulomb_energy(maps, p), sampled(maps, p)
    potential = (maps.coulomb @ p[..., None])[..., 0]
    for values in (energy[:, None], features, potential):
        torch.testing.assert_close(values, values[:1].expand_as(values), rtol=0, atol=1e-8)


@pytest.mark.parametrize("charge", CHARGES)
def test_place_changes_neither_energy_nor_potential(charge: float) -> None:
    base = slab(height=30.0)
    batch = batch_of(base, base.moved([0, 0, 7.3]), base.moved([0.4, 1.0, -4.0]))
    p = one_density(batch, charge)
    maps = maps_of(batch)
    for values in (coulomb_energy(maps, p)[:, None], sampled(maps, p)):
        torch.testing.assert_close(values, values[:1].expand_as(values), rtol=0, atol=1e-9)


@pytest.mark.parametrize("charge", CHARGES)
def test_field_moves_a_charged_slab_and_leaves_a_neutral_one(charge: float) -> None:
    field, by = 0.4, 3.0
    base = slab(height=40.0, field=field)
    batch = batch_of(base, base.moved([0, 0, by]))
    maps = maps_of(batch)
    p = one_density(batch, charge)
    energy = coulomb_energy(maps, p) + (maps.applied * p).sum(dim=1)
    assert (energy[1] - energy[0]).item() == pytest.approx(-charge * field * by, abs=1e-9)


@pytest.mark.parametrize(("lower", "upper"), [(1.0, -1.0), (0.5, 1.5), (0.0, 1.0)])
def test_far_layers_attract_as_charged_planes(lower: float, upper: float) -> None:
    def layers(distance: float) -> Structure:
        cell = np.diag([4.6, 4.9, 90.0])
        return Structure(np.array([[0, 0, 20.0], [1, 2, 20.0 + distance]]), cell, Boundary.SLAB)

    energy = {}
    for distance in (25.0, 40.0):
        batch = batch_of(layers(distance))
        p = torch.tensor([[lower, upper]], dtype=torch.float64)
        energy[distance] = coulomb_energy(maps_of(batch, 0), p).item()
    slope = -2 * math.pi * COULOMB_CONSTANT * lower * upper / AREA
    work = energy[40.0] - energy[25.0]
    assert work == pytest.approx(slope * 15.0, abs=1e-9)


@pytest.mark.parametrize("charge", CHARGES)
def test_far_potential_is_that_of_a_plane(charge: float) -> None:
    base = slab(height=80.0)
    probe = replace(base, positions=np.concatenate([base.positions, [[1.0, 1.0, 45.0]]]))
    batch = batch_of(probe, replace(probe, positions=probe.positions + [0, 0, 10.0]))
    p = torch.cat([multipoles(geometry(base), charge=charge), torch.zeros(1, 4).double()], dim=1)
    features = sampled(maps_of(batch), p.expand(2, -1)).reshape(2, 5, 8)[:, -1]
    gradient = -2 * math.pi * COULOMB_CONSTANT * charge / AREA
    expected = torch.tensor([0, gradient, 0] * 2, dtype=torch.float64)
    torch.testing.assert_close(features[:, 2:], expected.expand(2, -1), rtol=0, atol=1e-9)


@pytest.mark.parametrize("charge", CHARGES)
def test_potential_is_the_derivative_of_the_energy(charge: float) -> None:
    batch = batch_of(slab(height=25.0))
    p = one_density(batch, charge).requires_grad_()
    maps = maps_of(batch)
    (slope,) = torch.autograd.grad(coulomb_energy(maps, p).sum(), p)
    torch.testing.assert_close(slope, (maps.coulomb @ p[..., None])[..., 0], rtol=0, atol=1e-11)


@pytest.mark.parametrize("charge", CHARGES)
def test_average_of_the_potential_over_the_cell(charge: float) -> None:
    """The periodic sum averages to zero, what remains is a parabola: three nodes are exact."""
    base, width = slab(height=25.0), 0.8
    nodes, weights = np.polynomial.legendre.leggauss(3)
    probes = np.array([[1.0, 2.0, 12.5 * (1 + x)] for x in nodes])
    both = replace(base, positions=np.concatenate([base.positions, probes]))
    batch = batch_of(both, replace(both, boundary=Boundary.BULK))
    p = torch.cat([multipoles(geometry(base), charge=charge), torch.zeros(1, 12).double()], dim=1)
    maps = assemble(batch, smearing_width=WIDTH, l_max=1, feature_widths=[width])
    seen = sampled(maps, p.expand(2, -1)).reshape(2, 7, 4)[:, -3:, 0]
    average = (seen[0] - seen[1]) @ torch.tensor(weights / 2)
    # The probe's own width adds the curvature of the parabola times σ²/2.
    average += 2 * math.pi * COULOMB_CONSTANT / (25.0 * AREA) * charge * width**2
    shift = maps.cell_average_shift(p.expand(2, -1))
    assert shift[0].item() == pytest.approx(average.item(), abs=1e-10)
    assert shift[1].item() == 0.0


def equilibrium(batch: Geometry, charge: float, hardness: float = 4.0) -> tuple[Tensor, Tensor]:
    """Multipoles [g, m] that minimise ½ p·(A + J) p + (χ + v_app)·p at Σ q = charge, and μ [g]."""
    maps = maps_of(batch)
    size = maps.charge.shape[1]
    chi = torch.linspace(-1, 2, size, dtype=torch.float64).expand_as(maps.charge)
    bordered = torch.zeros(len(chi), size + 1, size + 1, dtype=torch.float64)
    bordered[:, :-1, :-1] = maps.coulomb + hardness * torch.eye(size)
    bordered[:, :-1, -1] = bordered[:, -1, :-1] = maps.charge
    total = torch.full((len(chi), 1), charge, dtype=torch.float64)
    target = torch.cat([-chi - maps.applied, total], dim=1)
    solution = torch.linalg.solve(bordered, target)
    return solution[:, :-1], solution[:, -1]


def test_translation_changes_the_fermi_level_by_the_field_in_the_vacuum() -> None:
    field, by, height = 0.3, 2.5, 30.0
    base = slab(height=height, field=field)
    batch = batch_of(base, base.moved([0, 0, by]))
    p, solver = equilibrium(batch, 0.0)
    torch.testing.assert_close(p[0], p[1], rtol=0, atol=1e-10)
    fermi = solver + maps_of(batch).cell_average_shift(p)
    moment = dipole(p.reshape(2, -1, 4), batch.positions, cell_centre(batch.cell))[0, 2].item()
    applied = field - 4 * math.pi * COULOMB_CONSTANT * moment / (AREA * height)
    assert abs(applied - field) > 1e-3
    assert (fermi[1] - fermi[0]).item() == pytest.approx(applied * by, abs=1e-9)
    assert (solver[1] - solver[0]).item() == pytest.approx(field * by, abs=1e-9)


@pytest.mark.parametrize("charge", CHARGES)
def test_fermi_level_of_the_solver_is_minus_the_slope_in_charge(charge: float) -> None:
    batch = batch_of(slab(height=30.0, field=0.2))
    maps, step = maps_of(batch), 0.01
    chi = torch.linspace(-1, 2, maps.charge.shape[1], dtype=torch.float64)
    energies = []
    for q in (charge + step, charge - step):
        p, _ = equilibrium(batch, q)
        local = ((chi + maps.applied) * p + 2.0 * p**2).sum(dim=1)
        energies.append((coulomb_energy(maps, p) + local).item())
    _, fermi = equilibrium(batch, charge)
    assert fermi.item() == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=1e-9)
