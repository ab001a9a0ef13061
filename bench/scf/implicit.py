"""Gradients through a self-consistent density: implicit, and unrolled for comparison."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.scf.krylov import KrylovInverse
from bench.scf.problem import Problem
from bench.scf.report import ScfReport
from bench.scf.solve import (
    MakeInverse,
    Newton,
    Solution,
    dense_inverse,
    find_fermi_level,
    iterate,
)

CONVERGED = 1e-8  # e: an unrolled density whose last step is smaller
CHORD_STEPS = 2  # k steps make the k-th derivative exact; a loss on forces needs the second


def differentiable(
    problem: Problem,
    solution: Solution,
    *,
    make_inverse: MakeInverse = dense_inverse,
    steps: int = CHORD_STEPS,
) -> tuple[Tensor, Tensor]:
    """The solution as a differentiable function of everything that the problem was made from.

    Chord steps x ← x − (∂R/∂x)⁻¹ R(x) from the detached solution with one frozen inverse, by plain
    autograd (eqs 80–85 of arXiv 2603.14700, in the form that is exact for the second derivative).
    Unconverged structures stay constant: their report says so.

    For a minimum the Hellmann–Feynman theorem makes ``solution.p`` and ``solution.mu`` themselves
    enough where only first derivatives of the energy are wanted, as for forces at inference; the
    parameter gradient of a loss on forces, and any loss on p, need this function.

    Args:
        problem: with the graph of its parameters and positions.
        solution: of any solver, converged.
        make_inverse: ``dense_inverse`` or, matrix-free, ``KrylovInverse``.
        steps: chord steps; derivatives up to this order are exact (1 is enough at inference).

    Returns:
        p [g, m] and μ [g].
    """
    done = solution.report.converged
    if not done.any():
        return solution.p, solution.mu
    rows = done.nonzero()[:, 0]
    part = problem if done.all() else problem.take(rows)
    p, mu = solution.p[rows], solution.mu[rows]
    inverse = make_inverse(part, p, mu)
    for _ in range(steps):
        dp, dmu = inverse(part.residual(p, mu), part.constraint.error(p, mu))
        p, mu = p + dp, mu + dmu
    return solution.p.index_copy(0, rows, p), solution.mu.index_copy(0, rows, mu)


def solve_matrix_free(
    problem: Problem, *, tolerance: float = 1e-8, max_iterations: int = 3
) -> tuple[Tensor, Tensor, ScfReport]:
    """A linear problem without its matrix: p [g, m], μ [g], both differentiable, and the report.

    Newton's first step solves it by Krylov iteration; a second mops up what rounding left.
    """
    start = torch.zeros_like(problem.constraint.charge)
    method = Newton(KrylovInverse)
    solution = iterate(problem, method, start, tolerance=tolerance, max_iterations=max_iterations)
    p, mu = differentiable(problem, solution, make_inverse=KrylovInverse)
    return p, mu, solution.report


def unrolled(
    problem: Problem,
    p: Tensor,
    *,
    steps: int,
    mixing: float,
) -> Solution:
    """n mixing steps p ← p + α (F(p, μ) − p), differentiated through; p and μ keep their graph.

    The charge constraint holds exactly after every step: the guess is given the total charge, and
    at each step μ solves n·F(p, μ) = Q.  That μ is differentiated as the implicit function it is,
    by two scalar chord steps.

    Args:
        problem: the equations.
        p: [g, m] first guess, whose graph is kept.
        steps: n ≥ 1 (the paper: about 10).
        mixing: α (the paper: 0.3).

    Returns:
        p and μ of the last step; the residual is that step's, before it was taken.
    """
    limits = problem.constraint
    p, mu = limits.project(p), limits.fermi_level
    for _ in range(steps):
        mu, update = _conserving_update(problem, p, mu)
        change = update - p
        p = p + mixing * change
    residual = change.detach().abs().amax(1)
    unknown = torch.full_like(residual, torch.nan)
    count = torch.full_like(residual, steps, dtype=torch.int64)
    return Solution(p, mu, ScfReport(count, residual, residual < CONVERGED, unknown, unknown))


def _conserving_update(problem: Problem, p: Tensor, mu: Tensor) -> tuple[Tensor, Tensor]:
    """μ [g] with n·F(p, μ) = Q and F(p, μ) [g, m], both differentiable twice."""
    limits = problem.constraint
    with torch.no_grad():
        mu, _, slope = find_fermi_level(problem, p, mu)
    if limits.bordered.any():
        slope = torch.where(limits.bordered, slope, torch.ones_like(slope))
        for _ in range(CHORD_STEPS):
            carried = (limits.charge * problem.update(p, mu)).sum(1)
            mu = mu + torch.where(limits.bordered, (limits.total_charge - carried) / slope, 0.0)
    else:
        mu = limits.fermi_level
    return mu, problem.update(p, mu)
