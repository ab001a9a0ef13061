"""One structure of a user's file with our keys, units, signs, orders and shapes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from ase import Atoms
from ase.io.extxyz import REV_PROPERTY_NAME_MAP
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from bench.data.box import centre_of
from bench.data.checks import check_structure, numbers, shaped
from bench.errors import BenchError
from bench.labels.keys import (
    DIPOLE_MASK_KEY,
    ELECTRIC_FIELD_KEY,
    ELECTRON_PROFILE_KEY,
    FOR_METRICS,
    IDENTITY_KEYS,
    MULTIPLICITY_KEY,
    SPHERICAL_FROM_CARTESIAN,
    TOTAL_CHARGE_KEY,
    VACANCY_SITE_KEY,
)
from bench.labels.quantities import DIPOLE, ENERGY, MULTIPOLES, POLARIZABILITY, STRESS, labels
from bench.reference.import_options import BOUNDARIES, NEEDED, OPTIONAL, Stated

Array = NDArray[np.float64]

OF_OPEN_AXES = (DIPOLE.reference_key, POLARIZABILITY.reference_key)
_NEUTRAL = 1e-6  # e
_MASKS = {"slab": (0, 0, 1), "open": (1, 1, 1)}
_VOIGT_FROM_VASP = [0, 1, 2, 4, 5, 3]  # VASP lists xy yz zx, Voigt yz xz xy


def convert(atoms: Atoms, stated: Stated, where: str) -> Atoms:
    """One structure of the file with our keys, units and signs, checked.

    Of multipoles beyond l = 1 the charge and the dipole are kept; of a bulk structure no dipole
    and no polarizability, which are not defined there.

    Args:
        atoms: as the file has it.
        stated: what the user says of the file.
        where: file and index, for messages.

    Raises:
        BenchError: energy, forces, total charge or field are missing (all that are missing), a
            shape or a value is wrong, or the structure cannot be treated.
    """
    scale = stated.factors["length"]
    pbc = BOUNDARIES[stated.boundary]
    cell, positions = scale * atoms.cell.array, scale * atoms.positions
    frame = Atoms(atoms.numbers, positions, cell=cell, pbc=pbc)
    _refuse_missing(atoms, stated, where)
    for name, label in labels().items():
        value = find(atoms, stated.keys[name], per_atom=label.per_atom)
        if value is not None:
            store = frame.arrays if label.per_atom else frame.info
            store[label.reference_key] = converted(name, value, frame, stated, where)
    _mask_dipole(frame, stated.boundary)
    _add_state(frame, atoms, stated, where)
    _count_from_centre(frame, stated, where)
    _add_for_metrics(frame, atoms, scale, where)
    check_structure(frame, where)
    return frame


def find(atoms: Atoms, key: str, *, per_atom: bool = False) -> Any:
    """A value under ``key``: per structure, per atom, or where ase hides it.

    ase moves energy, forces and other properties to a calculator, and calls the column "charge"
    charges.

    Args:
        atoms: a structure of the file.
        key: the file's.
        per_atom: whether columns go before what the comment line says.

    Returns:
        None where it is missing, or the word None.
    """
    results = atoms.calc.results if atoms.calc else {}
    stores = (
        (atoms.arrays, results, atoms.info) if per_atom else (atoms.info, results, atoms.arrays)
    )
    for store in stores:
        for name in (key, ase_name(key)):
            if name in store:
                value = store[name]
                return None if isinstance(value, str) and value.lower() == "none" else value
    return None


def ase_name(key: str) -> str:
    """What ase calls a column: charges for "charge"."""
    return str(REV_PROPERTY_NAME_MAP.get(key, key))


def found_keys(atoms: Atoms) -> list[str]:
    """Every key of a structure beside its positions, sorted."""
    results = atoms.calc.results if atoms.calc else {}
    return sorted({*atoms.info, *atoms.arrays, *results} - {"numbers", "positions"})


def _refuse_missing(atoms: Atoms, stated: Stated, where: str) -> None:
    """All that is missing at once, with the keys that are there; what is said to be and is not."""
    for name in stated.without:
        if find(atoms, stated.keys[name], per_atom=True) is not None:
            raise BenchError(
                f"{where}: without={name}, but it has {name} under {stated.keys[name]!r}.",
                f"Leave out without={name}, or map.{name} to no key of the file.",
            )
    needed = (*(name for name in NEEDED if name not in stated.without), TOTAL_CHARGE_KEY, "field")
    missing = [
        name
        for name in needed
        if find(atoms, stated.keys[name]) is None and name not in stated.values
    ]
    if stated.boundary == "bulk" and "field" in missing and "field" not in stated.named:
        missing.remove("field")  # a crystal has no open axis for one
    if missing:
        told = ", ".join(f"no {name} under {stated.keys[name]!r}" for name in missing)
        mends = [
            f"map.{name}=KEY" + f" or, if there are none, without={name}" * (name in OPTIONAL)
            for name in missing
            if name in NEEDED
        ]
        mends += [
            f"map.{name}=KEY or, for all structures, {name}=0" for name in missing[len(mends) :]
        ]
        raise BenchError(
            f"{where}: {told} (found: {', '.join(found_keys(atoms))}).", f"{'; '.join(mends)}."
        )


def converted(name: str, value: Any, frame: Atoms, stated: Stated, where: str) -> Any:
    """A quantity of a file in our unit, sign, order and shape.

    Args:
        name: of a label.
        value: as the file has it.
        frame: the structure in our units.
        stated: what the user says of the file.
        where: file and index, for messages.

    Raises:
        BenchError: no numbers, or not as many as there should be.
    """
    what = f"{where}: {stated.keys[name]}"
    array, factor = numbers(value, what), stated.factors[name]
    if name == MULTIPOLES.name:
        return _multipoles(array, len(frame), stated, what)
    if name == STRESS.name:
        if array.size == 6:
            voigt = array.ravel()[_VOIGT_FROM_VASP] if stated.vasp else array.ravel()
            array = voigt_6_to_full_3x3_stress(voigt)
        factor = factor / frame.get_volume() if stated.virial else factor
    return shaped(array * factor, labels()[name], len(frame), what)


def _multipoles(value: Array, count: int, stated: Stated, what: str) -> Array:
    """[n, 1] charges alone, or [n, 4] in our order, from [n] and [n, 4 or more]."""
    columns = value.reshape(count, -1) if value.size % count == 0 else np.zeros((count, 0))
    if columns.shape[1] in (0, 2, 3):
        raise BenchError(
            f"{what} has shape {value.shape}: expected ({count},), charges alone, or ({count}, 4), "
            f"a charge and a dipole per atom; ({count}, 9) and longer are cut after the dipole."
        )
    charges = columns[:, :1] * np.sign(stated.factors["multipoles"])
    dipoles = columns[:, 1:4] * stated.factors["multipoles"]
    if columns.shape[1] > 1 and stated.cartesian:
        dipoles = dipoles[:, SPHERICAL_FROM_CARTESIAN]
    return np.hstack([charges, dipoles])


def _mask_dipole(frame: Atoms, boundary: str) -> None:
    """Say which components of the dipole mean something; of a bulk crystal none does."""
    found = [key for key in OF_OPEN_AXES if key in frame.info]
    if found and boundary in _MASKS:
        frame.info[DIPOLE_MASK_KEY] = np.array(_MASKS[boundary])
    elif found:
        for key in found:
            del frame.info[key]


def _add_state(frame: Atoms, atoms: Atoms, stated: Stated, where: str) -> None:
    charge = find(atoms, stated.keys[TOTAL_CHARGE_KEY])
    if charge is None:
        frame.info[TOTAL_CHARGE_KEY] = stated.values[TOTAL_CHARGE_KEY]
    else:
        value = read_charge(charge, f"{where}: {stated.keys[TOTAL_CHARGE_KEY]}")
        frame.info[TOTAL_CHARGE_KEY] = value * stated.factors[TOTAL_CHARGE_KEY]
    frame.info[ELECTRIC_FIELD_KEY] = read_field(atoms, stated, where)
    spin = find(atoms, stated.keys[MULTIPLICITY_KEY])
    if spin is not None:
        frame.info[MULTIPLICITY_KEY] = _multiplicity(spin, stated, where)
    for name in IDENTITY_KEYS:
        value = find(atoms, stated.keys[name])
        if value is not None:
            frame.info[name] = str(value)


def _count_from_centre(frame: Atoms, stated: Stated, where: str) -> None:
    """Dipole, and energy in a field, of a charged structure about its box's centre."""
    has_dipole = DIPOLE.reference_key in frame.info
    shift = shift_to_centre(frame, stated, where, has_dipole=has_dipole)
    if not shift.any():
        return
    charge, field = frame.info[TOTAL_CHARGE_KEY], frame.info[ELECTRIC_FIELD_KEY] * ~frame.pbc
    frame.info[ENERGY.reference_key] += float(charge * field @ shift)
    if has_dipole:
        frame.info[DIPOLE.reference_key] -= charge * shift


