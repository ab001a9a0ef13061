"""Solvers agree, keep structures apart, and say how they did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from bench.config.schema import Solver
from bench.errors import BenchError
from bench.scf.direct import solve_bordered
from bench.scf.problem import Problem, Rows
from bench.scf.solve import (
    Anderson,
    Method,
    Mixing,
    Newton,
    Solution,
    find_fermi_level,
    iterate,
    response_range,
    solve,
    with_response,
)
from tests.scf.synthetic import F64, FixedPoint, World, random, world

KINDS: dict[str, Callable[[World], Problem]] = {
    "fixed_point": World.fixed_point,
    "variational": World.variational,
}


def guess(w: World) -> torch.Tensor:
    return w.local_density().flatten(1)


def run(problem: Problem, method: Method, start: torch.Tensor) -> Solution:
    return iterate(problem, method, start, tolerance=1e-11, max_iterations=300)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", [Anderson, Mixing])
def test_newton_anderson_and_mixing_agree(kind: str, method: Callable[[], Method]) -> None:
    w = world()
    problem = KINDS[kind](w)
    best, other = run(problem, Newton(), guess(w)), run(problem, method(), guess(w))
    assert best.report.converged.all() and other.report.converged.all()
    assert torch.allclose(best.p, other.p, rtol=0, atol=1e-10)
    assert torch.allclose(best.mu, other.mu, rtol=0, atol=1e-9)
    missing = ((w.charges() * best.p).sum(1) - w.total_charge)[w.metallic]
    assert missing.abs().max() < 1e-11


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("start", ["zero", "noise"])
def test_solution_does_not_depend_on_the_guess(kind: str, start: str) -> None:
    w = world()
    problem = KINDS[kind](w)
    first = torch.zeros(3, 24, dtype=F64) if start == "zero" else 2 * random(3, 24, seed=9)
    a, b = run(problem, Newton(), first), run(problem, Newton(), guess(w))
    assert a.report.converged.all()
    assert torch.allclose(a.p, b.p, rtol=0, atol=1e-10)


@pytest.mark.parametrize("gain", [0.05, 0.2, 1.0])
def test_iterations_newton_needs_few_where_mixing_needs_many_or_diverges(gain: float) -> None:
    """At most 8 against more than 50, to 1e-8 e."""
    w = world(gain=gain)
    problem = w.fixed_point()
    quick = iterate(problem, Newton(), guess(w))
    slow = iterate(problem, Mixing(0.2), guess(w), max_iterations=400)
    assert quick.report.converged.all() and quick.report.iterations.max() <= 8
    assert slow.report.iterations.min() > 50
    assert slow.report.converged.all() == (gain < 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", [Newton, Anderson, Mixing])
def test_batch_equals_one_by_one(kind: str, method: Callable[[], Method]) -> None:
    """Metal, insulator and metal of different sizes: same iterates, iterations and μ."""
    w = world()
    together = iterate(KINDS[kind](w), method(), guess(w), max_iterations=20)
    for i in range(3):
        single = w.alone(i)
        alone = iterate(KINDS[kind](single), method(), guess(single), max_iterations=20)
        m = alone.p.shape[1]
        assert torch.allclose(together.p[i, :m], alone.p[0], rtol=0, atol=1e-12)
        assert (together.p[i, m:] == 0).all()
        assert together.mu[i].item() == pytest.approx(alone.mu.item(), abs=1e-11)
        assert together.report.iterations[i] == alone.report.iterations[0]


def exploding(w: World, bad: int) -> FixedPoint:
    """The local problem with one structure whose map grows without bound."""
    local = w.fixed_point()

    def function(p: torch.Tensor, mu: torch.Tensor, rows: Rows) -> torch.Tensor:
        index = torch.arange(3)[rows]
        part = local.take(index)
        wild = p + 1e3 * (1 + p.square()).square() + mu[:, None] * w.charges()[index]
        return torch.where((index == bad)[:, None], wild, part.residual(p, mu) + p)

    return FixedPoint(constraint=w.constraint(), function=function)


@pytest.mark.parametrize("bad", [0, 1])
@pytest.mark.parametrize("method", [Newton, Anderson, Mixing])
def test_diverging_member_does_not_poison(bad: int, method: Callable[[], Method]) -> None:
    w = world()
    healthy = [i for i in range(3) if i != bad]
    clean = iterate(w.fixed_point(), method(), guess(w))
    mixed = iterate(exploding(w, bad), method(), guess(w))
    assert mixed.report.converged[healthy].all() and not mixed.report.converged[bad]
    assert torch.isfinite(mixed.p).all() and torch.isfinite(mixed.mu).all()
    assert torch.allclose(mixed.p[healthy], clean.p[healthy], rtol=0, atol=1e-12)
    assert mixed.report.iterations[healthy].tolist() == clean.report.iterations[healthy].tolist()


def test_nan_guess_is_reported() -> None:
    w = world()
    start = guess(w)
    start[1] = torch.nan
    report = iterate(w.fixed_point(), Newton(), start).report
    assert report.converged.tolist() == [True, False, True]
    assert report.residual[1].isnan() and report.iterations[1] == 0


def linear_map(eigenvalues: list[float]) -> FixedPoint:
    """p = b + Λ p with a known spectrum in a random basis, charge free."""
    m = len(eigenvalues)
    basis = random(m, m, seed=1) + 2 * torch.eye(m, dtype=F64)
    response = basis @ torch.diag(torch.tensor(eigenvalues, dtype=F64)) @ basis.inverse()
    limits = replace(
        world().constraint(),
        charge=torch.ones(1, m, dtype=F64),
        mask=torch.ones(1, m, dtype=torch.bool),
        bordered=torch.zeros(1, dtype=torch.bool),
        total_charge=torch.zeros(1, dtype=F64),
        fermi_level=torch.zeros(1, dtype=F64),
    )
    return FixedPoint(constraint=limits, function=lambda p, mu, rows: 1 + p @ response.T)


@pytest.mark.parametrize("lowest", [-3.0, -9.0, -36.0])
@pytest.mark.parametrize("fraction", [0.9, 1.1])
def test_mixing_converges_below_two_over_one_minus_min_eigenvalue(
    lowest: float, fraction: float
) -> None:
    problem = linear_map([lowest, -0.5, 0.3])
    start = torch.zeros(1, 3, dtype=F64)
    low, _ = response_range(problem, start, torch.zeros(1, dtype=F64))
    alpha = fraction * 2 / (1 - low.item())
    solution = iterate(problem, Mixing(alpha), start, max_iterations=1000)
    assert solution.report.converged.item() == (fraction < 1)


@pytest.mark.parametrize(("highest", "stable"), [(0.9, True), (2.95, False)])
def test_response_above_one_is_flagged_unstable(highest: float, stable: bool) -> None:
    """Newton lands on it, mixing runs away."""
    problem = linear_map([-2.0, 0.1, highest])
    start = torch.zeros(1, 3, dtype=F64)
    solution = iterate(problem, Newton(), start)
    report = with_response(problem, solution.p, solution.mu, solution.report)
    assert report.converged.item()
    assert report.stable.item() is stable
    assert report.response_min.item() == pytest.approx(-2.0, abs=1e-10)
    assert report.response_max.item() == pytest.approx(highest, abs=1e-10)
    slow = iterate(problem, Mixing(0.2), start, max_iterations=2000)
    assert slow.report.converged.item() is stable


def test_response_at_fixed_charge_is_the_slope_of_the_conserving_map() -> None:
    """Λ_Q from the Jacobian against finite differences of p → F(p, μ(p)); and mixing's own rate."""
    w = world().alone(0)
    problem = w.fixed_point()
    solution = run(problem, Newton(), guess(w))
    neutral = torch.linalg.svd(w.charges())[2][1:]  # [m - 1, m]
    h, columns = 1e-5, []
    for v in neutral:
        ahead = find_fermi_level(problem, solution.p + h * v, solution.mu)[1]
        behind = find_fermi_level(problem, solution.p - h * v, solution.mu)[1]
        columns.append(neutral @ (ahead - behind)[0] / (2 * h))
    expected = torch.linalg.eigvals(torch.stack(columns, 1)).real
    report = with_response(problem, solution.p, solution.mu, solution.report)
    assert report.response_min.item() == pytest.approx(expected.min().item(), abs=1e-6)
    assert report.response_max.item() == pytest.approx(expected.max().item(), abs=1e-6)


