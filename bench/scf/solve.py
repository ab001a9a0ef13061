"""Newton, Anderson and linear mixing, each structure of a batch on its own.

A finished structure leaves the batch: it neither waits for the slowest nor changes; one that
becomes non-finite leaves it too, with its last finite iterate, marked unconverged.
Mixing a fraction α multiplies an error along an eigenvalue λ of the response by 1 − α + αλ, so that
it converges where 1 − 2/α < λ < 1; beyond 1 it cannot, and Newton finds an unstable solution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from bench.config.schema import Solver
from bench.errors import BenchError, nearest
from bench.scf.direct import BorderedInverse, fixed_charge_response, response_extremes
from bench.scf.krylov import KrylovInverse
from bench.scf.problem import Problem
from bench.scf.report import ScfReport

NEWTON_KRYLOV = 1e-4  # relative accuracy of the inner solve; each step gains as much
HALVINGS = 10  # of a Newton step that does not lower the residual
Inverse = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
MakeInverse = Callable[[Problem, Tensor, Tensor], Inverse]


@dataclass(frozen=True)
class Solution:
    """A detached solution: p [g, m] in e (e Å), μ [g] in eV, and how it was reached."""

    p: Tensor
    mu: Tensor
    report: ScfReport


@dataclass(frozen=True)
class State:
    """An iterate with what is wrong with it; [g, m], [g], [g, m], [g]."""

    p: Tensor
    mu: Tensor
    residual: Tensor
    charge_error: Tensor

    def size(self) -> Tensor:
        """[g] largest residual or charge error; NaN where anything is not finite."""
        size = self.residual.abs().amax(1).maximum(self.charge_error.abs())
        rounding = torch.finfo(self.p.dtype).eps * self.p.abs().amax(1)
        size = size.maximum(rounding)  # F(p) − p of a runaway p is zero by rounding alone
        finite = torch.isfinite(self.p).all(1) & torch.isfinite(self.mu) & torch.isfinite(size)
        return torch.where(finite, size, torch.full_like(size, torch.nan))

    def norm(self) -> Tensor:
        """[g] 2-norm of residual and charge error."""
        return (self.residual.square().sum(1) + self.charge_error.square()).sqrt()

    def take(self, index: Tensor) -> State:
        """Some of the structures."""
        return State(self.p[index], self.mu[index], self.residual[index], self.charge_error[index])


class Method(Protocol):
    """How one iterate follows from another."""

    def evaluate(self, problem: Problem, p: Tensor, mu: Tensor) -> State:
        """What is wrong with p and μ; a method may choose μ itself."""

    def step(self, problem: Problem, state: State) -> State:
        """The next iterate, evaluated."""

    def keep(self, going: Tensor) -> None:
        """Forget the structures that left: going [g] bool."""


def dense_inverse(problem: Problem, p: Tensor, mu: Tensor) -> Inverse:
    """The bordered inverse at (p, μ) by one LU factorisation per structure."""
    with torch.no_grad():
        matrix, column = problem.linearise(p.detach(), mu.detach())
        limits = problem.constraint
        return BorderedInverse(matrix, column, limits.charge, limits.bordered, limits.mask)


class Newton:
    """Full Newton steps, halved while they do not lower the residual's norm."""

    def __init__(self, make_inverse: MakeInverse = dense_inverse) -> None:
        self._make_inverse = make_inverse

    def evaluate(self, problem: Problem, p: Tensor, mu: Tensor) -> State:
        """The residual at the given μ, or where that is steep at the one that conserves charge."""
        if problem.steep:
            mu, update, _ = find_fermi_level(problem, p, mu)
            return State(p, mu, update - p, problem.constraint.error(p, mu))
        return State(p, mu, problem.residual(p, mu), problem.constraint.error(p, mu))

    def step(self, problem: Problem, state: State) -> State:
        """One step with backtracking per structure."""
        inverse = self._make_inverse(problem, state.p, state.mu)
        dp, dmu = inverse(state.residual, state.charge_error)
        scale = torch.ones_like(dmu)
        trial = self.evaluate(problem, state.p + dp, state.mu + dmu)
        for _ in range(HALVINGS):
            worse = ~(trial.norm() < state.norm())  # also where it is NaN
            if not worse.any():
                break
            scale = torch.where(worse, scale / 2, scale)
            trial = self.evaluate(problem, state.p + scale[:, None] * dp, state.mu + scale * dmu)
        return trial

    def keep(self, going: Tensor) -> None:
        """Nothing is remembered."""


