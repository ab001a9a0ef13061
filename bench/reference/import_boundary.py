"""The boundary conditions that a file states against those that the user states."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from bench.audit.remarks import listed
from bench.data.pairs import Pairs, pairs
from bench.errors import BenchError
from bench.reference.import_options import BOUNDARIES

CONTACT = (
    1.7  # Å beyond the covalent radii: hydrogen bonds (2 Å) and closed shells (Ar 3.8 Å) touch
)


def reconcile(
    frames: Mapping[int, Atoms], boundary: str, path: Path
) -> tuple[dict[int, Atoms], list[str]]:
    """The structures to import, and one line for each way in which the file says otherwise.

    Isolated molecules may come in periodic boxes; those that a face of the box cuts are put
    together again.

    Args:
        frames: as the file has them, by their index in it.
        boundary: that the user states.
        path: for messages.

    Raises:
        BenchError: ``boundary=open`` for matter that fills its cell, which would become a cluster.
    """
    wanted = BOUNDARIES[boundary]
    lines = _told(frames, boundary)
    if any(wanted):
        return dict(frames), lines
    whole: dict[int, Atoms] = {}
    moved: list[str] = []
    for index, atoms in frames.items():
        together = made_whole(atoms) if atoms.pbc.any() else atoms
        if together is None:
            raise BenchError(
                f"{path}, structure {index}: boundary=open, but its atoms touch their own periodic "
                "images: a crystal or a liquid would become a cluster.",
                "boundary=bulk, or boundary=slab for a layer with vacuum along z.",
            )
        if not np.array_equal(together.positions, atoms.positions):
            moved.append(f"structure {index}")
        whole[index] = together
    if moved:
        lines.append(
            f"note: cut by the cell's face and put together again: {len(moved)} of {len(frames)} "
            f"structures ({listed(moved)})"
        )
    return whole, lines


def _told(frames: Mapping[int, Atoms], boundary: str) -> list[str]:
    """A line where the file's pbc are mixed, or not those of the boundary."""
    first: dict[str, int] = {}
    counts: dict[str, int] = {}
    for index, atoms in frames.items():
        shown = " ".join("FT"[bool(p)] for p in atoms.pbc)
        first.setdefault(shown, index)
        counts[shown] = counts.get(shown, 0) + 1
    if list(counts) == [" ".join("FT"[p] for p in BOUNDARIES[boundary])]:
        return []
    found = ", ".join(
        f"'{pbc}' in {n} (first: structure {first[pbc]})" for pbc, n in counts.items()
    )
    word = "warning: mixed" if len(counts) > 1 else "note:"
    return [f"{word} pbc in the file: {found}; all are taken as boundary={boundary}"]


def made_whole(atoms: Atoms) -> Atoms | None:
    """A copy in which atoms that touch through a face are beside each other.

    Returns:
        None where matter goes on through its own image for ever: then there is no such copy.
    """
    touching = _contacts(atoms)
    offset = _offsets(len(atoms), touching)
    crossing = offset[touching.first] + touching.shift - offset[touching.second]
    if np.any(crossing):
        return None
    copy = atoms.copy()
    copy.calc = atoms.calc
    copy.positions = atoms.positions + offset @ atoms.cell.array
    return copy


def _contacts(atoms: Atoms) -> Pairs:
    """Pairs of atoms that touch."""
    radii = covalent_radii[atoms.numbers]
    found = pairs(atoms, 2 * radii.max() + CONTACT)
    near = found.distance < radii[found.first] + radii[found.second] + CONTACT
    return Pairs(*(part[near] for part in found))


def _offsets(count: int, touching: Pairs) -> NDArray[np.int64]:
    """[n, 3] lattice vectors that bring each atom to the first one that it is connected to."""
    edge: dict[tuple[int, int], NDArray[np.int32]] = {}
    for i, j, shift in zip(touching.first.tolist(), touching.second.tolist(), touching.shift):
        edge.setdefault((i, j), shift)
    ones = np.ones(len(touching.first))
    graph = coo_array((ones, (touching.first, touching.second)), shape=(count, count)).tocsr()
    offset = np.zeros((count, 3), dtype=np.int64)
    _, component = connected_components(graph, directed=False)
    for root in np.unique(component, return_index=True)[1].tolist():
        order, parent = breadth_first_order(graph, root, directed=False)
        for atom in order[1:].tolist():
            above = int(parent[atom])
            offset[atom] = offset[above] + edge[above, atom]
    return offset