def shift_to_centre(frame: Atoms, stated: Stated, where: str, *, has_dipole: bool) -> Array:
    """[3] c − o in Å, from where dipoles are counted to the box's centre; zero where none matters.

    About another origin o they are M = M_o − Q (c − o) and E = E_o + Q F·(c − o) in the field F.

    Args:
        frame: with total charge and field.
        stated: what the user says of its origin.
        where: file and index, for messages.
        has_dipole: whether there is one.

    Raises:
        BenchError: it matters, and nothing is stated.
    """
    charge = frame.info[TOTAL_CHARGE_KEY]
    field = frame.info[ELECTRIC_FIELD_KEY] * ~frame.pbc
    matters = has_dipole or np.any(field)
    if abs(charge) < _NEUTRAL or not matters or stated.origin == "centre":
        return np.zeros(3)
    if stated.origin == "unknown":
        raise BenchError(
            f"{where}: its total charge is {charge:+g} e, so that its dipole, and its energy in a "
            "field, depend on the point that they are counted from.",
            "dipole_origin=centre (of the cell), zero (of the coordinates) or mass (its centre).",
        )
    origin = frame.get_center_of_mass() if stated.origin == "mass" else np.zeros(3)
    return np.asarray(centre_of(frame) - origin)


def _add_for_metrics(frame: Atoms, atoms: Atoms, length: float, where: str) -> None:
    """What metrics alone read, under our own names; ``length`` is the file's unit in Å."""
    factors = {VACANCY_SITE_KEY: length, ELECTRON_PROFILE_KEY: 1 / length}
    for key in FOR_METRICS:
        value = find(atoms, key)
        if value is not None:
            frame.info[key] = factors.get(key, 1.0) * numbers(value, f"{where}: {key}")


