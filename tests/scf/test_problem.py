"""Linearisations against finite differences and against the dense fall-back; batching of rows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bench.scf.problem import Linear, Problem, Variational
from tests.scf.synthetic import F64, FixedPoint, random, world


def problems() -> dict[str, Problem]:
    w = world()
    local, minimum = w.fixed_point(), w.variational()
    features, coulomb = local.features, minimum.coulomb
    assert isinstance(features, torch.Tensor) and isinstance(coulomb, torch.Tensor)
    mixer = random(24, 24, seed=12)  # couples neighbours
    return {
        "local": local,
        "local_matrix_free": replace(
            local, features=lambda p, rows: torch.einsum("gij,gj->gi", features[rows], p)
        ),
        "general": FixedPoint(
            constraint=w.constraint(),
            function=lambda p, mu, rows: torch.tanh(
                0.03 * local.take(torch.arange(3)[rows]).residual(p, mu) @ mixer
            ),
        ),
        "variational": minimum,
        "variational_matrix_free": replace(
            minimum, coulomb=lambda p, rows: torch.einsum("gij,gj->gi", coulomb[rows], p)
        ),
        "variational_nonlocal": replace(minimum, local=False),
        "linear": Linear(
            constraint=w.constraint(),
            matrix=coulomb,
            rhs=random(3, 24, seed=2),
            column=w.charges(),
            scale=torch.full((3, 24), 3.0, dtype=F64),
        ),
    }


NAMES = sorted(problems())


def point(problem: Problem) -> tuple[torch.Tensor, torch.Tensor]:
    p = 0.5 * random(*problem.constraint.charge.shape, seed=5) * problem.constraint.mask
    return p, random(len(p), seed=6)


@pytest.mark.parametrize("name", NAMES)
def test_linearisation_equals_finite_differences(name: str) -> None:
    problem = problems()[name]
    p, mu = point(problem)
    matrix, column = problem.linearise(p, mu)
    mask = problem.constraint.mask
    direction, shift, h = random(*p.shape, seed=7) * mask, random(len(p), seed=8), 1e-5
    ahead = problem.residual(p + h * direction, mu + h * shift)
    behind = problem.residual(p - h * direction, mu - h * shift)
    expected = (behind - ahead) / (2 * h)
    slope = torch.einsum("gij,gj->gi", matrix, direction) + column * shift[:, None]
    bordered = problem.constraint.bordered
    assert torch.allclose((slope * mask), expected, rtol=0, atol=1e-8)
    assert bordered.any() and not bordered.all()


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_a_batch_are_the_structures_themselves(name: str) -> None:
    problem = problems()[name]
    p, mu = point(problem)
    whole = problem.residual(p, mu)
    for rows in ([2], [0, 2], [1]):
        index = torch.tensor(rows)
        assert torch.allclose(
            problem.take(index).residual(p[index], mu[index]), whole[index], rtol=0, atol=1e-12
        )
    twice = problem.take(torch.tensor([0, 2])).take(torch.tensor([1]))
    assert torch.allclose(twice.residual(p[2:], mu[2:]), whole[2:], rtol=0, atol=1e-12)


def test_quadratic_functional_iterates_like_charge_equilibration() -> None:
    """F(p) = −J⁻¹ (χ + A p + v + μ n), its response −J⁻¹ A and −J⁻¹ n."""
    w = world()
    stiffness = (3 + random(3, 24, seed=3).abs()) * w.constraint().mask
    source = random(3, 24, seed=4) * w.constraint().mask

    def functional(p: torch.Tensor, rows: object) -> torch.Tensor:
        return (source[rows] * p + 0.5 * stiffness[rows] * p.square()).sum(1)  # type: ignore[index]

    problem = Variational(
        constraint=w.constraint(),
        functional=functional,
        coulomb=w.coulomb(),
        applied=w.applied(),
        num_atoms=6,
    )
    p, mu = point(problem)
    mask = w.constraint().mask
    inverse = torch.where(mask, 1 / stiffness, 0.0)
    potential = torch.einsum("gij,gj->gi", w.coulomb(), p) + w.applied()
    potential = potential + mu[:, None] * w.charges()
    assert torch.allclose(problem.update(p, mu), -inverse * (source + potential), atol=1e-12)
    response, column = problem.response(p, mu)
    real = mask[:, :, None] & mask[:, None, :]
    assert torch.allclose(response * real, -inverse[:, :, None] * w.coulomb(), atol=1e-12)
    assert torch.allclose(column * mask, -inverse * w.charges(), atol=1e-12)


def test_constraint_spreads_missing_charge_where_charge_is_fixed() -> None:
    limits = world().constraint()
    p = limits.project(random(3, 24, seed=1) * limits.mask)
    missing = limits.total_charge - (limits.charge * p).sum(1)
    assert missing[limits.bordered].abs().max() < 1e-12
    assert missing[~limits.bordered].abs().min() > 1e-3
    assert (p * ~limits.mask == 0).all()
