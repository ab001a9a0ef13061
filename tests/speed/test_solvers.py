"""Costs of ways to one density: errors against the exact one, and what is kept for gradients."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bench.config import Solver
from bench.speed import solvers
from bench.speed.solvers import Contest, Run, compare_solvers
from bench.speed.timing import Ratio
from bench.speed.workload import Workload

TIME = Ratio("a way", 1.0, 1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def contest(work: Workload) -> Contest:
    return Contest(work)


def run(density: float, *gradients: list[float]) -> Run:
    tensors = tuple(torch.tensor(g, dtype=torch.float64) for g in gradients)
    return Run(torch.full((2, 3), density, dtype=torch.float64), tensors, 7)


def test_errors_are_the_largest_multipoles_and_the_gradients_relative_norm() -> None:
    exact = run(0.5, [3.0, 0.0], [0.0, 4.0])
    cost = solvers._cost(TIME, lambda: run(0.4, [3.0, 0.3], [0.4, 4.0]), exact)
    assert (cost.iterations, cost.time, cost.kept) == (7, TIME, 0.0)
    assert cost.density_error == pytest.approx(0.1, abs=1e-15)
    assert cost.gradient_error == pytest.approx(0.5 / 5.0, abs=1e-15)
    same = solvers._cost(TIME, lambda: exact, exact)
    assert same.density_error == same.gradient_error == 0.0


def test_a_storage_that_is_kept_twice_counts_once() -> None:
    x = torch.ones(2**17, dtype=torch.float64, requires_grad=True)  # 1 MiB

    def way(results: list[torch.Tensor]) -> Run:
        results.append(x * x)  # keeps x twice
        results.append(x[::2] * x[1::2])  # and two views of it
        return run(0.0)

    assert solvers._with_kept_memory(lambda: way([]))[1] == 1.0
    kept: list[torch.Tensor] = []

    def squares() -> Run:
        kept.append(x.exp())  # keeps its result
        way(kept)
        return run(0.0)

    assert solvers._with_kept_memory(squares)[1] == 2.0


def test_what_is_not_differentiated_keeps_nothing(contest: Contest) -> None:
    with torch.no_grad():
        assert solvers._with_kept_memory(lambda: run(float(torch.ones(3).exp()[0])))[1] == 0.0
    assert solvers._with_kept_memory(contest.ours)[1] > 0.01


def test_every_way_is_judged_against_ours(contest: Contest, monkeypatch) -> None:
    calls = []

    def untimed(steps, *, rounds):
        calls.append((rounds, list(steps)))
        return [replace(TIME, name=name) for name in steps]

    monkeypatch.setattr(solvers, "measure", untimed)
    ours, converged, library, dense = compare_solvers(contest, rounds=9)
    assert calls == [(9, [cost.time.name for cost in (ours, converged, library, dense)])]
    assert (ours.iterations, ours.density_error, ours.gradient_error) == (1, 0.0, 0.0)
    assert converged.density_error < 1e-7 and converged.gradient_error < 1e-6
    assert converged.iterations == contest.mixing_steps() > 10
    assert library.iterations == dense.iterations == solvers.PAPER_STEPS
    for cost in (library, dense):  # the paper's ten steps are not there yet
        assert cost.density_error > 100 * converged.density_error
        assert cost.gradient_error > 1e-4
    assert dense.density_error == pytest.approx(library.density_error, rel=1e-4)
    assert converged.kept > library.kept  # an unrolled loop keeps every step


def test_a_solver_that_fails_says_so(contest: Contest, monkeypatch) -> None:
    assert 1 <= contest.iterations(Solver.newton) <= 2  # the equations are linear
    monkeypatch.setattr(solvers, "MIXING", 1.0)  # as the paper's direct iteration would
    monkeypatch.setattr(solvers, "PAPER_MIXING", 1e-3)
    monkeypatch.setattr(solvers, "MAX_MIXING_STEPS", 12)
    assert contest.mixing_steps() == 12
    assert contest.iterations(Solver.mixing) == -1


def test_a_contest_is_about_equations_that_mixing_can_solve(contest: Contest) -> None:
    offsets = contest.model.gains.offset
    assert torch.equal(offsets, torch.full_like(offsets, solvers.WEAK))
    assert contest.mixing_steps() < solvers.MAX_MIXING_STEPS
