"""Self-consistent densities do not depend on where they start; a bistable one would be found."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bench.config.schema import Guess, Solver
from bench.inference.predict import predict_frames
from bench.probes import starts
from bench.probes.result import NotApplicable, Verdict
from bench.probes.subject import Subject
from bench.testing.frames import slab
from tests.models.test_points import build
from tests.probes.toys import prediction, toy, value


@pytest.fixture(scope="module")
def qeq():
    return build("scf_qeq")


def test_the_start_is_the_one_that_was_asked_for(qeq):
    (solved,) = predict_frames(qeq, [slab()], batch_size=1)
    at_solution = slab()
    at_solution.arrays["REF_multipoles"] = solved.arrays["PRED_multipoles"]
    config = qeq.config
    iterations = {
        guess: int(starts.solve_from(qeq, at_solution, guess, Solver.anderson).scf.iterations[0])
        for guess in Guess
    }
    assert iterations[Guess.reference] <= 1 < min(iterations[Guess.local], iterations[Guess.zero])
    assert qeq.config is config


def test_two_solutions_are_found(qeq, monkeypatch):
    honest = starts.solve_from

    def bistable(model, atoms, guess, solver):
        found = honest(model, atoms, guess, solver)
        shift = 0.02 if guess is Guess.zero else 0.0
        return replace(found, multipoles=found.multipoles + shift)

    monkeypatch.setattr(starts, "solve_from", bistable)
    result = starts.PROBE.run(Subject.of(qeq, trained=True))
    assert result.verdict is Verdict.failed
    assert value(result, "density by start, newton") == pytest.approx(0.02)


def test_a_start_without_convergence_is_counted(qeq, monkeypatch):
    honest = starts.solve_from

    def failing(model, atoms, guess, solver):
        found = honest(model, atoms, guess, solver)
        converged = torch.tensor([solver is not Solver.anderson or guess is not Guess.reference])
        return replace(found, scf=replace(found.scf, converged=converged))

    monkeypatch.setattr(starts, "solve_from", failing)
    result = starts.PROBE.run(Subject.of(qeq, trained=True))
    assert result.verdict is Verdict.failed
    assert value(result, "starts that did not converge, anderson") == 3  # one per material
    assert value(result, "starts that did not converge, newton") == 0


@pytest.mark.parametrize("name", ["local_charges", "polar"])
def test_a_density_without_equations_has_no_starts(name):
    with pytest.raises(NotApplicable, match=f"{name} is not self-consistent"):
        starts.starts(Subject.of(build(name), trained=True))


def test_a_toy_without_a_point_has_none_either():
    with pytest.raises(NotApplicable):
        starts.starts(toy(lambda atoms: prediction()))
