"""Bordered solves against hand and one-by-one solutions; response eigenvalues against synthesis."""

from __future__ import annotations

import pytest
import torch

from bench.scf.direct import (
    direct_report,
    fixed_charge_response,
    response_extremes,
    solve_bordered,
    solve_padded,
)

F64 = torch.float64


def yes(*shape: int) -> torch.Tensor:
    return torch.ones(shape, dtype=torch.bool)


def mixed_batch(sizes: tuple[int, ...], seed: int = 0) -> dict[str, torch.Tensor]:
    """Non-symmetric systems of several sizes, padded, the padding filled with junk."""
    generator = torch.Generator().manual_seed(seed)
    g, m = len(sizes), max(sizes)
    matrix = torch.randn(g, m, m, dtype=F64, generator=generator) + 4 * torch.eye(m, dtype=F64)
    mask = torch.arange(m) < torch.tensor(sizes)[:, None]
    charge = (torch.arange(m) % 2 == 0).to(F64) * mask
    junk = torch.where(mask, 0.0, torch.nan)
    return {
        "matrix": matrix + junk[:, :, None] + junk[:, None, :],
        "rhs": torch.where(mask, torch.randn(g, m, dtype=F64, generator=generator), 0.0),
        "charge": charge,
        "total_charge": torch.randn(g, dtype=F64, generator=generator),
        "bordered": torch.arange(g) % 2 == 0,
        "mask": mask,
    }


def test_two_atoms_by_hand() -> None:
    """QEq of two atoms: q₁ = (Δχ + Q (J₂ − A)) / (J₁ + J₂ − 2A), μ the common electronegativity."""
    chi, hardness, coulomb, total = (1.3, -0.4), (9.0, 6.5), 2.7, 0.8
    matrix = torch.tensor([[[hardness[0], coulomb], [coulomb, hardness[1]]]], dtype=F64)
    rhs = -torch.tensor([chi], dtype=F64)
    q = (chi[1] - chi[0] + total * (hardness[1] - coulomb)) / (sum(hardness) - 2 * coulomb)
    mu = -(chi[0] + hardness[0] * q + coulomb * (total - q))
    n = torch.ones(1, 2, dtype=F64)
    p, level = solve_bordered(matrix, rhs, n, torch.tensor([total], dtype=F64), yes(1), yes(1, 2))
    assert p[0].tolist() == pytest.approx([q, total - q], abs=1e-12)
    assert level.item() == pytest.approx(mu, abs=1e-12)


def test_mixed_batch_equals_one_by_one() -> None:
    sizes = (6, 4, 7, 3)
    batch = mixed_batch(sizes)
    p, mu = solve_bordered(**batch)
    for i, m in enumerate(sizes):
        matrix, rhs = batch["matrix"][i, :m, :m], batch["rhs"][i, :m]
        n, total = batch["charge"][i, :m], batch["total_charge"][i]
        if batch["bordered"][i]:
            system = torch.zeros(m + 1, m + 1, dtype=F64)
            system[:m, :m], system[:m, m], system[m, :m] = matrix, n, n
            alone = torch.linalg.solve(system, torch.cat([rhs, total[None]]))
        else:
            alone = torch.cat([torch.linalg.solve(matrix, rhs), torch.zeros(1, dtype=F64)])
        assert torch.allclose(p[i, :m], alone[:m], rtol=0, atol=1e-12)
        assert mu[i].item() == pytest.approx(alone[m].item(), abs=1e-12)
        assert (p[i, m:] == 0).all()


def test_constant_fermi_level_returns_the_same_density() -> None:
    batch = mixed_batch((5, 5))
    p, mu = solve_bordered(**{**batch, "bordered": yes(2)})
    shifted = batch["rhs"] - mu[:, None] * batch["charge"]
    again = solve_padded(batch["matrix"], shifted, batch["mask"])
    assert torch.allclose(again, p, rtol=0, atol=1e-12)


def test_several_right_hand_sides() -> None:
    batch = mixed_batch((5, 3))
    rhs = torch.randn(2, 5, 3, dtype=F64)
    together = solve_padded(batch["matrix"], rhs, batch["mask"])
    for r in range(3):
        alone = solve_padded(batch["matrix"], rhs[..., r], batch["mask"])
        assert torch.allclose(together[..., r], alone, rtol=0, atol=1e-12)


