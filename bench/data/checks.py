"""What a structure and a set of structures must satisfy before anything is computed with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from bench.data.pairs import pairs
from bench.density.geometry import Boundary
from bench.density.reciprocal import boundary_of
from bench.errors import BenchError, nearest
from bench.labels import keys as names
from bench.labels.keys import SPLITS
from bench.labels.quantities import DIPOLE, FORCES, Quantity, labels
from bench.labels.stored import is_stated

COINCIDENT = 0.1  # Å, below it two atoms are at one place
FARTHEST = 1e6  # Å
FILLED = 3.0  # Å, a narrower gap between a slab and its image is no vacuum


def check_frame(atoms: ase.Atoms, where: str, required: Sequence[str]) -> None:
    """Refuse a structure that lacks a key, or that ``check_structure`` refuses.

    Args:
        atoms: the structure.
        where: file and index, for the message.
        required: reference keys that must be there, such as ``REF_energy``.

    Raises:
        BenchError: with what was found.
    """
    _check_keys(atoms, where, required)
    check_structure(atoms, where)


def check_structure(atoms: ase.Atoms, where: str) -> None:
    """Refuse a structure that training or scoring could not treat honestly.

    Labels and state get their shapes: numbers, [3], [3, 3], and a row per atom; of multipoles one
    column (charges alone, dipoles unknown) or four.

    Args:
        atoms: the structure, with total charge and field.
        where: file and index, for the message.

    Raises:
        BenchError: with what was found.
    """
    check_geometry(atoms, where)
    for label in labels().values():
        if is_stated(atoms, label):
            store = atoms.arrays if label.per_atom else atoms.info
            key = label.reference_key
            store[key] = shaped(store[key], label, len(atoms), f"{where}: {key}")
    _shape_state(atoms, where)
    for key, value in {**atoms.info, **atoms.arrays}.items():
        _check_finite(value, key, where)
    _check_distances(atoms, where)
    boundary = boundary_of(atoms.cell.array, atoms.pbc, where)
    check_field(atoms, boundary, where)
    check_vacuum(atoms, boundary, where)


def check_geometry(atoms: ase.Atoms, where: str) -> None:
    """Refuse positions and cells that are no places: before any neighbour is looked for.

    Raises:
        BenchError: not finite, or beyond 10⁶ Å.
    """
    for key, value in (("positions", atoms.positions), ("cell", atoms.cell.array)):
        _check_finite(value, key, where)
        if np.abs(value).max(initial=0.0) > FARTHEST:
            raise BenchError(f"{where}: {key} reach {np.abs(value).max():.3g} Å.")


def numbers(value: Any, what: str, mend: str = "") -> NDArray[np.float64]:
    """A value of a file as float64; Fortran's exponents (``-1.0D+00``) are read, too.

    Args:
        value: as a file's reader gives it.
        what: names it in the message.
        mend: what to do about it, likewise.

    Raises:
        BenchError: words, truth values or ragged rows.
    """
    read = value
    if isinstance(value, str):
        words = value.replace("D", "E").replace("d", "e").split()
        read = words[0] if len(words) == 1 else words
    try:
        if read is None or np.asarray(read).dtype.kind == "b":  # ase reads T and F as truth values
            raise ValueError
        return np.asarray(read, dtype=float)
    except (TypeError, ValueError) as error:
        raise BenchError(f"{what}={value!r} is no number.", mend) from error


def _check_keys(atoms: ase.Atoms, where: str, required: Sequence[str]) -> None:
    found = sorted([*atoms.info, *(k for k in atoms.arrays if k not in ("numbers", "positions"))])
    needed = (names.TOTAL_CHARGE_KEY, names.ELECTRIC_FIELD_KEY, *names.IDENTITY_KEYS, *required)
    missing = [key for key in needed if key not in found]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise BenchError(
            f"{where}: {', '.join(missing)} {verb} missing (found: {', '.join(found)}).",
            f"Add {'it' if len(missing) == 1 else 'them'} to the file; units and signs: "
            "datasets/README.md. `bench data import` renames the keys of a file of your own.",
        )


def shaped(value: Any, label: Quantity, count: int, what: str) -> Any:
    """A label in its one shape: a float, [3], [3, 3] or [atoms, columns].

    Args:
        value: as a file has it.
        label: which one.
        count: of atoms.
        what: names it in the message.

    Raises:
        BenchError: no number, or not as many as there should be.
    """
    array = numbers(value, what)
    rows = count if label.per_atom else 1
    allowed = [rows * (part.stop or label.components) for part in label.parts]
    if array.size not in allowed:
        expected = " or ".join(map(str, allowed))
        raise BenchError(
            f"{what} has {array.size} numbers, expected {expected} ({label.name}: "
            f"{label.description}; {label.unit})."
        )
    if label.per_atom:
        return array.reshape(count, -1)
    if label.components == 1:
        return array.item()
    return array.reshape((3, 3) if label.components == 9 else -1)


def _shape_state(atoms: ase.Atoms, where: str) -> None:
    """Names as texts, total charge as a float, the dipole's mask and the field as [3]."""
    for key in set(names.IDENTITY_KEYS) & set(atoms.info):
        atoms.info[key] = str(atoms.info[key])  # extxyz reads a group called nan as a number
    info, charge = atoms.info, atoms.info[names.TOTAL_CHARGE_KEY]
    if np.size(charge) != 1 or np.asarray(charge).dtype.kind not in "iuf":
        raise BenchError(
            f"{where}: {names.TOTAL_CHARGE_KEY}={charge!r} is no number.",
            "Give it in e, positive where electrons are missing: total_charge=1.",
        )
    info[names.TOTAL_CHARGE_KEY] = float(np.asarray(charge).item())
    if is_stated(atoms, DIPOLE) and np.size(info.get(names.DIPOLE_MASK_KEY, [])) != 3:
        raise BenchError(
            f"{where}: {DIPOLE.reference_key} needs {names.DIPOLE_MASK_KEY}, three numbers.",
            'Slabs: dipole_mask="0 0 1"; molecules: dipole_mask="1 1 1".',
        )
    field_key = names.ELECTRIC_FIELD_KEY
    info[field_key] = numbers(info[field_key], f"{where}: {field_key}")
    for key in (field_key, names.DIPOLE_MASK_KEY):
        if key in info and np.size(info[key]) == 3:
            info[key] = np.reshape(info[key], 3)
    for key, size in names.FOR_METRICS.items():
        if key in info:
            info[key] = numbers(info[key], f"{where}: {key}").ravel()
            if size not in (None, len(info[key])):
                raise BenchError(f"{where}: {key} has {len(info[key])} numbers, expected {size}.")