def test_gradient_of_the_response_range() -> None:
    """A loss on stability: eigenvalue gradients against finite differences."""
    w = world().alone(0)
    solution = run(w.fixed_point(), Newton(), guess(w))

    def lowest(theta: torch.Tensor) -> torch.Tensor:
        return response_range(replace(w, theta=theta).fixed_point(), solution.p, solution.mu)[0]

    assert torch.autograd.gradcheck(lowest, w.theta.clone().requires_grad_(), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_constant_fermi_level_returns_to_the_same_density(kind: str) -> None:
    w = world()
    fixed = run(KINDS[kind](w), Newton(), guess(w))
    none = torch.zeros(3, dtype=torch.bool)
    problem = KINDS[kind](w)
    open_ = replace(
        problem,
        constraint=replace(problem.constraint, bordered=none, fermi_level=fixed.mu),
    )
    for method in (Newton(), Anderson()):
        free = run(open_, method, torch.zeros_like(fixed.p))
        assert torch.allclose(free.p, fixed.p, rtol=0, atol=1e-9)
        assert torch.equal(free.mu, fixed.mu)


def test_quadratic_minimum_equals_its_direct_solve() -> None:
    """Newton needs one step; Hellmann–Feynman: −μ = ∂E/∂Q."""
    w = world(metallic=(True, True, True))
    limits = w.constraint()
    stiffness = (2 + random(3, 24, seed=3).abs()) * limits.mask
    source = random(3, 24, seed=4) * limits.mask
    problem = replace(
        w.variational(),
        functional=lambda p, rows: (source[rows] * p + 0.5 * stiffness[rows] * p**2).sum(1),
    )
    solution = run(problem, Newton(), torch.zeros(3, 24, dtype=F64))
    matrix, rhs = torch.diag_embed(stiffness) + w.coulomb(), -source - w.applied()
    p, mu = solve_bordered(
        matrix, rhs, limits.charge, limits.total_charge, limits.bordered, limits.mask
    )
    assert solution.report.iterations.tolist() == [1, 1, 1]
    assert torch.allclose(solution.p, p, rtol=0, atol=1e-12)
    assert torch.allclose(solution.mu, mu, rtol=0, atol=1e-11)

    total = limits.total_charge.clone().requires_grad_()
    p, mu = solve_bordered(matrix, rhs, limits.charge, total, limits.bordered, limits.mask)
    energy = 0.5 * torch.einsum("gi,gij,gj->g", p, matrix, p) - (rhs * p).sum(1)
    (slope,) = torch.autograd.grad(energy.sum(), total)
    assert torch.allclose(slope, -mu, rtol=0, atol=1e-11)


def test_backtracking_saves_newton_from_overshooting() -> None:
    """asinh(p) = 0: full Newton steps diverge from far away, halved ones do not."""
    problem = replace(linear_map([0.0, 0.0, 0.0]), function=lambda p, mu, rows: p - torch.asinh(p))
    far = torch.tensor([[3.0, -8.0, 20.0]], dtype=F64)
    solution = iterate(problem, Newton(), far)
    assert solution.report.converged.item()
    assert solution.p.abs().max() < 1e-8


@pytest.mark.parametrize("solver", [s for s in Solver if s is not Solver.direct])
def test_every_named_solver_reaches_the_same_solution(solver: Solver) -> None:
    w = world()
    solution = solve(w.fixed_point(), guess(w), solver=solver, tolerance=1e-11, max_iterations=500)
    best = run(w.fixed_point(), Newton(), guess(w))
    assert solution.report.converged.all()
    assert torch.allclose(solution.p, best.p, rtol=0, atol=1e-9)


def test_direct_is_refused_for_a_nonlinear_problem() -> None:
    w = world()
    with pytest.raises(BenchError, match=r"model\.solver=direct.*\n.*newton"):
        solve(w.fixed_point(), guess(w), solver=Solver.direct)
