"""Which structures of a file are the same, which belong together, and who trains or tests."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bench.audit.remarks import listed
from bench.errors import BenchError
from bench.labels.keys import ELECTRIC_FIELD_KEY, MULTIPLICITY_KEY, SPLITS, TOTAL_CHARGE_KEY
from bench.labels.quantities import labels
from bench.reference.import_values import find, found_keys

SAME = 2e-6  # in units of a label: copies of one value in files of six decimals or more


@dataclass(frozen=True)
class Member:
    """A structure and where it comes from.

    Attributes:
        index: in the file.
        source: as the file has it.
        frame: with our keys.
    """

    index: int
    source: Atoms
    frame: Atoms

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"structure {self.index}"


def without_repeats(members: Sequence[Member], path: Path) -> tuple[list[Member], list[str]]:
    """The first of each structure, and the exact repeats that were dropped: ``3 (as 0)``.

    Two structures are the same where geometry, boundary, charge, field and multiplicity are.

    Args:
        members: structures in the file's order.
        path: for messages.

    Raises:
        BenchError: equal states with different labels, which no model could learn.
    """
    first: dict[tuple[Any, ...], Member] = {}
    repeats = []
    for member in members:
        earlier = first.setdefault(_state(member.frame), member)
        if earlier is member:
            continue
        different = _different_labels(earlier.frame, member.frame)
        if different:
            raise BenchError(
                f"{path}: structures {earlier.index} and {member.index} are equal in geometry, "
                f"total charge, field and multiplicity, but not in {', '.join(different)}.",
                _what_else_differs(earlier, member),
            )
        repeats.append(f"{member.index} (as {earlier.index})")
    return list(first.values()), repeats


def _state(frame: Atoms) -> tuple[Any, ...]:
    field = np.asarray(frame.info[ELECTRIC_FIELD_KEY]).round(6) + 0.0
    charge = round(float(frame.info[TOTAL_CHARGE_KEY]), 6) + 0.0
    spin = frame.info.get(MULTIPLICITY_KEY)
    return fingerprint(frame, decimals=6), tuple(field.tolist()), charge, spin


def fingerprint(frame: Atoms, *, decimals: int) -> str:
    """A name of a geometry: elements, boundary, positions and cell rounded, in Å."""
    rounded = [part.round(decimals) + 0.0 for part in (frame.positions, frame.cell.array)]
    parts = (frame.numbers, frame.pbc, *rounded)
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts))
    return f"g{digest.hexdigest()[:12]}"  # a letter first: extxyz would read 12e45678 as a number


def _different_labels(one: Atoms, other: Atoms) -> list[str]:
    """``REF_energy (-17 and -16.02)`` for each label that differs or only one of them has."""
    stated = {*one.info, *one.arrays, *other.info, *other.arrays}
    found = []
    for key in sorted(stated & {label.reference_key for label in labels().values()}):
        values = [a.arrays.get(key, a.info.get(key)) for a in (one, other)]
        if any(value is None for value in values):
            found.append(f"{key} (one has none)")
        elif not np.allclose(values[0], values[1], rtol=0, atol=SAME):
            scalars = f" ({values[0]:g} and {values[1]:g})" if np.ndim(values[0]) == 0 else ""
            found.append(key + scalars)
    return found


def _what_else_differs(one: Member, other: Member) -> str:
    """The file's keys that might tell two structures apart."""
    hints = []
    for key in sorted({*found_keys(one.source), *found_keys(other.source)}):
        before, after = (find(member.source, key) for member in (one, other))
        if np.ndim(before) == np.ndim(after) == 0 and before != after:
            hints.append(f"{key} ({before} and {after})")
    told = f"They differ in {', '.join(hints)}. " if hints else ""
    return (
        f"{told}Map what tells them apart (map.multiplicity, map.field, map.total_charge), or keep "
        "one level of theory in a file."
    )


def spin_states(members: Sequence[Member]) -> list[str]:
    """A line where structures differ in their multiplicity alone, which no model is told."""
    states = Counter(_state(member.frame)[:-1] for member in members)
    several = [member.name for member in members if states[_state(member.frame)[:-1]] > 1]
    if not several:
        return []
    return [
        f"warning: {len(several)} structures differ from another in multiplicity alone, which no "
        f"model is told: {listed(several)}"
    ]


def name_and_group(members: Sequence[Member], system: str) -> None:
    """Give uid, group, subset and trajectory where the file has none.

    The uid ends with the index in the file; structures of equal geometry (to 1e-4 Å) are a group.
    """
    for member in members:
        info = member.frame.info
        info.setdefault("uid", f"{system}{member.index:05d}")
        info.setdefault("group", fingerprint(member.frame, decimals=4))
        info.setdefault("subset", "all")
        info.setdefault("trajectory", info["group"])


def assign_splits(frames: Sequence[Atoms], *, valid: float, test: float, seed: int) -> None:
    """Give whole trajectories to train, valid and test where the file says no split.

    The fractions are of structures: trajectories are taken in random order as long as they fit.

    Raises:
        BenchError: some structures have a split and some have none, or there are too few
            trajectories for these fractions.
    """
    have = sum("split" in atoms.info for atoms in frames)
    if have == len(frames):
        return
    if have:
        raise BenchError(f"{have} of {len(frames)} structures have a split.", "Give all or none.")
    if test + valid >= 1:
        raise BenchError(
            f"test_fraction={test} and valid_fraction={valid} leave nothing to train on.",
            "Smaller fractions.",
        )
    cluster = _clusters(frames)
    sizes = Counter(cluster)
    needed = 1 + (test > 0) + (valid > 0)
    if len(sizes) < needed:
        raise BenchError(
            f"{len(sizes)} independent geometries cannot be split over train, valid and test.",
            "Add structures, or name the key of your own splits: map.split=KEY",
        )
    order = np.random.default_rng(seed).permutation(sorted(sizes)).tolist()
    split: dict[int, str] = {}
    for part, fraction in ((SPLITS[2], test), (SPLITS[1], valid)):
        needed -= fraction > 0
        left = [number for number in order if number not in split]
        split |= dict.fromkeys(_fitting(left, sizes, fraction * len(frames), keep=needed), part)
    for atoms, number in zip(frames, cluster):
        atoms.info["split"] = split.get(number, SPLITS[0])


def _clusters(frames: Sequence[Atoms]) -> list[int]:
    """Structures that share a trajectory or a group, directly or through others: a number each."""
    count = len(frames)
    nodes = [
        np.unique([str(atoms.info[key]) for atoms in frames], return_inverse=True)[1]
        for key in ("trajectory", "group")
    ]
    ends = np.concatenate([count + nodes[0], 2 * count + nodes[1]])
    starts = np.tile(np.arange(count), 2)
    graph = coo_array((np.ones(2 * count), (starts, ends)), shape=(3 * count, 3 * count))
    numbers: list[int] = connected_components(graph, directed=False)[1][:count].tolist()
    return numbers


def _fitting(names: Sequence[int], sizes: Counter[int], target: float, *, keep: int) -> list[int]:
    """Clusters whose structures add up to about ``target``; at least one unless it is zero."""
    chosen: dict[int, None] = {}
    total = 0
    for name in names:
        if total + sizes[name] <= target and len(names) - len(chosen) > keep:
            chosen[name] = None
            total += sizes[name]
    rest = [name for name in names if name not in chosen]
    if target > 0 and len(rest) > keep:
        smallest = min(rest, key=lambda name: sizes[name])
        if not chosen or abs(total + sizes[smallest] - target) < target - total:
            chosen[smallest] = None
    return list(chosen)