def _check_finite(value: Any, key: str, where: str) -> None:
    array = np.asarray(value)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(np.atleast_1d(array)))[0]
        raise BenchError(
            f"{where}: {key} is not finite at index {bad.tolist()}.",
            "Remove the structure or calculate it again.",
        )


def _check_distances(atoms: ase.Atoms, where: str) -> None:
    near = pairs(atoms, COINCIDENT) if _has_volume(atoms) else ()
    if near and len(near.distance):
        i, j = int(near.first[0]), int(near.second[0])
        raise BenchError(
            f"{where}: atoms {i} ({atoms.symbols[i]}) and {j} ({atoms.symbols[j]}) are at one "
            f"place, {near.distance[0]:.3f} Å apart.",
            "Remove one of them, or the structure.",
        )


def _has_volume(atoms: ase.Atoms) -> bool:
    """Whether the periodic axes span something; ``boundary_of`` refuses those that do not."""
    return bool(np.linalg.matrix_rank(atoms.cell.array[atoms.pbc], tol=1e-3) == atoms.pbc.sum())


def check_field(atoms: ase.Atoms, boundary: Boundary, where: str) -> None:
    """Refuse a field that is no vector of three or has a component along a periodic axis.

    Args:
        atoms: with ``electric_field`` in its info.
        boundary: of the structure.
        where: names it in the message.

    Raises:
        BenchError: with the field.
    """
    field = np.asarray(atoms.info[names.ELECTRIC_FIELD_KEY], dtype=float)
    if field.shape != (3,):
        raise BenchError(f"{where}: electric_field has shape {field.shape}, expected (3,) in V/Å.")
    periodic = field[atoms.pbc]
    if np.abs(periodic).max(initial=0.0) > 0.0:
        raise BenchError(
            f"{where}: electric_field={field.tolist()} V/Å along a periodic axis "
            f"(pbc={atoms.pbc.tolist()}, {boundary.name.lower()}).",
            "A homogeneous field is defined along open axes only: slabs along z.",
        )


