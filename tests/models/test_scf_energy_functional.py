"""The learned functional: QEq where it is quadratic, convex with one minimum where it is not."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor

from bench.models.base import Density, Inputs, Point
from bench.models.scf_energy_functional import Cones, ScfEnergyFunctional
from bench.scf.problem import Variational
from bench.testing.frames import bulk, cluster, slab
from tests.models.test_points import batch_of, build

FRAMES = [slab(), bulk(), cluster()]
NONLINEAR = "scf_energy_functional-nonlinear"

cached = cache(build)


def inputs_of(model: Point) -> Inputs:
    batch = batch_of(model, *FRAMES)
    return Inputs(batch, model.backbone(batch), model.maps(batch))


def random(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("l_max", [0, 1])
def test_the_quadratic_functional_is_qeq(l_max: int) -> None:
    qeq, functional = build("scf_qeq", l_max=l_max), build("scf_energy_functional", l_max=l_max)
    functional.load_state_dict(qeq.state_dict())
    expected, found = qeq(batch_of(qeq, *FRAMES)), functional(batch_of(functional, *FRAMES))
    for name in ("energy", "forces", "multipoles", "fermi_level"):
        torch.testing.assert_close(
            getattr(found, name), getattr(expected, name), rtol=0, atol=1e-10
        )


def test_without_cones_the_nonlinear_functional_is_qeq() -> None:
    """The same answer by Newton's method on the functional as by the linear solve."""
    qeq, functional = build("scf_qeq"), build(NONLINEAR, tolerance=1e-12)
    functional.load_state_dict(qeq.state_dict(), strict=False)
    assert isinstance(functional, ScfEnergyFunctional) and functional.cones is not None
    torch.nn.init.constant_(functional.cones.height.offset, -60.0)
    for parameter in functional.cones.height.network.parameters():
        torch.nn.init.zeros_(parameter)
    expected, found = qeq(batch_of(qeq, *FRAMES)), functional(batch_of(functional, *FRAMES))
    for name in ("energy", "forces", "multipoles", "fermi_level"):
        torch.testing.assert_close(
            getattr(found, name), getattr(expected, name), rtol=0, atol=1e-10
        )


@pytest.mark.parametrize("size", [0.01, 0.3, 5.0])
def test_cones_add_curvature_everywhere(size: float) -> None:
    model = cached(NONLINEAR)
    assert isinstance(model, ScfEnergyFunctional)
    inputs = inputs_of(model)
    problem = model.problem(inputs)
    assert isinstance(problem, Variational)
    _, stiffness = model.functional(inputs)
    p = size * random(*stiffness.shape) * inputs.maps.mask
    with torch.no_grad():
        added = problem.curvature(p) - torch.diag_embed(stiffness)
    lowest = torch.linalg.eigvalsh(added)[:, 0]
    assert float(lowest.min()) > -1e-12
    assert float(added.abs().amax()) > 1e-3


def test_curvature_falls_away_from_a_cones_centre() -> None:
    """a s² / (1 + x²)^(3/2) along the charge: hard at the centre, soft far from it."""
    ones = torch.ones(1, 1, 1, dtype=torch.float64)
    slope = torch.tensor([[[[4.0, 0.0, 0.0, 0.0]]]], dtype=torch.float64)
    cones = Cones(height=0.3 * ones, slope=slope, offset=-0.8 * ones, width=25.0 * ones)
    for charge in (0.2, 0.5, -1.0):
        p = torch.tensor([[charge, 0, 0, 0]], dtype=torch.float64)
        hessian = torch.autograd.functional.hessian(lambda x: cones.energy(x).sum(), p)[0, :, 0]
        root = (1 + (4 * charge - 0.8) ** 2) ** 0.5
        expected = torch.tensor([0.3 * 16 / root**3, *[0.3 * 25 / root] * 3], dtype=torch.float64)
        torch.testing.assert_close(hessian, torch.diag(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["scf_energy_functional", NONLINEAR])
def test_the_density_is_the_minimum_at_fixed_charge(name: str) -> None:
    """Any neutral change raises the energy, in second order."""
    model = cached(name, tolerance=1e-12)
    inputs = inputs_of(model)
    maps, p = inputs.maps, torch.as_tensor(model.density(inputs, model.recommended).multipoles)

    def energy(multipoles: Tensor) -> Tensor:
        local = model.internal_energy(inputs, Density(multipoles))
        potential = 0.5 * maps.potential(multipoles) + maps.applied
        return (local + (potential * multipoles).sum(1)).detach()

    change = random(*p.shape) * maps.mask
    change = change - maps.charge * ((maps.charge * change).sum(1) / maps.charge.sum(1))[:, None]
    small = energy(p + 1e-4 * change) - energy(p)
    assert (small > 0).all()
    both = small + energy(p - 1e-4 * change) - energy(p)
    torch.testing.assert_close(2 * small, both, rtol=1e-2, atol=0)  # no first order
    assert (energy(p + change) > energy(p)).all()
