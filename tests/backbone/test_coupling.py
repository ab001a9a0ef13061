"""Paths in mace-torch's order and e3nn's coefficients."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3
from mace.modules.irreps_tools import tp_out_irreps_with_instructions

from bench.backbone.coupling import (
    component_degrees,
    coupling_matrix,
    group_paths,
    message_paths,
)
from bench.backbone.model import random_stream

DEGREES = [(0, 3), (1, 1), (1, 3), (2, 2), (2, 4)]


def irreps(l_max: int, channels: int = 1) -> o3.Irreps:
    return o3.Irreps([(channels, (l, (-1) ** l)) for l in range(l_max + 1)])  # noqa: E741


@pytest.mark.parametrize(("sender", "edge"), DEGREES)
def test_paths_are_mace_torchs_in_its_order(sender: int, edge: int) -> None:
    target = irreps(edge)
    out, instructions = tp_out_irreps_with_instructions(irreps(sender), irreps(edge), target)
    expected = [(i, j, out[k].ir.l, k) for i, j, k, *_ in instructions]
    paths = message_paths(sender, edge)
    assert [(p.sender, p.edge, p.out, p.place) for p in paths] == expected


@pytest.mark.parametrize(("sender", "edge"), DEGREES)
def test_the_matrix_is_e3nns_tensor_product(sender: int, edge: int) -> None:
    """Applied to h ⊗ Y of one edge with one channel and all radial functions one."""
    paths = message_paths(sender, edge)
    groups = group_paths(paths)
    out = o3.Irreps([(1, (p.out, (-1) ** p.out)) for p in paths])
    with random_stream(0, torch.float64):
        product = o3.TensorProduct(
            irreps(sender),
            irreps(edge),
            out,
            [(p.sender, p.edge, p.place, "uvu", True) for p in paths],
            shared_weights=False,
            internal_weights=False,
        )
    generator = torch.Generator().manual_seed(0)
    h = torch.randn((sender + 1) ** 2, generator=generator, dtype=torch.float64)
    y = torch.randn((edge + 1) ** 2, generator=generator, dtype=torch.float64)
    radial = torch.randn(len(paths), generator=generator, dtype=torch.float64)
    expected = product(h[None], y[None], radial[None])[0]
    sums = []
    for group in groups:
        own_h = h[group.sender**2 : (group.sender + 1) ** 2]
        own_y = y[group.edge**2 : (group.edge + 1) ** 2]
        own_r = radial[[path.place for path in group.paths]]
        sums.append(torch.einsum("a,b,k->bka", own_y, own_h, own_r).flatten())
    rows = coupling_matrix(groups, torch.float64) @ torch.cat(sums)
    found, start = [], 0
    for degree in range(edge + 1):
        count = sum(path.out == degree for path in paths)
        block = rows[start : start + (2 * degree + 1) * count].view(2 * degree + 1, count)
        found.append(block.T.flatten())  # e3nn keeps the components of a path together
        start += block.numel()
    torch.testing.assert_close(torch.cat(found), expected, rtol=0, atol=1e-13)


def test_components_know_their_degree() -> None:
    assert component_degrees(2).tolist() == [0, 1, 1, 1, 2, 2, 2, 2, 2]