class Mixing:
    """p ← p + α (F(p, μ) − p), μ such that F(p, μ) carries the total charge: the reference.

    Converges only for α < 2 / (1 − min Re λ).
    """

    def __init__(self, mixing: float = 0.2) -> None:
        self.mixing = mixing

    def evaluate(self, problem: Problem, p: Tensor, mu: Tensor) -> State:
        """The residual at the μ that conserves charge."""
        mu, update, _ = find_fermi_level(problem, p, mu)
        return State(p, mu, update - p, _charge_error(problem, p))

    def step(self, problem: Problem, state: State) -> State:
        """One mixing step."""
        return self.evaluate(problem, state.p + self.mixing * state.residual, state.mu)

    def keep(self, going: Tensor) -> None:
        """Nothing is remembered."""


class Anderson(Mixing):
    """Anderson (Pulay) mixing: the last ``depth`` differences, least squares by pseudo-inverse."""

    def __init__(self, mixing: float = 0.3, depth: int = 5) -> None:
        super().__init__(mixing)
        self.depth = depth
        self._steps: list[Tensor] = []  # [g, m] each
        self._changes: list[Tensor] = []  # of the residual

    def step(self, problem: Problem, state: State) -> State:
        """p + β r − (ΔP + β ΔR) γ with γ = argmin |r − ΔR γ|."""
        move = self.mixing * state.residual
        if self._steps:
            steps, changes = torch.stack(self._steps, 2), torch.stack(self._changes, 2)
            weights = torch.linalg.pinv(changes) @ state.residual[..., None]  # [g, depth, 1]
            move = move - ((steps + self.mixing * changes) @ weights)[..., 0]
        new = self.evaluate(problem, state.p + move, state.mu)
        self._steps = [*self._steps, move][-self.depth :]
        self._changes = [*self._changes, new.residual - state.residual][-self.depth :]
        return new

    def keep(self, going: Tensor) -> None:
        """Forget the history of structures that left."""
        self._steps = [x[going] for x in self._steps]
        self._changes = [x[going] for x in self._changes]


def _charge_error(problem: Problem, p: Tensor) -> Tensor:
    """[g] Q − n·p, zero where the charge is free."""
    limits = problem.constraint
    return (limits.total_charge - (limits.charge * p).sum(1)) * limits.bordered


def find_fermi_level(
    problem: Problem, p: Tensor, mu: Tensor, *, tolerance: float = 1e-12, max_iterations: int = 60
) -> tuple[Tensor, Tensor, Tensor]:
    """μ with n·F(p, μ) = Q at fixed p, by Newton with halving; the given μ where Q is free.

    Returns:
        μ [g], F(p, μ) [g, m], and n·∂F/∂μ [g], the charge response in e/V.
    """
    limits, along = problem.constraint, problem.along_fermi_level(p)
    best_mu = torch.where(limits.bordered, mu, limits.fermi_level)
    update, slope = along(best_mu)
    best_error = _charge_error(problem, update)
    step = best_error / slope
    scale = limits.total_charge.abs() + (limits.charge * p).abs().sum(1) + 1.0
    for _ in range(max_iterations):
        open_ = limits.bordered & (best_error.abs() > tolerance * scale)
        if not open_.any():
            break
        trial = torch.where(open_, best_mu + step, best_mu)
        trial_update, trial_slope = along(trial)
        error = _charge_error(problem, trial_update)
        better = open_ & (error.abs() < best_error.abs())
        best_mu = torch.where(better, trial, best_mu)
        update = torch.where(better[:, None], trial_update, update)
        slope = torch.where(better, trial_slope, slope)
        best_error = torch.where(better, error, best_error)
        step = torch.where(better, error / trial_slope, step / 2)
    return best_mu, update, slope


