"""Costs of ways to one density: errors against the exact one, and what is kept for gradients."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from graph_longrange.features import GTOElectrostaticFeatures

from bench.config.schema import Solver, Update
from bench.models.base import Inputs
from bench.scf.implicit import unrolled
from bench.speed import solvers
from bench.speed.library_loop import LibraryMaps, mixing_loop
from bench.speed.solvers import Contest, Run, compare_solvers
from bench.speed.timing import Ratio
from bench.speed.workload import Workload

TIME = Ratio("a way", 1.0, 1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def contest(work: Workload) -> Contest:
    return Contest(work)


@pytest.fixture(scope="module", params=[Update.linear, Update.mlp], ids=lambda update: update.value)
def either(work: Workload, request) -> Contest:
    return Contest(work, update=request.param)


def run(density: float, *gradients: list[float]) -> Run:
    tensors = tuple(torch.tensor(g, dtype=torch.float64) for g in gradients)
    return Run(torch.full((2, 3), density, dtype=torch.float64), tensors, 7)


def test_errors_are_the_largest_multipoles_and_the_gradients_relative_norm() -> None:
    exact = run(0.5, [3.0, 0.0], [0.0, 4.0])
    cost = solvers._cost(TIME, lambda: run(0.4, [3.0, 0.3], [0.4, 4.0]), exact)
    assert (cost.iterations, cost.time, cost.kept) == (7, TIME, 0.0)
    assert cost.density_error == pytest.approx(0.1, abs=1e-12)
    assert cost.gradient_error == pytest.approx(0.5 / 5.0, abs=1e-12)
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
    ours, converged, library, own = compare_solvers(contest, rounds=9)
    assert calls == [(9, [cost.time.name for cost in (ours, converged, library, own)])]
    assert (ours.iterations, ours.density_error, ours.gradient_error) == (1, 0.0, 0.0)
    assert converged.density_error < 1e-7 and converged.gradient_error < 1e-6
    assert converged.iterations == contest.mixing_steps() > 10
    assert library.iterations == own.iterations == solvers.PAPER_STEPS
    for cost in (library, own):  # the paper's ten steps are not there yet
        assert cost.density_error > 100 * converged.density_error
        assert cost.gradient_error > 1e-4
    assert own.density_error == pytest.approx(library.density_error, rel=1e-4)
    assert converged.kept > library.kept  # an unrolled loop keeps every step


def test_the_loop_converges_to_our_density_and_gradients(either: Contest) -> None:
    steps = either.mixing_steps() + 40
    loop, ours = either.mixing(steps=steps, mixing=solvers.MIXING, library=True), either.ours()
    torch.testing.assert_close(loop.multipoles, ours.multipoles, rtol=0, atol=1e-11)
    for found, expected in zip(loop.gradients, ours.gradients):
        scale = float(expected.abs().max())
        assert scale > 1e-6
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6 * scale)


@pytest.mark.parametrize("steps", [1, 7])
def test_a_step_of_the_loop_evaluates_the_library_once(
    either: Contest, steps: int, monkeypatch
) -> None:
    calls, evaluate = [], GTOElectrostaticFeatures.forward_dynamic

    def counted(self, **inputs):
        calls.append(inputs)
        return evaluate(self, **inputs)

    monkeypatch.setattr(GTOElectrostaticFeatures, "forward_dynamic", counted)
    either.mixing(steps=steps, mixing=0.3, library=True)
    assert len(calls) == steps


def test_the_loop_takes_the_steps_of_a_loop_that_evaluates_more(either: Contest) -> None:
    scalars = either.nodes.scalars.clone().requires_grad_()
    nodes = replace(either.nodes, scalars=scalars)
    inputs = Inputs(either.work.batch, nodes, LibraryMaps(either.work.batch, either.model.config))
    problem, guess = either.model.problem(inputs), either.model.local_guess(inputs)
    p = mixing_loop(problem, guess, steps=5, mixing=0.3)
    reference = unrolled(problem, guess, steps=5, mixing=0.3).p
    limits = problem.constraint
    assert float(limits.error(p, p.new_zeros(len(p))).detach().abs().max()) < 1e-12
    torch.testing.assert_close(p, reference, rtol=0, atol=1e-9)
    losses = [x.square().sum() for x in (p, reference)]
    slopes = [torch.autograd.grad(x, scalars, retain_graph=True)[0] for x in losses]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-5 * float(slopes[1].abs().max()))


def test_a_solver_that_fails_says_so(contest: Contest, monkeypatch) -> None:
    assert 1 <= contest.iterations(Solver.newton) <= 2  # the equations are linear
    monkeypatch.setattr(solvers, "MIXING", 1.0)  # as the paper's direct iteration would
    monkeypatch.setattr(solvers, "PAPER_MIXING", 1e-3)
    monkeypatch.setattr(solvers, "MAX_MIXING_STEPS", 12)
    assert contest.mixing_steps() == 12
    assert contest.iterations(Solver.mixing) == -1


def test_mixing_that_diverges_needs_every_step(work: Workload, monkeypatch) -> None:
    monkeypatch.setattr(solvers, "WEAK", 1.0)
    monkeypatch.setattr(solvers, "MIXING", 1.0)
    assert Contest(work).mixing_steps() == solvers.MAX_MIXING_STEPS


def test_a_contest_is_about_equations_that_mixing_can_solve(contest: Contest) -> None:
    offsets = contest.model.gains.offset
    assert torch.equal(offsets, torch.full_like(offsets, solvers.WEAK))
    assert contest.mixing_steps() < solvers.MAX_MIXING_STEPS
