"""Which harmonics couple, in mace-torch's order, and their Clebsch–Gordan coefficients."""

from __future__ import annotations

import bench.e3nn_import  # noqa: F401  # isort: skip  before e3nn

from dataclasses import dataclass
from itertools import groupby

import torch
from e3nn import o3
from torch import Tensor


@dataclass(frozen=True)
class Path:
    """A sender's degree times an edge's degree gives a message's degree.

    Attributes:
        sender, edge, out: the degrees l₁, l₂ and l₃.
        place: of the path's radial function in mace-torch's order.
    """

    sender: int
    edge: int
    out: int
    place: int


@dataclass(frozen=True)
class Group:
    """Paths of equal l₁ and l₂: the same harmonics, other radial functions."""

    sender: int
    edge: int
    paths: tuple[Path, ...]

    @property
    def size(self) -> int:
        """(2 l₂ + 1) (2 l₁ + 1) times the number of paths."""
        return (2 * self.edge + 1) * (2 * self.sender + 1) * len(self.paths)


def message_paths(sender_max: int, edge_max: int) -> list[Path]:
    """All couplings with natural parity, (−1)^l, of senders and edges to messages up to edge_max.

    mace-torch sorts them by l₃, then l₁, then l₂.
    """
    triples = [
        (out, sender, edge)
        for out in range(edge_max + 1)
        for sender in range(sender_max + 1)
        for edge in range(edge_max + 1)
        if abs(sender - edge) <= out <= sender + edge and (sender + edge + out) % 2 == 0
    ]
    return [Path(sender, edge, out, i) for i, (out, sender, edge) in enumerate(triples)]


def group_paths(paths: list[Path]) -> tuple[Group, ...]:
    """Paths by l₁ and l₂."""
    ordered = sorted(paths, key=lambda path: (path.sender, path.edge, path.out))
    grouped = groupby(ordered, key=lambda path: (path.sender, path.edge))
    return tuple(Group(*degrees, tuple(members)) for degrees, members in grouped)


def component_degrees(l_max: int) -> Tensor:
    """[(l_max + 1)²] int64, the degree l of each component l m."""
    return torch.repeat_interleave(torch.arange(l_max + 1), 2 * torch.arange(l_max + 1) + 1)


def coupling_matrix(groups: tuple[Group, ...], dtype: torch.dtype) -> Tensor:
    """From the sums over neighbours to messages, √(2 l₃ + 1) times the 3j symbols of e3nn.

    Returns:
        [q, Σ sizes of the groups]; rows are (l₃, m₃, path) with mace-torch's order of the paths,
        columns are (group, m₁, path of the group, m₂).
    """
    paths = sorted((p for group in groups for p in group.paths), key=lambda path: path.place)
    row: dict[int, tuple[int, int]] = {}
    start = 0
    for out, members in groupby(paths, key=lambda path: path.out):
        same = list(members)
        row |= {path.place: (start + i, len(same)) for i, path in enumerate(same)}
        start += (2 * out + 1) * len(same)
    matrix = torch.zeros(start, sum(group.size for group in groups), dtype=dtype)
    column = 0
    for group in groups:
        block = matrix[:, column : column + group.size]
        block = block.view(start, 2 * group.sender + 1, len(group.paths), 2 * group.edge + 1)
        for i, path in enumerate(group.paths):
            first, step = row[path.place]
            rows = first + step * torch.arange(2 * path.out + 1)
            symbols = o3.wigner_3j(path.sender, path.edge, path.out, dtype=dtype)  # [m1, m2, m3]
            block[rows, :, i] = (2 * path.out + 1) ** 0.5 * symbols.permute(2, 0, 1)
        column += group.size
    return matrix