def check_vacuum(atoms: ase.Atoms, boundary: Boundary, where: str) -> None:
    """Refuse a slab without vacuum, or cut in two by the cell's face: of another dipole.

    Args:
        atoms: the structure.
        boundary: of the structure.
        where: names it in the message.

    Raises:
        BenchError: the gap across the cell's face is narrower than 3 Å or than one inside.
    """
    if boundary is not Boundary.SLAB:
        return
    heights = np.sort(atoms.positions[:, 2])
    vacuum = atoms.cell[2, 2] - (heights[-1] - heights[0])
    widest = np.diff(heights).max(initial=0.0)
    if widest > max(vacuum, FILLED):
        raise BenchError(
            f"{where}: a gap of {widest:.1f} Å along z inside the slab, and {vacuum:.1f} Å between "
            "its top and its image's bottom.",
            "Shift the atoms so that the vacuum lies at the cell's face, or give the cell more.",
        )
    if vacuum < FILLED:
        raise BenchError(
            f"{where}: the cell is filled along z: {vacuum:.1f} Å between the top and its image's "
            "bottom, so this is no slab.",
            "A crystal or liquid is bulk: pbc 'T T T' (import: boundary=bulk). A slab needs "
            f"vacuum along z, more than {FILLED:g} Å of it.",
        )


def check_set(by_split: Mapping[str, Sequence[ase.Atoms]], where: str) -> None:
    """Refuse splits that cannot be trained on or tested, and forces that are all a filler.

    Args:
        by_split: checked structures of every split.
        where: file or folder, for the message.

    Raises:
        BenchError: no training or test structure, elements that no training structure has, zero
            forces everywhere.
    """
    for split in ("train", "test"):
        if not by_split[split]:
            raise BenchError(f"{where}: no structure has split={split}.")
    _check_elements(by_split, where)
    several = [a for split in SPLITS for a in by_split[split] if len(a) > 1]
    labelled = [a.arrays[FORCES.reference_key] for a in several if is_stated(a, FORCES)]
    if labelled and not any(map(np.any, labelled)):
        raise BenchError(
            f"{where}: every force of all {len(labelled)} structures is exactly zero: a filler?",
            "Give the forces of the calculation.",
        )


def check_identity(frames: Sequence[ase.Atoms], where: str) -> None:
    """Refuse a group (one geometry) in two splits, and a uid that comes twice.

    Args:
        frames: checked structures.
        where: file or folder, for the message.

    Raises:
        BenchError: with group and splits, or the uids.
    """
    split_of: dict[str, str] = {}
    for atoms in frames:
        group, split = str(atoms.info["group"]), str(atoms.info["split"])
        if split not in SPLITS:
            raise BenchError(f"{where}: {atoms.info['uid']}: {split=}.", nearest(split, SPLITS))
        if split_of.setdefault(group, split) != split:
            raise BenchError(
                f"{where}: {atoms.info['uid']} (split {split}) and a structure of split "
                f"{split_of[group]} are of one group, {group}.",
                "A group is one geometry; all its structures belong to one split.",
            )
    twice = [uid for uid, n in Counter(a.info["uid"] for a in frames).items() if n > 1]
    if twice:
        raise BenchError(f"{where}: uid comes twice: {', '.join(map(str, twice))}.")


def _check_elements(by_split: Mapping[str, Sequence[ase.Atoms]], where: str) -> None:
    """No model knows an element that it was not trained on; told before training, not after it."""
    known = {symbol for atoms in by_split["train"] for symbol in atoms.symbols}
    for atoms in (atoms for split in SPLITS for atoms in by_split[split]):
        strangers = sorted(set(atoms.symbols) - known)
        if strangers:
            raise BenchError(
                f"{where}: {atoms.info['uid']} (split={atoms.info['split']}) has "
                f"{', '.join(strangers)}, which no training structure has.",
                f"Elements in the training set: {', '.join(sorted(known))}.",
            )
