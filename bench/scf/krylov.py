"""Matrix-free solves: projected conjugate gradients, GMRES, and an inverse that differentiates.

For structures so large that a dense matrix no longer pays.  Batched over structures: [g, m]
unknowns, each structure with its own steps; one that is finished keeps its answer.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench.scf.problem import Problem

Matvec = Callable[[Tensor], Tensor]
STALLED = 1e-6  # relative residual that rounding does not explain
VALUE_FLOOR = 1e-13  # residual below which a value is exact; derivatives know no absolute scale


def conjugate_gradients(
    matvec: Matvec,
    rhs: Tensor,
    *,
    normal: Tensor | None = None,
    diagonal: Tensor | None = None,
    tolerance: float = 1e-12,
    floor: float = 0.0,
    max_iterations: int = 500,
) -> Tensor:
    """Solve M x + ν n = rhs with n·x = 0 for a symmetric M, positive definite there.

    The residual is re-projected in every iteration (n·D⁻¹r = 0): without it the charge direction
    creeps back by rounding and long cells stagnate.

    Args:
        matvec: x [g, m] → M x [g, m], zero where padded.
        rhs: [g, m].
        normal: [g, m] n, a zero row where nothing is constrained; all free unless given.
        diagonal: [g, m] positive D, the preconditioner; 1 unless given.
        tolerance: of |residual| relative to the first.
        floor: of |residual| itself; whichever is reached first ends a structure.
        max_iterations: matrix products.

    Returns:
        x [g, m].
    """
    inverse = torch.ones_like(rhs) if diagonal is None else 1 / diagonal
    normal = torch.zeros_like(rhs) if normal is None else normal
    weighted = inverse * normal / _floor((normal.square() * inverse).sum(1, keepdim=True))

    def project(r: Tensor) -> Tensor:
        return r - normal * (weighted * r).sum(1, keepdim=True)

    x, residual = torch.zeros_like(rhs), project(rhs)
    direction = inverse * residual
    first = energy = (residual * direction).sum(1, keepdim=True)  # [g, 1]
    goal = (energy * tolerance**2).clamp(min=floor**2)
    for _ in range(max_iterations):
        going = energy > goal
        if not going.any():
            break
        product = matvec(direction)
        length = energy / _floor((direction * product).sum(1, keepdim=True)) * going
        x = x + length * direction
        residual = project(residual - length * product)
        step = inverse * residual
        new = (residual * step).sum(1, keepdim=True)
        direction = step + new / _floor(energy) * direction
        energy = torch.where(going, new, energy)
    unfinished = torch.where(energy > goal, energy / _floor(first), 0.0).sqrt()
    _warn_if_stalled("Conjugate gradients", unfinished, tolerance)
    return x


def gmres(
    matvec: Matvec,
    rhs: Tensor,
    *,
    tolerance: float = 1e-12,
    floor: float = 0.0,
    max_iterations: int = 200,
) -> Tensor:
    """Solve M x = rhs for any regular M by GMRES without restart.

    Args:
        matvec: x [g, m] → M x [g, m].
        rhs: [g, m].
        tolerance: of |residual| relative to |rhs|.
        floor: of |residual| itself; whichever is reached first ends a structure.
        max_iterations: matrix products, and basis vectors kept; no more than m are made.

    Returns:
        x [g, m].
    """
    size = rhs.norm(dim=1)  # [g]
    basis = (rhs / _floor(size)[:, None])[:, None]  # [g, k, m]
    steps = min(max_iterations, rhs.shape[1])
    hessenberg = rhs.new_zeros(len(rhs), steps + 1, steps)
    weights = rhs.new_zeros(len(rhs), steps)
    goal = (tolerance * size).clamp(min=floor)
    going, left = size > goal, size
    for k in range(steps):
        product = matvec(basis[:, k])
        for _ in range(2):  # twice: the second pass removes what rounding left
            overlap = torch.einsum("gkm,gm->gk", basis, product)
            product = product - torch.einsum("gkm,gk->gm", basis, overlap)
            hessenberg[:, : k + 1, k] += overlap
        length = product.norm(dim=1)
        hessenberg[:, k + 1, k] = length
        best, left = _least_squares(hessenberg[:, : k + 2, : k + 1], size)
        weights[:, : k + 1] = torch.where(going[:, None], best, weights[:, : k + 1])
        going = going & (left > goal)
        if not going.any():
            break
        basis = torch.cat([basis, (product / _floor(length)[:, None])[:, None]], 1)
    _warn_if_stalled("GMRES", torch.where(going, left, 0.0) / _floor(size), tolerance)
    count = min(basis.shape[1], steps)
    return torch.einsum("gkm,gk->gm", basis[:, :count], weights[:, :count])


def _warn_if_stalled(name: str, left: Tensor, tolerance: float) -> None:
    """Adjoint solves have no report, so that a wrong gradient would pass unseen."""
    worst = left.max().item()
    if worst > max(10 * tolerance, STALLED):
        warnings.warn(f"{name} stalled at a relative residual of {worst:.1e}.", stacklevel=3)


def _least_squares(hessenberg: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """Minimise |size e₁ − H y| for H [g, k+1, k]: y [g, k] and the norm [g] that is left."""
    orthogonal, upper = torch.linalg.qr(hessenberg, mode="complete")
    image = size[:, None] * orthogonal[:, 0]  # [g, k+1]
    best = torch.linalg.solve_triangular(upper[:, :-1], image[:, :-1, None], upper=True)
    return best[..., 0], image[:, -1].abs()


def _floor(x: Tensor) -> Tensor:
    """x with zeros replaced by 1: a divisor where the numerator is zero, too."""
    return torch.where(x == 0, torch.ones_like(x), x)


class _FrozenInverse(torch.autograd.Function):
    """M⁻¹ x for a constant M: ``first`` computes it, its derivatives are M⁻ᵀ, M⁻¹ and so on."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, first: Matvec, solve: Matvec, transposed: Matvec) -> Tensor:
        ctx.solvers = solve, transposed
        return first(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        solve, transposed = ctx.solvers
        x = _FrozenInverse.apply(gradient, transposed, transposed, solve)  # type: ignore[no-untyped-call]
        return x, None, None, None


class KrylovInverse:
    """The inverse of [[M, c], [nᵀ, 0]] at a point, from Jacobian products alone.

    Conjugate gradients where the problem is symmetric and positive definite, GMRES where not.
    Constant under differentiation, like ``BorderedInverse``.

    Args:
        problem: gives residual and constraint.
        p: [g, m] where to linearise.
        mu: [g].
        tolerance: of every solve, relative to its right-hand side.
    """

    def __init__(
        self, problem: Problem, p: Tensor, mu: Tensor, *, tolerance: float = 1e-12
    ) -> None:
        limits = problem.constraint
        self._tolerance = tolerance
        self._mask = torch.cat([limits.mask, torch.ones_like(limits.bordered)[:, None]], 1)
        self._normal = limits.charge * limits.bordered[:, None]
        self._free = limits.charge - self._normal  # n where μ is given and moves p
        self._positive = problem.positive_definite
        self._diagonal = problem.diagonal(p.detach())
        with torch.enable_grad():
            self._x = torch.cat([p, mu[:, None]], 1).detach().requires_grad_()  # [g, m+1]
            p, mu = self._x[:, :-1], self._x[:, -1]
            error = limits.error(p, mu)[:, None]
            self._value = torch.cat([problem.residual(p, mu), error], 1)
            self._dual = torch.zeros_like(self._value).requires_grad_()
            (self._pullback,) = torch.autograd.grad(
                self._value, self._x, self._dual, create_graph=True
            )

    def __call__(self, residual: Tensor, charge_error: Tensor) -> tuple[Tensor, Tensor]:
        """Corrections δp [g, m] and δμ [g] that cancel a residual [g, m] and a charge error [g]."""
        solve, transposed = (
            (self._cg, self._cg_transposed)
            if self._positive
            else (self._gmres, self._gmres_transposed)
        )
        first = partial(solve, floor=VALUE_FLOOR)
        # masked before and after: cotangents of padded entries would never converge
        x = torch.cat([residual, charge_error[:, None]], 1) * self._mask
        x = _FrozenInverse.apply(x, first, solve, transposed)  # type: ignore[no-untyped-call]
        solution = x * self._mask
        return solution[:, :-1], solution[:, -1]

    def _product(self, x: Tensor) -> Tensor:
        (y,) = torch.autograd.grad(self._pullback, self._dual, x, retain_graph=True)
        return -y * self._mask

    def _product_transposed(self, x: Tensor) -> Tensor:
        (y,) = torch.autograd.grad(self._value, self._x, x, retain_graph=True)
        return -y * self._mask

    def _gmres(self, x: Tensor, floor: float = 0.0) -> Tensor:
        return gmres(self._product, x, tolerance=self._tolerance, floor=floor)

    def _gmres_transposed(self, x: Tensor) -> Tensor:
        return gmres(self._product_transposed, x, tolerance=self._tolerance)

    def _cg(self, x: Tensor, floor: float = 0.0) -> Tensor:
        residual, error = x[:, :-1], x[:, -1:]
        p, mu = self._bordered_cg(residual - self._free * error, error, floor)
        return torch.cat([p, torch.where(self._is_free, error, mu)], 1)

    def _cg_transposed(self, x: Tensor) -> Tensor:
        residual, error = x[:, :-1], x[:, -1:]
        p, mu = self._bordered_cg(residual, error, 0.0)
        given = error - (self._free * p).sum(1, keepdim=True)
        return torch.cat([p, torch.where(self._is_free, given, mu)], 1)

    @property
    def _is_free(self) -> Tensor:
        return (self._normal == 0).all(1, keepdim=True)

    def _bordered_cg(self, residual: Tensor, error: Tensor, floor: float) -> tuple[Tensor, Tensor]:
        """[[M, n], [nᵀ, 0]]⁻¹ in three steps: charge, neutral part, Fermi level; M⁻¹ where free."""
        normal = self._normal
        weighted = normal if self._diagonal is None else normal / self._diagonal
        weighted = weighted / _floor((weighted * normal).sum(1, keepdim=True))

        def matvec(p: Tensor) -> Tensor:
            return self._product(torch.cat([p, torch.zeros_like(error)], 1))[:, :-1]

        p = weighted * error
        p = p + conjugate_gradients(
            matvec,
            residual - matvec(p),
            normal=normal,
            diagonal=self._diagonal,
            tolerance=self._tolerance,
            floor=floor,
        )
        return p, (weighted * (residual - matvec(p))).sum(1, keepdim=True)
