"""What a person states of a file to import: keys, units, signs, boundary, splits."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from omegaconf import MISSING

from bench.config.key import key
from bench.errors import BenchError, nearest
from bench.labels.keys import IDENTITY_KEYS, MULTIPLICITY_KEY, TOTAL_CHARGE_KEY
from bench.labels.quantities import labels
from bench.reference.import_units import FILE_UNITS, file_units
from bench.reference.import_words import ORDERS, ORIGINS

UNITS: dict[str, dict[str, float]] = {
    **{name: file_units(label) for name, label in labels().items()},
    "field": FILE_UNITS["V/Å"],
    "length": FILE_UNITS["Å"],  # of positions and cell
}
VIRIAL, VASP = "eV", "kbar_vasp"
BOUNDARIES = {"bulk": (True, True, True), "slab": (True, True, False), "open": (False,) * 3}
STATE = (TOTAL_CHARGE_KEY, "field", MULTIPLICITY_KEY)
MAPPED = (*labels(), *STATE, *IDENTITY_KEYS)
NEEDED = ("energy", "forces")  # unless the user says that a file has none
OPTIONAL = ("forces",)
SIGNED = (*labels(), "field", TOTAL_CHARGE_KEY)
# Hydra reads these words as no name on the command line of `bench run system=`.
_NO_NAMES = ("null", "none", "true", "false", "nan", "inf")


@dataclass
class Import:
    """Make a system that `bench run system=NAME` accepts from an extxyz file of your own.

    bench data import FILE name=mine boundary=slab map.energy=DFT_energy total_charge=0 field=0
    bench data import FILE name=mine boundary=open map.multipoles=charges map.trajectory=run

    Nothing is guessed: keys, units and signs that differ from ours are stated, for any label.
    """

    file: str = key(MISSING, "extended XYZ, plain or .gz", positional=True)
    name: str = key(MISSING, "of the system: letters, digits, _ and -")
    boundary: str = key(MISSING, "what all structures are", choices=tuple(BOUNDARIES))
    description: str = key("", "one line for bench list")
    total_charge: str = key("", "of every structure that has none in the file", "e")
    field: str = key("", "likewise, along z: that the system feels", "V/Å")
    map: dict[str, str] = key({}, f"the file's key of {', '.join(MAPPED)}")
    unit: dict[str, str] = key({}, "; ".join(f"{k}: {', '.join(v)}" for k, v in UNITS.items()))
    sign: dict[str, float] = key({}, f"-1 turns one of {', '.join(SIGNED)}")
    without: list[str] = key([], "what no structure has", choices=OPTIONAL, optional=True)
    multipoles_order: str = key(
        "spherical", "spherical: (q, d_y, d_z, d_x); cartesian: (q, d_x, d_y, d_z)", choices=ORDERS
    )
    dipole_origin: str = key(
        "unknown",
        "of charged structures: the cell's centre, the coordinates' zero or the centre of mass",
        choices=ORIGINS,
    )
    valid_fraction: float = key(
        0.1, "of the structures, where the file has no splits", least=0, most=1
    )
    test_fraction: float = key(0.2, "likewise", least=0, most=1)
    seed: int = key(0, "of the splits by chance", least=0)
    overwrite: bool = key(False, "replace an earlier import of this name")


@dataclass(frozen=True)
class Stated:
    """How a file's keys, units and signs become ours.

    Attributes:
        keys: the file's key by our name; ours where the user named none.
        named: our names whose key the user gave.
        factors: file's value times this is ours, by name.
        origin: what dipoles of charged structures are about, one of ``ORIGINS``.
        signs: those that the user gave, by name.
        boundary: bulk, slab or open.
        cartesian: whether the file's multipoles are (q, d_x, d_y, d_z) instead of ours.
        virial: whether the stress is in eV and to be divided by the volume.
        vasp: whether six numbers of a stress are in VASP's order.
        without: labels that the file is said not to have.
        values: values that the user gave for all structures: total_charge (e), field (V/Å along z).
    """

    keys: dict[str, str]
    named: frozenset[str]
    factors: dict[str, float]
    boundary: str
    cartesian: bool = False
    virial: bool = False
    vasp: bool = False
    origin: str = "unknown"
    signs: dict[str, float] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    values: dict[str, float] = field(default_factory=dict)


def read_options(options: Import) -> Stated:
    """Check the name and the stated keys, units and signs.

    A stress whose key is called virial is taken for one, in eV, unless its unit is stated.

    Raises:
        BenchError: no name; an unknown label, unit or sign; a charge or field that is no number.
    """
    _check_name(options.name)
    _one_of(options.map, MAPPED, "map")
    _one_of(options.unit, UNITS, "unit")
    _one_of(options.sign, SIGNED, "sign")
    chosen = dict(options.unit)
    if "virial" in options.map.get("stress", "").lower():
        chosen.setdefault("stress", VIRIAL)
    factors = {name: options.sign.get(name, 1.0) for name in (*UNITS, *SIGNED)}
    for name, unit in chosen.items():
        if unit not in UNITS[name]:
            raise BenchError(f"unit.{name}={unit!r} is not known.", nearest(unit, UNITS[name]))
        factors[name] *= UNITS[name][unit]
    for name, sign in options.sign.items():
        if abs(sign) != 1.0:
            raise BenchError(f"sign.{name}={sign:g} is no sign.", "Allowed: 1, -1.")
    given = {TOTAL_CHARGE_KEY: options.total_charge, "field": options.field}
    return Stated(
        keys={name: _our_key(name) for name in MAPPED} | options.map,
        named=frozenset(options.map),
        factors=factors,
        boundary=options.boundary,
        cartesian=options.multipoles_order == "cartesian",
        virial=chosen.get("stress") == VIRIAL,
        vasp=chosen.get("stress") == VASP,
        origin=options.dipole_origin,
        signs=dict(options.sign),
        without=frozenset(options.without),
        values={name: _number(text, name) for name, text in given.items() if text != ""},
    )


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name) or name.lower() in _NO_NAMES:
        raise BenchError(
            f"name={name!r} is no name.", "Allowed: letters, digits, _ and -, a letter first."
        )


def _one_of(given: Mapping[str, object], allowed: Collection[str], kind: str) -> None:
    for name, value in given.items():
        if name not in allowed:
            raise BenchError(f"{kind}.{name}={value}: no such label.", nearest(name, allowed))


def _our_key(name: str) -> str:
    if name in labels():
        return labels()[name].reference_key
    return "electric_field" if name == "field" else name


def _number(text: str, option: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BenchError(
            f"{option}={text!r} is no number.", f"{option}=0, for all structures of the file."
        )
    return number
