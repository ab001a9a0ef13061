"""Gradients through the solution against finite differences and the converged unrolled gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bench.scf.implicit import differentiable, unrolled
from bench.scf.krylov import KrylovInverse
from bench.scf.problem import Problem, Variational
from bench.scf.solve import MakeInverse, Mixing, Newton, dense_inverse, iterate
from tests.scf.synthetic import F64, World, random, world

Density = Callable[[Problem, Tensor], tuple[Tensor, Tensor]]
KINDS: dict[str, Callable[[World], Problem]] = {
    "fixed_point": World.fixed_point,
    "variational": World.variational,
}


DIRECTIONS = random(2, 6, seed=33)


def implicit(steps: int = 2, make_inverse: MakeInverse = dense_inverse) -> Density:
    def density(problem: Problem, start: Tensor) -> tuple[Tensor, Tensor]:
        solution = iterate(problem, Newton(), start, tolerance=1e-9)
        assert solution.report.converged.all()
        return differentiable(problem, solution, steps=steps, make_inverse=make_inverse)

    return density


def mixed(steps: int, mixing: float = 0.3) -> Density:
    def density(problem: Problem, start: Tensor) -> tuple[Tensor, Tensor]:
        solution = unrolled(problem, start, steps=steps, mixing=mixing)
        return solution.p, solution.mu

    return density


def energy(w: World, problem: Problem, p: Tensor, mu: Tensor) -> Tensor:
    """E of the structures together: the functional's own, or one that is not stationary."""
    total = 0.5 * torch.einsum("gi,gij,gj->", p, w.coulomb(), p) + (w.applied() * p).sum()
    if isinstance(problem, Variational):
        return total + w.functional(p, slice(None)).sum()
    return total + torch.tanh(0.3 * w.theta[0] * p).sum() + 0.1 * (mu * w.metallic).square().sum()


def forces(w: World, kind: str, density: Density, *, graph: bool = True) -> Tensor:
    positions = w.positions.detach().requires_grad_()
    w = replace(w, positions=positions)
    problem = KINDS[kind](w)
    p, mu = density(problem, w.local_density().detach().flatten(1))
    (slope,) = torch.autograd.grad(energy(w, problem, p, mu), positions, create_graph=graph)
    return -slope * w.mask[..., None]


def density_loss(w: World, kind: str, density: Density) -> Tensor:
    problem = KINDS[kind](w)
    p, mu = density(problem, w.local_density().detach().flatten(1))
    return (random(*p.shape, seed=21) * p).sum() + (mu * w.metallic).square().sum()


def force_loss(w: World, kind: str, density: Density) -> Tensor:
    f = forces(w, kind, density)
    return (random(*f.shape, seed=22) * f).sum() + 0.1 * f.square().sum()


Loss = Callable[[World, str, Density], Tensor]


def gradient(loss: Loss, w: World, kind: str, density: Density) -> Tensor:
    """dloss/dtheta along DIRECTIONS, by autograd."""
    theta = w.theta.detach().requires_grad_()
    (slope,) = torch.autograd.grad(loss(replace(w, theta=theta), kind, density), theta)
    return DIRECTIONS @ slope


def finite_difference(loss: Loss, w: World, kind: str, density: Density) -> Tensor:
    """dloss/dtheta along DIRECTIONS, by five points."""
    h, slopes = 2e-3, []
    for unit in DIRECTIONS:
        values = [
            loss(replace(w, theta=w.theta + s * h * unit), kind, density).item()
            for s in (-2, -1, 1, 2)
        ]
        slopes.append((values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h))
    return torch.tensor(slopes, dtype=F64)


def error(value: Tensor, reference: Tensor) -> float:
    return ((value - reference).norm() / reference.norm()).item()


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_of_the_density(kind: str) -> None:
    """Implicit = converged unrolled = finite differences."""
    w = world()
    slope = gradient(density_loss, w, kind, implicit())
    assert error(slope, finite_difference(density_loss, w, kind, implicit())) < 1e-8
    assert error(slope, gradient(density_loss, w, kind, mixed(120, 0.2))) < 1e-8


