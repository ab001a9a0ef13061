"""How near the test set is to the training set, in whole structures and atom by atom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from bench.audit.geometries import composition, find_same
from bench.audit.neighbours import CUTOFF, environments, nearest, structure_vector

Array = NDArray[np.float64]

_SAMPLE = 2000  # of an element's test atoms, or of structures: enough for a median


@dataclass(frozen=True)
class Described:
    """Distinct geometries.

    Attributes:
        frames: one structure of each geometry.
        surroundings: of its atoms by element, as ``environments`` has them.
    """

    frames: list[Atoms]
    surroundings: list[dict[int, Array]]

    def __getitem__(self, part: slice) -> Described:
        """Some of them."""
        return Described(self.frames[part], self.surroundings[part])

    def by_composition(self) -> dict[tuple[str, bytes], Array]:
        """[structures, d] vectors of structures by composition."""
        found: dict[tuple[str, bytes], list[Array]] = defaultdict(list)
        for atoms, surroundings in zip(self.frames, self.surroundings):
            found[composition(atoms)].append(structure_vector(surroundings))
        return {key: np.array(vectors) for key, vectors in found.items()}

    def by_element(self) -> dict[int, Array]:
        """[atoms, d] vectors of atoms by element."""
        found: dict[int, list[Array]] = defaultdict(list)
        for surroundings in self.surroundings:
            for number, vectors in surroundings.items():
                found[number].append(vectors)
        return {number: np.concatenate(parts) for number, parts in sorted(found.items())}


def distinct(frames: Sequence[Atoms]) -> list[Atoms]:
    """One structure of every geometry: fields and charges of a series are alike."""
    return list({_place(atoms): atoms for atoms in reversed(frames)}.values())[::-1]


def _place(atoms: Atoms) -> tuple[bytes, ...]:
    lengths = (atoms.positions, atoms.cell.array)
    return atoms.numbers.tobytes(), *((x.round(4) + 0.0).tobytes() for x in lengths)


def describe(frames: Iterable[Atoms], elements: Sequence[int]) -> Described:
    """Descriptors of geometries; ``frames`` may report how far it is."""
    described = [(atoms, environments(atoms, elements)) for atoms in frames]
    return Described([a for a, _ in described], [surroundings for _, surroundings in described])


def same_geometries(train: Sequence[Atoms], test: Sequence[Atoms]) -> list[str]:
    """One line for each test geometry that is in training."""
    return [
        f"test {test[i].info['uid']} has the geometry of training {train[j].info['uid']}"
        for i, j in find_same(test, train)
    ]


def nearness(train: Described, test: Described) -> list[str]:
    """Lines on how near whole structures and single atoms of the test set are to training."""
    return [_of_structures(train, test), _of_atoms(train, test)]


def _of_structures(train: Described, test: Described) -> str:
    known, asked = train.by_composition(), test.by_composition()
    shared = known.keys() & asked.keys()
    apart = [nearest(asked[key][_sample(asked[key])], known[key]) for key in shared]
    within = [
        nearest(vectors[chosen], vectors, own=chosen)
        for vectors in known.values()
        if len(vectors) > 1
        for chosen in [_sample(vectors)]
    ]
    count = sum(len(asked[key]) for key in shared)
    return (
        f"leakage: {count} of {len(test.frames)} test geometries have training geometries of equal "
        "composition"
        + (f", nearest at {min(map(np.min, apart)):.3f}, median {_median(apart)}" if count else "")
        + (f" (training to training: median {_median(within)})" if within else "")
    )


def _of_atoms(train: Described, test: Described) -> str:
    """Distance of test atoms' surroundings to the nearest that a training atom has, by element."""
    known, asked = train.by_element(), test.by_element()
    parts, empty = [], 0
    for number in sorted(known.keys() & asked.keys()):
        rows, others = (vectors[vectors.any(axis=1)] for vectors in (asked[number], known[number]))
        empty += len(asked[number]) - len(rows)
        if len(rows) and len(others):
            chosen = _sample(rows)
            distances = nearest(rows[chosen], others)
            part = f" of {len(chosen)} of {len(rows)}" if len(chosen) < len(rows) else ""
            parts.append(
                f"{chemical_symbols[number]} median {np.median(distances):.3f}, "
                f"least {distances.min():.4f}{part}"
            )
    line = "nearest training environment of a test atom, relative: " + ("; ".join(parts) or "none")
    return line + (f" ({empty} test atoms have no neighbour within {CUTOFF:g} Å)" if empty else "")


def _sample(rows: Array) -> NDArray[np.int64]:
    """Indices of all rows, or of many an evenly spaced part."""
    count = min(len(rows), _SAMPLE)
    return np.linspace(0, len(rows) - 1, count).astype(np.int64)


def _median(parts: Sequence[Array]) -> str:
    return f"{np.median(np.concatenate(parts)):.3f}"