def read_charge(value: Any, what: str) -> float:
    """A total charge in e, also as chemists write it: ``1+``, ``2-``, ``neutral``.

    Raises:
        BenchError: charges of atoms, or words.
    """
    if isinstance(value, str):
        text = value.strip().lower()
        turned = re.fullmatch(r"(\d*)([+-])", text)  # 2+ is +2
        value = f"{turned[2]}{turned[1] or 1}" if turned else "0" if text == "neutral" else value
    array = numbers(value, what, "A total charge in e: map.total_charge=KEY or total_charge=0.")
    if array.size != 1:
        raise BenchError(
            f"{what} has {array.size} numbers, and a structure has one total charge.",
            "Charges of atoms are map.multipoles=KEY; state the total: total_charge=0.",
        )
    return float(array.item())


def read_field(atoms: Atoms, stated: Stated, where: str) -> Array:
    """[3] the felt field in V/Å; one number is along z.

    Raises:
        BenchError: words, or neither one nor three numbers.
    """
    value = find(atoms, stated.keys["field"])
    if value is None:
        return np.array([0.0, 0.0, stated.values.get("field", 0.0)])
    what = f"{where}: {stated.keys['field']}"
    array = numbers(value, what, "A field in V/Å, three numbers: map.field=KEY or field=0.")
    if array.size not in (1, 3):
        raise BenchError(
            f"{what} has {array.size} numbers: {array.ravel().tolist()}.",
            "A field has three, or one along z.",
        )
    vector = array.ravel() * stated.factors["field"]
    return vector if array.size == 3 else np.array([0.0, 0.0, vector[0]])


def _multiplicity(value: Any, stated: Stated, where: str) -> int:
    what = f"{where}: {stated.keys[MULTIPLICITY_KEY]}"
    array = numbers(value, what, "2S+1, such as 1 for a closed shell.")
    if array.size != 1 or array.item() < 1 or array.item() % 1:
        raise BenchError(f"{what}={value} is no 2S+1.", "Such as 1 for a closed shell, 3 for S=1.")
    return int(array.item())