@pytest.mark.parametrize("kind", KINDS)
def test_forces(kind: str) -> None:
    """−dE/dr against finite differences of the self-consistent energy."""
    w = world()
    f = forces(w, kind, implicit(steps=1), graph=False)
    step = random(*f.shape, seed=3) * w.mask[..., None]

    def value(h: float) -> float:
        moved = replace(w, positions=w.positions + h * step)
        problem = KINDS[kind](moved)
        return energy(moved, problem, *implicit()(problem, moved.local_density().flatten(1))).item()

    h = 1e-4
    slope = (8 * (value(h) - value(-h)) - value(2 * h) + value(-2 * h)) / (12 * h)
    assert -(f * step).sum().item() == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize(
    ("kind", "steps", "exact"),
    [
        ("fixed_point", 1, False),
        ("fixed_point", 2, True),
        ("variational", 1, True),  # the 2n + 1 theorem: stationary energies need one
        ("variational", 2, True),
    ],
)
def test_gradient_of_a_force_loss_needs_two_chord_steps(kind: str, steps: int, exact: bool) -> None:
    w = world()
    reference = finite_difference(force_loss, w, kind, implicit())
    wrong_by = error(gradient(force_loss, w, kind, implicit(steps)), reference)
    assert wrong_by < 1e-7 if exact else wrong_by > 1e-3


def test_hellmann_feynman_forces_of_a_minimum() -> None:
    """At the detached minimum forces are right; those of a fixed point are not."""

    def cut(problem: Problem, start: Tensor) -> tuple[Tensor, Tensor]:
        solution = iterate(problem, Newton(), start, tolerance=1e-9)
        return solution.p, solution.mu

    w = world()
    full, short = (forces(w, "variational", d, graph=False) for d in (implicit(), cut))
    assert torch.allclose(full, short, rtol=0, atol=1e-8)
    full, short = (forces(w, "fixed_point", d, graph=False) for d in (implicit(), cut))
    assert error(short, full) > 1e-3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", [density_loss, force_loss])
def test_matrix_free_gradients_equal_dense_ones(kind: str, loss: Loss) -> None:
    w = world()
    dense = gradient(loss, w, kind, implicit())
    assert error(gradient(loss, w, kind, implicit(make_inverse=KrylovInverse)), dense) < 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_at_constant_fermi_level(kind: str) -> None:
    """μ given: the density follows it without a border."""
    w = world()
    level = torch.tensor([-0.5, 0.0, 0.4], dtype=F64)
    free = replace(w, fermi_level=level)

    def density(problem: Problem, start: Tensor) -> tuple[Tensor, Tensor]:
        limits = replace(problem.constraint, bordered=torch.zeros(3, dtype=torch.bool))
        return implicit()(replace(problem, constraint=limits), start)

    slope = gradient(force_loss, free, kind, density)
    assert error(slope, finite_difference(force_loss, free, kind, density)) < 1e-7


def test_unconverged_structures_stay_constant() -> None:
    """Their gradient is zero, not NaN, and the others keep theirs."""
    w = world()
    theta = w.theta.detach().requires_grad_()
    problem = replace(w, theta=theta).fixed_point()
    start = w.local_density().flatten(1)
    start[1] = torch.nan
    solution = iterate(problem, Newton(), start)
    p, _ = differentiable(problem, solution)
    (slope,) = torch.autograd.grad(p[[0, 2]].sum(), theta, retain_graph=True)
    healthy = iterate(problem, Newton(), w.local_density().flatten(1))
    q, _ = differentiable(problem, healthy)
    (expected,) = torch.autograd.grad(q[[0, 2]].sum(), theta)
    assert torch.allclose(slope, expected, rtol=0, atol=1e-9)
    (none,) = torch.autograd.grad(p[1].sum(), theta)
    assert (none == 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", [density_loss, force_loss])
def test_unrolled_steps_are_differentiated_exactly(kind: str, loss: Loss) -> None:
    """Derivatives of what was computed, μ of every step included: truncated, yet consistent."""
    w, density = world(), mixed(4)
    slope = gradient(loss, w, kind, density)
    assert error(slope, finite_difference(loss, w, kind, density)) < 1e-7


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_unrolled_density_carries_the_charge_at_every_step(steps: int) -> None:
    w = world()
    problem = w.fixed_point()
    solution = unrolled(problem, torch.zeros(3, 24, dtype=F64), steps=steps, mixing=0.3)
    missing = ((w.charges() * solution.p).sum(1) - w.total_charge)[w.metallic]
    assert missing.abs().max() < 1e-11
    same = iterate(
        problem, Mixing(0.3), torch.zeros(3, 24, dtype=F64), tolerance=0.0, max_iterations=steps
    )
    assert torch.allclose(solution.p, same.p, rtol=0, atol=1e-11)


def test_few_unrolled_steps_have_a_wrong_gradient() -> None:
    """The error falls like (1 − α)ⁿ: per cents after ten steps, which implicit gradients mend."""
    w = world()
    exact = gradient(density_loss, w, "fixed_point", implicit())
    errors = [
        error(gradient(density_loss, w, "fixed_point", mixed(n, 0.2)), exact) for n in (10, 20, 40)
    ]
    assert errors[0] > 1e-2 > errors[1] > 10 * errors[2]
