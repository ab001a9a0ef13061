"""Pairs of atoms within the cutoff, and who sees which: the index arrays of the backbone.

Every edge has an exact reverse, ends swapped and vector negated, so a pair is kept once and read in
both directions.  The sums over neighbours are matrix products, for which neighbours stand in places
of a rectangle: rows with about equally many neighbours share one, so that few places stay empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import ase
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.data.pairs import pairs

STEP = 4  # a rectangle's width is a multiple: few widths, hardly any empty places


@dataclass(frozen=True)
class Rectangle:
    """b rows of w places; a row belongs to one atom and lists neighbours that it sees.

    Attributes:
        receiver: [b] int64, the atom.
        sender: [b, w] int64, its neighbour.
        pair: [b, w] int64, the pair of both.
        sign: [b, w] int8, +1 where the pair's vector points from sender to receiver, −1 where it
            points back, 0 where the place is empty; its other entries are then a neighbour's.
    """

    receiver: Tensor
    sender: Tensor
    pair: Tensor
    sign: Tensor


@dataclass(frozen=True)
class GraphPairs:
    """The p pairs of one structure.

    Attributes:
        index: [2, p] int64, sender and receiver of an edge; the other edge is its reverse.
        unit_shifts: [p, 3] float64, lattice vectors that the first edge crosses.
        by_atom: rectangles by width; a row lists all neighbours of an atom.
        by_element: the same; a row lists the neighbours that are of one element.
    """

    index: Tensor
    unit_shifts: Tensor
    by_atom: dict[int, Rectangle]
    by_element: dict[int, Rectangle]


@dataclass(frozen=True)
class Places:
    """The rectangles of a batch, one after the other; atoms are counted in the order of elements.

    Attributes:
        shapes: rows and width of each rectangle, b rows and s places in all.
        receiver: [b] int64.
        element: [b] int64, of the first neighbour: the row's where rows are by element.
        sender: [s] int64.
        pair: [s] int64.
        sign: [s] int8.
    """

    shapes: tuple[tuple[int, int], ...]
    receiver: Tensor
    element: Tensor
    sender: Tensor
    pair: Tensor
    sign: Tensor

    def to(self, device: torch.device | str) -> Places:
        """A copy on ``device``."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "shapes"}
        return replace(self, **{name: tensor.to(device) for name, tensor in tensors.items()})


@dataclass(frozen=True)
class Neighbours:
    """Who sees whom in a batch of n atoms; atoms are counted in the order of elements.

    Attributes:
        order: [n] int64, the batch's atoms sorted by element.
        rank: [n] int64, its inverse.
        counts: atoms of each element.
        by_atom: all neighbours of an atom in a row; atoms without neighbours have none.
        by_element: the neighbours of one element that an atom has, in a row.
    """

    order: Tensor
    rank: Tensor
    counts: tuple[int, ...]
    by_atom: Places
    by_element: Places

    def to(self, device: torch.device | str) -> Neighbours:
        """A copy on ``device``."""
        parts = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "counts"}
        return replace(self, **{name: part.to(device) for name, part in parts.items()})


def find_pairs(atoms: ase.Atoms, r_max: float) -> GraphPairs:
    """All pairs of atoms, images of one atom included, that are nearer than ``r_max`` (Å).

    Args:
        atoms: a structure; a vector of its cell is used where that axis is periodic.
        r_max: cutoff in Å.
    """
    found = pairs(atoms, r_max)
    edges, shifts = np.stack([found.first, found.second]), found.shift
    # Of an edge and its reverse, which rounding may put on two sides of the cutoff, where every
    # function of the distance vanishes, one decides.
    first = _sign_of_first(np.column_stack([edges[1] - edges[0], shifts])) > 0
    index, shifts = edges[:, first].astype(np.int64), shifts[first]
    pair = np.tile(np.arange(index.shape[1]), 2)
    sign = np.repeat([1, -1], index.shape[1])
    sender, receiver = np.hstack([index, index[::-1]])
    numbers = atoms.numbers[sender]

    def rows(key: NDArray[np.int64]) -> dict[int, Rectangle]:
        return {
            width: _rectangle(places, receiver, sender, pair, sign)
            for width, places in _places(key).items()
        }

    return GraphPairs(
        index=torch.as_tensor(index),
        unit_shifts=torch.as_tensor(shifts, dtype=torch.float64),
        by_atom=rows(receiver),
        by_element=rows(receiver * (1 + max(numbers, default=0)) + numbers),
    )