def test_first_and_second_derivatives() -> None:
    batch = mixed_batch((4, 3))
    real = batch["mask"][:, :, None] & batch["mask"][:, None, :]
    matrix = torch.where(real, batch["matrix"], 0.0).requires_grad_()
    rhs = batch["rhs"].clone().requires_grad_()

    def solve(matrix: torch.Tensor, rhs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return solve_bordered(**{**batch, "matrix": matrix, "rhs": rhs})

    assert torch.autograd.gradcheck(solve, (matrix, rhs))
    assert torch.autograd.gradgradcheck(solve, (matrix, rhs))


def test_singular_member_is_reported_and_harms_no_other() -> None:
    """An insulator solved with a border (n·Kn = 0) is singular."""
    batch = mixed_batch((4, 4, 4))
    batch["bordered"] = yes(3)
    batch["matrix"][1] = 0.0
    p, mu = solve_bordered(**batch)
    residual = torch.einsum("gij,gj->gi", batch["matrix"], p) - batch["rhs"]
    residual = residual + mu[:, None] * batch["charge"]
    error = (batch["charge"] * p).sum(1) - batch["total_charge"]
    report = direct_report(residual, error, batch["mask"])
    assert report.converged.tolist() == [True, False, True]
    assert report.iterations.tolist() == [1, 1, 1]
    alone = {key: value[2:] for key, value in batch.items()}
    assert torch.allclose(solve_bordered(**alone)[0], p[2:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("spectrum", [(-11.0, -3.0, -0.5), (0.2, 0.9, 2.95), (-4.0, 0.1, 1.2)])
def test_response_extremes_ignore_padding(spectrum: tuple[float, ...]) -> None:
    """Known spectra in a random basis, beside a structure with a complex pair 0.5 ± 2i."""
    basis = torch.randn(3, 3, dtype=F64) + 2 * torch.eye(3, dtype=F64)
    known = basis @ torch.diag(torch.tensor(spectrum, dtype=F64)) @ torch.linalg.inv(basis)
    response = torch.full((3, 5, 5), 77.0, dtype=F64)
    response[0, :3, :3] = known
    response[1, :2, :2] = torch.tensor([[0.5, 2.0], [-2.0, 0.5]], dtype=F64)
    response[2, 0, 0] = torch.nan
    mask = torch.arange(5) < torch.tensor([3, 2, 1])[:, None]
    low, high = response_extremes(response, mask)
    assert low[:2].tolist() == pytest.approx([spectrum[0], 0.5], abs=1e-10)
    assert high[:2].tolist() == pytest.approx([spectrum[-1], 0.5], abs=1e-10)
    assert low[2].isnan() and high[2].isnan()


def test_fixed_charge_response_does_not_see_the_padding() -> None:
    """Eigenvalues alone and beside a larger structure, padded by rows of the identity."""
    generator = torch.Generator().manual_seed(4)
    response = -torch.rand(1, 3, 3, dtype=F64, generator=generator)
    charge, mask = torch.tensor([[1.0, 0.0, 1.0]], dtype=F64), yes(1, 3)
    alone = response_extremes(fixed_charge_response(response, -charge, charge, yes(1), mask), mask)
    padded = torch.eye(7, dtype=F64)[None].clone()
    padded[:, :3, :3] = response
    wide = torch.cat([charge, torch.zeros(1, 4, dtype=F64)], 1)
    mask = torch.arange(7)[None] < 3
    beside = response_extremes(fixed_charge_response(padded, -wide, wide, yes(1), mask), mask)
    torch.testing.assert_close(torch.cat(beside), torch.cat(alone), rtol=0, atol=1e-12)


def test_fixed_charge_response_is_that_of_neutral_changes() -> None:
    """For p = F(p, μ(p)) at fixed charge: the finite spectrum is that of the map on neutral p."""
    generator = torch.Generator().manual_seed(3)
    response = -torch.rand(1, 4, 4, dtype=F64, generator=generator)
    column = -1 - torch.rand(1, 4, dtype=F64, generator=generator)
    charge = torch.tensor([[1.0, 0.0, 1.0, 1.0]], dtype=F64)
    full = fixed_charge_response(response, column, charge, yes(1), yes(1, 4))
    neutral = torch.linalg.svd(charge)[2][1:]  # rows span n·p = 0
    reduced = neutral @ full[0] @ neutral.T
    low, high = response_extremes(full, yes(1, 4))
    expected = torch.linalg.eigvals(reduced).real
    assert low.item() == pytest.approx(expected.min().item(), abs=1e-12)
    assert high.item() == pytest.approx(expected.max().item(), abs=1e-12)
    step = full[0] @ neutral.T
    assert (charge @ step).abs().max() < 1e-12
    kept = fixed_charge_response(response, column, charge, ~yes(1), yes(1, 4))
    assert torch.equal(kept, response)
