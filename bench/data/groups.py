"""Structures of one geometry at several total charges: compared with each other.

A loss on the differences of their energies needs them in one batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

import ase
import numpy as np
import torch
from torch.utils.data import Sampler

from bench.labels.keys import ELECTRIC_FIELD_KEY, TOTAL_CHARGE_KEY
from bench.labels.state import SAME_FIELD

GROUP_KEY = "group"


def geometry_of(atoms: ase.Atoms) -> str:
    """What structures of one geometry have in common; empty where unknown."""
    return str(atoms.info.get(GROUP_KEY, ""))


def state_groups(frames: Sequence[ase.Atoms]) -> list[list[int]]:
    """Indices of the structures of each geometry that is there at several total charges."""
    members: dict[str, list[int]] = defaultdict(list)
    for index, atoms in enumerate(frames):
        members[geometry_of(atoms)].append(index)
    members.pop("", None)
    return [group for group in members.values() if len({_charge(frames[i]) for i in group}) > 1]


def charge_pairs(frames: Sequence[ase.Atoms]) -> list[tuple[int, int]]:
    """Indices of every two structures of one geometry and field at different charges."""
    return [
        (i, j)
        for group in state_groups(frames)
        for i, j in combinations(group, 2)
        if _charge(frames[i]) != _charge(frames[j]) and _in_one_field(frames[i], frames[j])
    ]


def _charge(atoms: ase.Atoms) -> float:
    return float(atoms.info[TOTAL_CHARGE_KEY])


def _in_one_field(one: ase.Atoms, other: ase.Atoms) -> bool:
    apart = np.subtract(one.info[ELECTRIC_FIELD_KEY], other.info[ELECTRIC_FIELD_KEY])
    return bool(np.abs(apart).max() < SAME_FIELD)


class TogetherSampler(Sampler[list[int]]):
    """Batches in which states of a geometry stay together, everything else as it falls.

    A geometry with more states than ``most`` is cut into pieces, another way each epoch.
    Bundles are packed by their sizes once, largest first, each into the first batch with room, so
    that every epoch has the same number of batches; which bundles fill them, and the order of the
    batches, are drawn anew each epoch.

    Args:
        frames: the structures.
        batch_size: most structures of a batch.
        most: states of a geometry that stay together; by default as many as a batch holds.
        generator: draws; without one the order is that of ``frames`` as far as packing lets it.
    """

    def __init__(
        self,
        frames: Sequence[ase.Atoms],
        batch_size: int,
        most: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        self._groups, self._most = state_groups(frames), min(most or batch_size, batch_size)
        grouped = {index for group in self._groups for index in group}
        self._singles = [[index] for index in range(len(frames)) if index not in grouped]
        self._generator = generator
        self._packed: list[list[int]] = []  # sizes of the bundles of each batch
        pieces = [piece for group in self._groups for piece in self._cut(group)]
        for size in sorted(map(len, [*pieces, *self._singles]), reverse=True):
            room = (sizes for sizes in self._packed if sum(sizes) + size <= batch_size)
            chosen = next(room, None)
            if chosen is None:
                self._packed.append(chosen := [])
            chosen.append(size)

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[list[int]]:
        shuffled = ([group[k] for k in self._order(len(group))] for group in self._groups)
        pieces = [piece for group in shuffled for piece in self._cut(group)]
        bundles = sorted([*pieces, *self._singles])
        by_size: dict[int, list[list[int]]] = defaultdict(list)
        for k in self._order(len(bundles)):
            by_size[len(bundles[k])].append(bundles[k])
        batches = [
            [index for size in sizes for index in by_size[size].pop(0)] for sizes in self._packed
        ]
        yield from (batches[k] for k in self._order(len(batches)))

    def _cut(self, group: list[int]) -> list[list[int]]:
        return [group[k : k + self._most] for k in range(0, len(group), self._most)]

    def _order(self, count: int) -> list[int]:
        if self._generator is None:
            return list(range(count))
        drawn: list[int] = torch.randperm(count, generator=self._generator).tolist()
        return drawn