def _sign_of_first(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """[e] sign of the first entry of each row that is not zero."""
    first = (columns != 0).argmax(axis=1)
    return np.sign(np.take_along_axis(columns, first[:, None], axis=1)[:, 0])


def _places(key: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    """[b, w] edges of equal ``key`` in a row, by w; −1 − edge in an empty place."""
    order = np.argsort(key, kind="stable")
    _, start, count = np.unique(key[order], return_index=True, return_counts=True)
    widths = -(-count // STEP) * STEP
    rectangles = {}
    for width in np.unique(widths):
        chosen = widths == width
        place = np.arange(width)[None]
        filled = place < count[chosen, None]
        edges = order[start[chosen, None] + np.where(filled, place, 0)]
        rectangles[int(width)] = np.where(filled, edges, -1 - edges)
    return rectangles


def _rectangle(places: NDArray[np.int64], *arrays: NDArray[np.int64]) -> Rectangle:
    edges = np.where(places >= 0, places, -1 - places)
    receiver, sender, pair, sign = (torch.as_tensor(array[edges]) for array in arrays)
    filled = torch.as_tensor(places >= 0)
    return Rectangle(receiver[:, 0].clone(), sender, pair, (sign * filled).to(torch.int8))


def join_pairs(graphs: Sequence[GraphPairs], elements: Sequence[Tensor], count: int) -> Neighbours:
    """The index arrays of a batch.

    Args:
        graphs: of the structures.
        elements: [n_i] int64, index of every atom's element.
        count: how many elements there are.
    """
    element = torch.cat(list(elements))
    order = torch.argsort(element, stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order))
    atoms, pairs = np.cumsum([(len(e), g.index.shape[1]) for e, g in zip(elements, graphs)], 0).T
    starts = list(zip([0, *atoms], [0, *pairs]))

    def join(rectangles: Callable[[GraphPairs], dict[int, Rectangle]]) -> Places:
        return _join([rectangles(graph) for graph in graphs], starts, rank, element)

    return Neighbours(
        order=order,
        rank=rank,
        counts=tuple(torch.bincount(element, minlength=count).tolist()),
        by_atom=join(lambda graph: graph.by_atom),
        by_element=join(lambda graph: graph.by_element),
    )


def _join(
    graphs: Sequence[dict[int, Rectangle]],
    starts: Sequence[tuple[int, int]],
    rank: Tensor,
    element: Tensor,
) -> Places:
    """Rectangles of equal width become one; ``starts`` are each structure's first atom and pair."""
    widths = sorted({width for graph in graphs for width in graph})
    parts = [
        (graph[width], *start)
        for width in widths
        for graph, start in zip(graphs, starts)
        if width in graph
    ]
    nothing = torch.zeros(0, dtype=torch.int64)
    senders = [nothing, *(r.sender.flatten() + atom for r, atom, _ in parts)]
    rows = [sum(len(g[w].receiver) for g in graphs if w in g) for w in widths]
    first = [nothing, *(r.sender[:, 0] + atom for r, atom, _ in parts)]
    return Places(
        shapes=tuple(zip(rows, widths)),
        receiver=rank[torch.cat([nothing, *(r.receiver + atom for r, atom, _ in parts)])],
        element=element[torch.cat(first)],
        sender=rank[torch.cat(senders)],
        pair=torch.cat([nothing, *(r.pair.flatten() + pair for r, _, pair in parts)]),
        sign=torch.cat([nothing.to(torch.int8), *(r.sign.flatten() for r, _, _ in parts)]),
    )