@torch.no_grad()
def iterate(
    problem: Problem,
    method: Method,
    p: Tensor,
    mu: Tensor | None = None,
    *,
    tolerance: float = 1e-8,
    max_iterations: int = 100,
) -> Solution:
    """Iterate every structure until its residual and charge error are below the tolerance.

    Args:
        problem: the equations.
        method: Newton, Anderson or Mixing; a fresh one for each call.
        p: [g, m] first guess; its missing charge is spread evenly where Q is fixed.
        mu: [g] first guess; the given μ, or zero, unless told.
        tolerance: of |n·p − Q| and the largest |R| entry (e; eV/e for a minimum under Newton).
        max_iterations: updates after which a structure is given up, unconverged.
    """
    limits = problem.constraint
    mu = limits.fermi_level if mu is None else mu.detach()
    p = limits.project(p.detach() * limits.mask)
    best = state = method.evaluate(problem, p, torch.where(limits.bordered, mu, limits.fermi_level))
    iterations = torch.zeros(len(p), dtype=torch.int64, device=p.device)
    rows, active = torch.arange(len(p), device=p.device), problem
    for iteration in range(max_iterations + 1):
        size = state.size()
        finite = torch.isfinite(size)
        best = _replace(best, rows[finite], state.take(finite))
        iterations[rows[finite]] = iteration
        going = finite & (size >= tolerance)
        if iteration == max_iterations or not going.any():
            break
        if not going.all():
            rows, state = rows[going], state.take(going)
            active = problem.take(rows)
            method.keep(going)
        state = method.step(active, state)
    return Solution(best.p, best.mu, _report(best.size(), iterations, tolerance))


def _replace(whole: State, rows: Tensor, part: State) -> State:
    def put(old: Tensor, new: Tensor) -> Tensor:
        return old.index_copy(0, rows, new)

    return State(
        put(whole.p, part.p),
        put(whole.mu, part.mu),
        put(whole.residual, part.residual),
        put(whole.charge_error, part.charge_error),
    )


def _report(residual: Tensor, iterations: Tensor, tolerance: float) -> ScfReport:
    unknown = torch.full_like(residual, torch.nan)
    return ScfReport(iterations, residual, residual < tolerance, unknown, unknown)


def solve(
    problem: Problem,
    p: Tensor,
    mu: Tensor | None = None,
    *,
    solver: Solver = Solver.auto,
    mixing: float = 0.2,
    tolerance: float = 1e-8,
    max_iterations: int = 100,
) -> Solution:
    """The solver that a configuration names; ``auto`` is Newton.

    Raises:
        BenchError: for ``direct``, which solves linear problems only.
    """
    methods: dict[Solver, Callable[[], Method]] = {
        Solver.auto: Newton,
        Solver.newton: Newton,
        Solver.krylov: lambda: Newton(partial(KrylovInverse, tolerance=NEWTON_KRYLOV)),
        Solver.anderson: lambda: Anderson(mixing),
        Solver.mixing: lambda: Mixing(mixing),
    }
    if solver not in methods:
        names = [allowed.value for allowed in methods]
        raise BenchError(
            f"model.solver={solver.value} solves linear problems only, and this one is not linear.",
            f"Choose another model.solver. {nearest(solver.value, names)}",
        )
    return iterate(
        problem, methods[solver](), p, mu, tolerance=tolerance, max_iterations=max_iterations
    )


def with_response(
    problem: Problem, p: Tensor, mu: Tensor, report: ScfReport, *, differentiable: bool = False
) -> ScfReport:
    """The report with min and max Re λ of the response at p, charge conserved where Q is fixed.

    Costs a dense Jacobian and its eigenvalues: for evaluation, or for a loss on them, which needs
    them differentiable.  A largest Re λ above 1 is a solution that no iteration reaches:
    ``report.stable`` is False there.
    """
    with torch.set_grad_enabled(differentiable):
        low, high = response_range(problem, p, mu)
    return replace(report, response_min=low, response_max=high)


def response_range(problem: Problem, p: Tensor, mu: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest and largest Re λ [g] of the charge-conserving response; differentiable once."""
    limits = problem.constraint
    response, column = problem.response(p, mu)
    conserving = fixed_charge_response(
        response, column, limits.charge, limits.bordered, limits.mask
    )
    return response_extremes(conserving, limits.mask)
