"""Linear self-consistency: padded, bordered direct solves and the health of a linear response.

Everything here is plain autograd through ``torch.linalg.solve_ex``, so derivatives of any order are
exact.  Shapes: g structures, m padded unknowns, r right-hand sides; float64.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.scf.report import ScfReport


def solve_bordered(
    matrix: Tensor,
    rhs: Tensor,
    charge: Tensor,
    total_charge: Tensor,
    bordered: Tensor,
    mask: Tensor,
    *,
    column: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Solve [[M, c], [nᵀ, 0]] [p; μ] = [rhs; Q] where bordered, M p = rhs where not.

    A structure whose system is singular gets non-finite or wrong entries and harms no other; judge
    it by ``direct_report``.

    Args:
        matrix: [g, m, m] M, symmetric or not.
        rhs: [g, m].
        charge: [g, m] n, 1 on charge entries.
        total_charge: [g] Q in e.
        bordered: [g] bool, whether the charge is constrained through μ.
        mask: [g, m] bool, real unknowns; padded rows become identity rows with zero solution.
        column: [g, m] c, how μ enters the equations; n unless given (−∂F/∂μ for a fixed point).

    Returns:
        p [g, m] in e (e Å) and μ [g] in eV, zero where not bordered.
    """
    column = charge if column is None else column
    system = bordered_matrix(matrix, column, charge, bordered, mask)  # [g, m+1, m+1]
    right = torch.cat([rhs * mask, (total_charge * bordered)[:, None]], 1)  # [g, m+1]
    solution = torch.linalg.solve_ex(system, right[..., None])[0][..., 0]
    return solution[:, :-1], solution[:, -1]


class BorderedInverse:
    """The inverse of [[M, c], [nᵀ, 0]], factorised once and constant under differentiation.

    Args:
        matrix: [g, m, m] M.
        column: [g, m] c.
        charge: [g, m] n.
        bordered: [g] bool; elsewhere the last equation reads δμ = charge error.
        mask: [g, m] bool.
    """

    def __init__(
        self, matrix: Tensor, column: Tensor, charge: Tensor, bordered: Tensor, mask: Tensor
    ) -> None:
        system = bordered_matrix(matrix, column, charge, bordered, mask).detach()
        self._factors, self._pivots, _ = torch.linalg.lu_factor_ex(system)

    def __call__(self, residual: Tensor, charge_error: Tensor) -> tuple[Tensor, Tensor]:
        """Corrections δp [g, m] and δμ [g] that cancel a residual [g, m] and a charge error [g]."""
        right = torch.cat([residual, charge_error[:, None]], 1)[..., None]
        solution = torch.linalg.lu_solve(self._factors, self._pivots, right)[..., 0]
        return solution[:, :-1], solution[:, -1]


def solve_padded(matrix: Tensor, rhs: Tensor, mask: Tensor) -> Tensor:
    """Solve M x = rhs for rhs [g, m] or [g, m, r]; padded rows give zero, whatever they hold."""
    columns = rhs[..., None] if rhs.ndim == 2 else rhs  # [g, m, r]
    zero = torch.zeros_like(columns)
    columns = torch.where(mask[..., None], columns, zero)
    solution: Tensor = torch.linalg.solve_ex(pad_identity(matrix, mask), columns)[0]
    return solution.reshape(rhs.shape)


def bordered_matrix(
    matrix: Tensor, column: Tensor, row: Tensor, bordered: Tensor, mask: Tensor
) -> Tensor:
    """[[M, c], [nᵀ, 0]] as [g, m+1, m+1]; where not bordered the last equation reads μ = its right.

    The column stays there: a given μ that depends on the cell moves p.
    """
    active = mask & bordered[:, None]  # [g, m]
    corner = (~bordered).to(matrix.dtype)[:, None]  # [g, 1]
    side = torch.where(mask, column, torch.zeros_like(column))[..., None]
    bottom = torch.cat([torch.where(active, row, torch.zeros_like(row)), corner], 1)
    return torch.cat([torch.cat([pad_identity(matrix, mask), side], 2), bottom[:, None]], 1)


def pad_identity(matrix: Tensor, mask: Tensor) -> Tensor:
    """The matrix [g, m, m] with rows and columns of the identity where it is padded."""
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    return torch.where(mask[:, :, None] & mask[:, None, :], matrix, identity)


def direct_report(
    residual: Tensor,
    charge_error: Tensor,
    mask: Tensor,
    *,
    tolerance: float = 1e-8,
) -> ScfReport:
    """The report of a direct solve, judged by what it left over.

    Args:
        residual: [g, m] M p + μ c − rhs.
        charge_error: [g] n·p − Q in e; zero where the charge is free.
        mask: [g, m] bool.
        tolerance: largest residual of a converged structure.
    """
    largest = (residual.detach() * mask).abs().amax(1).maximum(charge_error.detach().abs())
    unknown = torch.full_like(largest, torch.nan)
    return ScfReport(
        iterations=torch.ones_like(largest, dtype=torch.int64),
        residual=largest,
        converged=largest < tolerance,  # False for NaN
        response_min=unknown,
        response_max=unknown,
    )


def fixed_charge_response(
    response: Tensor, column: Tensor, charge: Tensor, bordered: Tensor, mask: Tensor
) -> Tensor:
    """Response of the map p → F(p, μ(p)) whose μ keeps the total charge, on neutral changes of p.

    Λ_Q = Λ + (∂F/∂μ) (∂μ/∂p)ᵀ with n·Λ_Q = 0.  The eigenvalue 0 of the direction that changes the
    charge says nothing of stability; it is moved (Wielandt deflation, left eigenvector n) to the
    mean of the others, so that it is never an extreme.

    Args:
        response: [g, m, m] Λ = ∂F/∂p at fixed μ.
        column: [g, m] ∂F/∂μ.
        charge: [g, m] n.
        bordered: [g] bool; the other structures keep Λ.
        mask: [g, m] bool.

    Returns:
        [g, m, m].
    """
    weight = torch.einsum("gi,gi->g", charge, column)  # ∂Q/∂μ
    weight = torch.where(bordered, weight, torch.ones_like(weight))
    flow = torch.einsum("gi,gij->gj", charge, response) / weight[:, None]  # −∂μ/∂p
    projected = response - column[:, :, None] * flow[:, None, :]
    trace = (projected.diagonal(dim1=1, dim2=2) * mask).sum(1)  # padded rows may hold anything
    mean = trace / (mask.sum(1) - 1).clamp(min=1)
    outer = charge[:, :, None] * charge[:, None, :] / charge.square().sum(1)[:, None, None]
    return torch.where(bordered[:, None, None], projected + mean[:, None, None] * outer, response)


def response_extremes(response: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest and largest Re λ of each response matrix [g, m, m]; NaN where it is not finite.

    Differentiable once, for a loss on stability; pass a detached matrix to a report.
    """
    finite = torch.isfinite(response).all(2).all(1)  # [g]
    real = (mask[:, :, None] & mask[:, None, :]) & finite[:, None, None]
    matrix = torch.where(real, response, torch.zeros_like(response))
    # padded eigenvalues sit at the mean of the real ones, which is never an extreme
    mean = matrix.diagonal(dim1=1, dim2=2).sum(1) / mask.sum(1).clamp(min=1)
    matrix = matrix + torch.diag_embed(mean[:, None] * ~mask)
    values = torch.linalg.eigvals(matrix).real  # [g, m]
    unknown = torch.full_like(mean, torch.nan)
    low, high = values.amin(1), values.amax(1)
    return torch.where(finite, low, unknown), torch.where(finite, high, unknown)
