"""Matrix-free solves against dense ones, values and derivatives."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bench.scf.direct import solve_bordered
from bench.scf.implicit import solve_matrix_free
from bench.scf.krylov import KrylovInverse, conjugate_gradients, gmres
from bench.scf.problem import Linear
from bench.scf.solve import Newton, dense_inverse, iterate
from tests.scf.synthetic import F64, World, random, world


class Counted:
    """A matrix that counts its products."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix, self.count = matrix, 0

    def __call__(self, x: Tensor) -> Tensor:
        self.count += 1
        return torch.einsum("gij,gj->gi", self.matrix, x)


def hardness(w: World) -> Tensor:
    """[g, m], different for charges and dipoles; zero where padded."""
    return (1 + 4 * random(*w.charges().shape, seed=31).abs()) * w.constraint().mask


@pytest.mark.parametrize("preconditioned", [False, True])
def test_conjugate_gradients_on_neutral_space(preconditioned: bool) -> None:
    """M x + ν n = rhs, n·x = 0: residual parallel to n, charge zero to rounding."""
    w = world()
    matvec = Counted(torch.diag_embed(hardness(w)) + w.coulomb())
    mask, n = w.constraint().mask, w.charges() * w.metallic[:, None]
    rhs = random(3, 24, seed=1) * mask
    diagonal = hardness(w) + ~mask if preconditioned else None
    x = conjugate_gradients(matvec, rhs, normal=n, diagonal=diagonal)
    left = rhs - matvec(x)
    level = (left * n).sum(1) / n.square().sum(1).clamp(min=1)
    assert (left - level[:, None] * n).abs().max() < 1e-10
    assert (x * n).sum(1).abs().max() < 1e-12
    assert matvec.count < 45


def test_gmres_solves_structures_of_different_difficulty() -> None:
    """Non-symmetric, one structure trivial, one with nothing to do."""
    matrix = torch.stack(
        [
            torch.eye(20, dtype=F64) + 0.4 * random(20, 20, seed=2),
            2 * torch.eye(20, dtype=F64),
            random(20, 20, seed=3),
        ]
    )
    rhs = random(3, 20, seed=4)
    rhs[2] = 0
    x = gmres(Counted(matrix), rhs)
    assert torch.allclose(x, torch.linalg.solve(matrix, rhs), rtol=0, atol=1e-10)
    easy = Counted(matrix[1:])
    gmres(easy, rhs[1:])
    assert easy.count == 1


def test_looser_tolerance_needs_fewer_products_and_keeps_its_promise() -> None:
    matrix = torch.eye(30, dtype=F64)[None] + 0.1 * random(1, 30, 30, seed=5)
    rhs = random(1, 30, seed=6)
    counts = []
    for tolerance in (1e-3, 1e-6, 1e-12):
        counted = Counted(matrix)
        x = gmres(counted, rhs, tolerance=tolerance)
        counts.append(counted.count)
        assert (rhs - counted(x)).norm() <= 1.01 * tolerance * rhs.norm()
    assert counts == sorted(set(counts))


