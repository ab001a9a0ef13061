"""Pairs and rectangles: every edge exactly once, whatever the structure."""

from __future__ import annotations

import ase
import numpy as np
import pytest
import torch

from bench.data.adjacency import STEP, Places, find_pairs, join_pairs
from bench.data.pairs import Pairs
from bench.testing.frames import bulk, cluster, slab


def tiny_cell() -> ase.Atoms:
    return ase.Atoms("Al", cell=2.1 * np.eye(3) + 0.2, pbc=True)


def lone_atom() -> ase.Atoms:
    return ase.Atoms("O", [[1.0, 2.0, 3.0]])


STRUCTURES = {f.__name__: f for f in (slab, bulk, cluster, tiny_cell, lone_atom)}
NUMBERS = torch.tensor([1, 8, 13, 14])


def elements_of(atoms: ase.Atoms) -> torch.Tensor:
    return torch.searchsorted(NUMBERS, torch.as_tensor(atoms.numbers))


def listed(places: Places) -> list[tuple[int, int, int, int]]:
    """Receiver, sender, pair and sign of every place that is filled."""
    rows = []
    receiver, sizes = iter(places.receiver.tolist()), [b * w for b, w in places.shapes]
    parts = zip(*(getattr(places, name).split(sizes) for name in ("sender", "pair", "sign")))
    for (_, width), (sender, pair, sign) in zip(places.shapes, parts):
        for row in zip(*(part.view(-1, width).tolist() for part in (sender, pair, sign))):
            atom = next(receiver)
            rows += [(atom, *place) for place in zip(*row) if place[2] != 0]
    return rows


@pytest.mark.parametrize("name", STRUCTURES)
def test_no_pair_is_another_ones_reverse(name: str) -> None:
    pairs = find_pairs(STRUCTURES[name](), 4.5)
    forward = {(*i, *s) for i, s in zip(pairs.index.T.tolist(), pairs.unit_shifts.tolist())}
    back = {(j, i, *(-s for s in shift)) for i, j, *shift in forward}
    assert len(forward) == pairs.index.shape[1] and not forward & back


@pytest.mark.parametrize("kind", ["by_atom", "by_element"])
@pytest.mark.parametrize("names", [[n] for n in STRUCTURES] + [list(STRUCTURES)], ids=str)
def test_every_edge_has_one_place(names: list[str], kind: str) -> None:
    frames = [STRUCTURES[name]() for name in names]
    graphs = [find_pairs(atoms, 4.5) for atoms in frames]
    neighbours = join_pairs(graphs, [elements_of(atoms) for atoms in frames], 4)
    starts = np.cumsum([0, *(len(atoms) for atoms in frames)])
    index = torch.cat([g.index + int(s) for g, s in zip(graphs, starts)], dim=1)
    first, second = neighbours.rank[index].tolist()
    expected = [(b, a, p, 1) for p, (a, b) in enumerate(zip(first, second))]
    expected += [(a, b, p, -1) for p, (a, b) in enumerate(zip(first, second))]
    assert sorted(listed(getattr(neighbours, kind))) == sorted(expected)


def test_atoms_are_counted_in_the_order_of_elements() -> None:
    frames = [slab(), cluster()]
    elements = [elements_of(atoms) for atoms in frames]
    neighbours = join_pairs([find_pairs(atoms, 4.0) for atoms in frames], elements, 4)
    assert neighbours.counts == (6, 3, 4, 0)
    assert torch.cat(elements)[neighbours.order].tolist() == [0] * 6 + [1] * 3 + [2] * 4
    assert torch.equal(neighbours.order[neighbours.rank], torch.arange(13))


def test_rows_by_element_have_one_element_and_say_which() -> None:
    frames = [slab(), bulk()]
    elements = [elements_of(atoms) for atoms in frames]
    neighbours = join_pairs([find_pairs(atoms, 4.0) for atoms in frames], elements, 4)
    by_rank = torch.cat(elements)[neighbours.order]
    places, row, start = neighbours.by_element, 0, 0
    for count, width in places.shapes:
        for _ in range(count):
            here = slice(start, start + width)
            filled = by_rank[places.sender[here]][places.sign[here] != 0]
            assert set(filled.tolist()) == {int(places.element[row])}
            row, start = row + 1, start + width
    assert row == len(places.receiver) > 13


def test_few_places_stay_empty() -> None:
    places = join_pairs([find_pairs(bulk(), 5.0)], [elements_of(bulk())], 4).by_atom
    assert all(width % STEP == 0 for _, width in places.shapes)
    empty = (places.sign == 0).double().mean()
    assert 0 < float(empty) < 0.15


def test_both_copies_of_a_batch_agree() -> None:
    neighbours = join_pairs([find_pairs(bulk(), 4.0)], [elements_of(bulk())], 4)
    copy = neighbours.to("cpu")
    assert copy.counts == neighbours.counts
    assert torch.equal(copy.by_atom.pair, neighbours.by_atom.pair)
    assert copy.by_element.shapes == neighbours.by_element.shapes


@pytest.mark.parametrize("edge", [(0, 1), (1, 0)])
def test_rounding_at_the_cutoff_cannot_leave_half_a_pair(
    edge: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(*args: object) -> Pairs:
        return Pairs(*np.array(edge)[:, None], np.ones(1), np.zeros((1, 3), dtype=np.int32))

    monkeypatch.setattr("bench.data.adjacency.pairs", half)
    found = find_pairs(ase.Atoms("H2", [[0, 0, 0], [1.0, 0, 0]]), 1.0)
    places = join_pairs([found], [torch.zeros(2, dtype=torch.int64)], 1).by_atom
    assert len(listed(places)) == 2 * found.index.shape[1]
