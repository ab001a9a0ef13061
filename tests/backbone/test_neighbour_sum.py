"""The sum over neighbours, against its formula edge by edge, and its derivatives."""

from __future__ import annotations

import ase
import pytest
import torch
from torch import Tensor

from bench.backbone.coupling import component_degrees, group_paths, message_paths
from bench.backbone.neighbour_sum import Block, blocks, neighbour_sum
from bench.data.adjacency import Neighbours, find_pairs, join_pairs
from bench.testing.frames import cluster

SENDER, EDGE, CHANNELS = 1, 2, 2
CUTOFF = 3.1  # Å
GROUPS = group_paths(message_paths(SENDER, EDGE))


@pytest.fixture(scope="module")
def where() -> tuple[ase.Atoms, Neighbours, tuple[Block, ...]]:
    """Two waters of unequally many neighbours and an atom without any."""
    atoms = ase.Atoms(cluster().numbers, cluster().positions) + ase.Atoms("H", [[20.0, 0, 0]])
    pairs = find_pairs(atoms, CUTOFF)
    neighbours = join_pairs([pairs], [torch.as_tensor((atoms.numbers > 1) * 1)], 2)
    odd = component_degrees(EDGE) % 2 == 1
    sign = neighbours.by_atom.sign[:, None]
    parity = torch.where(odd, sign, sign.abs()).double()
    return atoms, neighbours, blocks(neighbours.by_atom, parity)


@pytest.fixture
def arrays(where: tuple[ase.Atoms, Neighbours, tuple[Block, ...]]) -> tuple[Tensor, ...]:
    atoms, _, _ = where
    generator = torch.Generator().manual_seed(2)
    pairs = find_pairs(atoms, CUTOFF).index.shape[1]
    paths = sum(len(group.paths) for group in GROUPS)
    shapes = [(paths, pairs, CHANNELS), ((SENDER + 1) ** 2, len(atoms), CHANNELS), (pairs, 9)]
    return tuple(
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in shapes
    )


def test_is_its_formula(where, arrays) -> None:
    atoms, neighbours, rectangles = where
    radial, senders, harmonics = arrays
    found = neighbour_sum(radial, senders, harmonics, rectangles, GROUPS)
    expected = torch.zeros_like(found)
    parity = (-1.0) ** component_degrees(EDGE)
    first, second = neighbours.rank[find_pairs(atoms, CUTOFF).index]
    for sender, receiver, sign in ((first, second, torch.ones(9)), (second, first, parity)):
        for pair in range(len(first)):
            rows, k = [], 0
            for group in GROUPS:
                y = (harmonics[pair] * sign)[group.edge**2 : (group.edge + 1) ** 2]
                h = senders[group.sender**2 : (group.sender + 1) ** 2, sender[pair]]
                r = radial[k : k + len(group.paths), pair]
                rows.append(torch.einsum("a,bc,kc->bkac", y, h, r).flatten(0, 2))
                k += len(group.paths)
            expected[receiver[pair]] += torch.cat(rows).detach()
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)
    assert found[neighbours.rank[-1]].eq(0).all()
    assert len(rectangles) > 1  # more than one width has been tried


def test_two_derivatives_are_exact(where, arrays) -> None:
    _, _, rectangles = where

    def total(*given: Tensor) -> Tensor:
        weights = torch.linspace(-1, 1, CHANNELS, dtype=torch.float64)
        return (neighbour_sum(*given, rectangles, GROUPS).square() * weights).sum((1, 2))

    assert torch.autograd.gradcheck(total, arrays)
    assert torch.autograd.gradgradcheck(total, arrays)


def test_a_third_derivative_is_refused(where, arrays) -> None:
    _, _, rectangles = where
    value = neighbour_sum(*arrays, rectangles, GROUPS).square().sum()
    (first,) = torch.autograd.grad(value, arrays[0], create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), arrays[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        second.sum().backward()


def test_nobody_has_neighbours() -> None:
    atoms = ase.Atoms("H2", [[0, 0, 0], [9.0, 0, 0]])
    neighbours = join_pairs([find_pairs(atoms, 3.0)], [torch.zeros(2, dtype=torch.int64)], 1)
    rectangles = blocks(neighbours.by_atom, torch.zeros(0, 9))
    paths = sum(len(group.paths) for group in GROUPS)
    given = torch.zeros(paths, 0, 2), torch.ones(4, 2, 2), torch.zeros(0, 9)
    sums = neighbour_sum(*given, rectangles, GROUPS)
    assert sums.shape == (2, sum(group.size for group in GROUPS), 2) and sums.eq(0).all()
