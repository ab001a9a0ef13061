"""Densities that solve a linear problem: QEq, the linear fixed point, quadratic functionals."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.density.coulomb import Maps
from bench.models.base import Density, Inputs
from bench.scf.direct import direct_report, fixed_charge_response, solve_bordered
from bench.scf.report import ScfReport


@dataclass(frozen=True)
class LinearDensity:
    """M p = constant + μ fermi_column at Σq = Q.

    Attributes:
        matrix: [g, m, m], M.
        constant: [g, m].
        fermi_column: [g, m], what a Fermi level of 1 eV adds.
        response: [g, m, m] ∂F/∂p of the same problem written as p = F(p, μ): its eigenvalues λ
            say how an iteration would converge.
        response_column: [g, m] ∂F/∂μ of that map.
    """

    matrix: Tensor
    constant: Tensor
    fermi_column: Tensor
    response: Tensor
    response_column: Tensor


def solve_density(problem: LinearDensity, inputs: Inputs, *, report_response: bool) -> Density:
    """The exact solution at the batch's total charges, differentiable to any order.

    Args:
        problem: the linear problem.
        inputs: batch and maps.
        report_response: also evaluate the response's eigenvalues, which training does not need.
    """
    maps, total_charge = inputs.maps, inputs.batch.total_charge
    bordered = torch.ones_like(total_charge, dtype=torch.bool)
    p, mu = solve_bordered(
        problem.matrix,
        problem.constant,
        maps.charge,
        total_charge,
        bordered,
        maps.mask,
        column=-problem.fermi_column,
    )
    return Density(p, mu, scf=_report(problem, maps, p, mu, total_charge, report_response))


@torch.no_grad()
def _report(
    problem: LinearDensity,
    maps: Maps,
    p: Tensor,
    mu: Tensor,
    total_charge: Tensor,
    report_response: bool,
) -> ScfReport:
    left = torch.einsum("gij,gj->gi", problem.matrix, p)
    residual = left - problem.constant - mu[:, None] * problem.fermi_column
    response = None
    if report_response:
        bordered = torch.ones_like(total_charge, dtype=torch.bool)
        response = fixed_charge_response(
            problem.response, problem.response_column, maps.charge, bordered, maps.mask
        )
    charge_error = (maps.charge * p).sum(1) - total_charge
    return direct_report(residual, charge_error, maps.mask, response=response)


def update_once(problem: LinearDensity, inputs: Inputs, reference: Tensor) -> Density:
    """One update F(p_ref) at the reference density, with μ such that Σq = Q (direct training)."""
    maps, total_charge = inputs.maps, inputs.batch.total_charge
    at_zero = problem.constant + torch.einsum("gij,gj->gi", problem.response, reference)
    column = problem.fermi_column
    missing = total_charge - (maps.charge * at_zero).sum(1)
    mu = missing / (maps.charge * column).sum(1)
    p = at_zero + mu[:, None] * column
    return Density(p, mu, residual=p - reference)


def project_neutral(gradient: Tensor, maps: Maps) -> Tensor:
    """[g, m] gradient with respect to multipoles at fixed total charge: charges' mean removed."""
    count = maps.charge.sum(1, keepdim=True)
    mean = (gradient * maps.charge).sum(1, keepdim=True) / count
    return (gradient - mean * maps.charge) * maps.mask
