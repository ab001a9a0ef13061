"""What a file holds and an import does not use: state above all, which may decide the labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from bench.audit.remarks import listed
from bench.audit.sum_rules import deviations
from bench.errors import BenchError
from bench.labels.keys import (
    CARTESIAN_FROM_SPHERICAL,
    FOR_METRICS,
    MULTIPLICITY_KEY,
    SPHERICAL_FROM_CARTESIAN,
    TOTAL_CHARGE_KEY,
)
from bench.labels.quantities import MULTIPOLES, labels
from bench.reference.import_options import Stated
from bench.reference.import_values import OF_OPEN_AXES, ase_name, find, found_keys
from bench.reference.import_words import ORDERS

# Names that other programs give to what decides a calculation, and how many numbers it has.
_STATE = {
    "field": (re.compile(r"field|(^|_)e?ext", re.IGNORECASE), (1, 3)),
    TOTAL_CHARGE_KEY: (re.compile(r"charge|^q$", re.IGNORECASE), (1,)),
    MULTIPLICITY_KEY: (re.compile(r"spin|multiplicity|mag_?mom|magnetic", re.IGNORECASE), (1,)),
}
_BULK = (
    "boundary=bulk, and a homogeneous field along a periodic axis is not supported: energy and "
    "dipole would depend on where the cell is cut."
)
_ISOLATED = ("config_type", "IsolatedAtom")  # mace's mark of reference energies of elements
_PER_ATOM = ("momenta", "tags", "masses", "initial_charges", "initial_magmoms")  # ase's own


def without_isolated_atoms(frames: Sequence[Atoms]) -> tuple[dict[int, Atoms], list[str]]:
    """The structures to learn from by their index in the file, and a line on those left out.

    Atoms that a file marks as mace's reference energies of the elements are no training data: per
    atom their energies are electronvolts from all others', and the baseline is fitted without them.

    Args:
        frames: as the file has them.
    """
    key, mark = _ISOLATED
    kept = {
        index: atoms
        for index, atoms in enumerate(frames)
        if len(atoms) > 1 or atoms.info.get(key) != mark
    }
    left_out = [f"structure {index}" for index in range(len(frames)) if index not in kept]
    if not left_out:
        return kept, []
    return kept, [
        f"note: {key}={mark} left out: {listed(left_out)}; the energies of elements are fitted to "
        "the training set"
    ]


def unused(frames: Sequence[Atoms], stated: Stated) -> list[str]:
    """Lines on keys that nothing was taken from: possible state with its option, then the rest.

    Args:
        frames: as the file has them.
        stated: what the user says of it.
    """
    counts = Counter(key for atoms in frames for key in found_keys(atoms))
    used = {ase_name(key) for key in stated.keys.values()} | {*stated.keys.values(), *_PER_ATOM}
    used |= {*FOR_METRICS}
    lines, rest = [], []
    for key in sorted(set(counts) - used):
        values = [value for atoms in frames if (value := find(atoms, key)) is not None]
        kind = next((n for n in _STATE if values and _may_be(n, key, values[0])), "")
        if kind:
            lines.append(
                f"warning: {key} ({_told(values)}) of {counts[key]} of {len(frames)} structures "
                f"is not used; if it is the {kind}: map.{kind}={key}"
            )
        else:
            rest.append(key)
    return [*lines, *([f"note: not used: {', '.join(rest)} (map.NAME=KEY would)"] if rest else [])]


def not_kept(frames: Sequence[Atoms], stated: Stated) -> list[str]:
    """Lines on labels of which an import takes nothing or a part, and how it reads multipoles.

    Args:
        frames: as the file has them.
        stated: what the user says of it.
    """
    lines = []
    for label in labels().values():
        key = stated.keys[label.name]
        count = sum(find(atoms, key) is not None for atoms in frames)
        if count and stated.boundary == "bulk" and label.reference_key in OF_OPEN_AXES:
            lines.append(
                f"warning: {label.name} ({key}) of {count} structures is not kept: "
                "boundary=bulk, and a periodic crystal defines none"
            )
    key = stated.keys[MULTIPOLES.name]
    found = ((find(atoms, key, per_atom=True), len(atoms)) for atoms in frames)
    columns = {np.size(value) // count for value, count in found if value is not None}
    if any(count > 4 for count in columns):
        lines.append(
            f"note: {key} has up to {max(columns)} numbers per atom; charge and dipole are kept"
        )
    if any(count >= 4 for count in columns):
        orders = ["(q, d_y, d_z, d_x)", "(q, d_x, d_y, d_z)"]
        options = [f"multipoles_order={name}" for name in ORDERS]
        lines.append(
            f"note: {key} is read as {orders[stated.cartesian]}; {orders[not stated.cartesian]} "
            f"is {options[not stated.cartesian]}"
        )
    return lines


def other_order(frames: Sequence[Atoms], stated: Stated) -> list[str]:
    """A warning where the other order of atomic dipoles fits the whole dipole much better.

    Args:
        frames: with our keys.
        stated: what the user says of the file.
    """
    turn = CARTESIAN_FROM_SPHERICAL if stated.cartesian else SPHERICAL_FROM_CARTESIAN
    off = {"given": 0.0, "other": 0.0}
    for atoms in frames:
        found = deviations(atoms)
        if "dipole" in found:
            rows = atoms.arrays[MULTIPOLES.reference_key]
            turned = atoms.copy()
            turned.arrays[MULTIPOLES.reference_key] = rows[:, [0, *(1 + np.array(turn))]]
            off["given"] += found["dipole"]
            off["other"] += deviations(turned)["dipole"]
    if off["other"] >= 0.1 * off["given"]:
        return []
    order = ORDERS[not stated.cartesian]
    return [
        f"warning: the dipoles of structures follow from their atoms with the other order: "
        f"import with multipoles_order={order}"
    ]


def refuse_bulk_in_field(frames: Mapping[int, Atoms], stated: Stated, path: Path) -> None:
    """Say before anything else that no model here treats a crystal or a liquid in a field.

    Along a periodic axis the field's potential is not periodic: energy and dipole are defined up
    to a lattice vector times the charge that crosses the cell (R. Resta, Rev. Mod. Phys. 66, 899).

    Raises:
        BenchError: ``boundary=bulk`` and a structure whose field is not zero, under the mapped key
            or, unless ``field=0`` states that there is none, one whose name tells it.
    """
    if stated.boundary != "bulk":
        return
    mend = "Leave out the structures in a field; those of slabs and molecules can be used."
    if stated.values.get("field"):
        raise BenchError(f"field={stated.values['field']:g} V/Å: {_BULK}", mend)
    for index, atoms in frames.items():
        for key in found_keys(atoms):
            value = find(atoms, key)
            named = key == stated.keys["field"]
            told = "field" not in stated.values and _may_be("field", key, value)
            if (named or told) and np.asarray(value).dtype.kind in "if" and np.any(value):
                shown = np.ravel(value).tolist()
                raise BenchError(f"{path}, structure {index}: {key}={shown}: {_BULK}", mend)


def _may_be(kind: str, key: str, value: object) -> bool:
    """Whether a key's name and size are those of a state."""
    pattern, sizes = _STATE[kind]
    return bool(pattern.search(key)) and np.size(np.asarray(value)) in sizes


def _told(values: Sequence[object]) -> str:
    """The range of numbers, or the words."""
    arrays = [np.asarray(value) for value in values]
    if all(array.dtype.kind in "iuf" for array in arrays):
        flat = np.concatenate([array.ravel() for array in arrays])
        least, most = f"{flat.min():g}", f"{flat.max():g}"
        return least if least == most else f"{least} to {most}"
    return listed(sorted({str(value) for value in values}))