@pytest.mark.parametrize("solver", [conjugate_gradients, gmres])
def test_stalled_solve_warns(solver: Callable[..., Tensor]) -> None:
    matrix = torch.diag(torch.linspace(1, 1e4, 30, dtype=F64))[None]
    rhs = random(1, 30, seed=9)
    with pytest.warns(UserWarning, match="stalled at a relative residual"):
        solver(Counted(matrix), rhs, max_iterations=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solver(Counted(matrix), rhs)
        solver(Counted(matrix), 1e-9 * rhs, floor=1e-13)


def linear(w: World, matrix: Tensor, rhs: Tensor, column: Tensor, *, positive: bool) -> Linear:
    def matvec(p: Tensor, rows: object) -> Tensor:
        return torch.einsum("gij,gj->gi", matrix[rows], p)  # type: ignore[index]

    return Linear(
        constraint=w.constraint(),
        matrix=matvec,
        rhs=rhs,
        column=column,
        scale=hardness(w).detach() if positive else torch.ones_like(rhs),
        positive_definite=positive,
    )


def system(w: World, *, positive: bool) -> tuple[Tensor, Tensor, Tensor]:
    """M, rhs and c: charge equilibration, or a linear fixed point 1 + K A with c = K n."""
    mask = w.constraint().mask
    rhs = random(*mask.shape, seed=7) * mask
    if positive:
        return torch.diag_embed(hardness(w)) + w.coulomb(), rhs, w.charges()
    gain = 0.1 * hardness(w)
    identity = torch.eye(mask.shape[1], dtype=F64)
    return identity + gain[:, :, None] * w.coulomb(), rhs, gain * w.charges()


@pytest.mark.parametrize("positive", [True, False])
def test_matrix_free_linear_solve_equals_the_direct_one(positive: bool) -> None:
    """Values to 1e-10, gradients and second derivatives of a scalar to 1e-8."""
    w = world()
    limits = w.constraint()
    outcomes = []
    for direct in (True, False):
        matrix, rhs, column = (x.requires_grad_() for x in system(w, positive=positive))
        if direct:
            p, mu = solve_bordered(
                matrix,
                rhs,
                limits.charge,
                limits.total_charge,
                limits.bordered,
                limits.mask,
                column=column,
            )
        else:
            problem = linear(w, matrix, rhs, column, positive=positive)
            p, mu, report = solve_matrix_free(problem)
            assert report.converged.all()
        scalar = p.square().sum() + (random(3, seed=8) * mu).sum()
        slopes = torch.autograd.grad(scalar, (matrix, rhs), create_graph=True)
        again = torch.autograd.grad(sum(s.square().sum() for s in slopes), (matrix, rhs))
        outcomes.append([p, mu, *slopes, *again])
    for name, a, b in zip(("p", "mu", "dM", "db", "ddM", "ddb"), *outcomes):
        scale = a.abs().max().item()
        assert torch.allclose(a, b, rtol=0, atol=1e-9 * max(1, scale)), name
    assert torch.allclose(outcomes[0][0], outcomes[1][0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("positive", [True, False])
def test_first_and_second_derivatives(positive: bool) -> None:
    w = world((2, 1, 2), metallic=(True, False, True))
    matrix, rhs, column = system(w, positive=positive)
    generator = torch.linspace(0.5, 1.0, 3, dtype=F64).requires_grad_()

    def solve(x: Tensor, rhs: Tensor) -> tuple[Tensor, Tensor]:
        scaled = matrix * (1 + 0.1 * x[:, None, None] ** 2)
        p, mu, _ = solve_matrix_free(linear(w, scaled, rhs, column, positive=positive))
        return p, mu

    inputs = (generator, rhs.clone().requires_grad_())
    assert torch.autograd.gradcheck(solve, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(solve, inputs, fast_mode=True)


@pytest.mark.parametrize("kind", ["fixed_point", "variational"])
def test_inverse_equals_the_dense_one(kind: str) -> None:
    w = world()
    problem = w.fixed_point() if kind == "fixed_point" else w.variational()
    p, mu = 0.3 * random(3, 24, seed=1) * w.constraint().mask, random(3, seed=2) * w.metallic
    residual = random(3, 24, seed=3) * w.constraint().mask
    error = random(3, seed=4) * w.metallic
    dense = dense_inverse(problem, p, mu)(residual, error)
    krylov = KrylovInverse(problem, p, mu)(residual, error)
    assert torch.allclose(dense[0], krylov[0], rtol=0, atol=1e-10)
    assert torch.allclose(dense[1], krylov[1], rtol=0, atol=1e-9)


def test_newton_krylov_equals_newton() -> None:
    w = world(gain=1.0)
    start = w.local_density().flatten(1)
    matrix = w.spread(w.coulomb())
    free = replace(
        w.fixed_point(), features=lambda p, rows: torch.einsum("gij,gj->gi", matrix[rows], p)
    )
    dense = iterate(w.fixed_point(), Newton(), start, tolerance=1e-11)
    krylov = iterate(free, Newton(KrylovInverse), start, tolerance=1e-11)
    assert krylov.report.iterations.tolist() == dense.report.iterations.tolist()
    assert torch.allclose(dense.p, krylov.p, rtol=0, atol=1e-10)
