"""How other codes call what they are told and what they predict, and how that becomes ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ase
import numpy as np

from bench.config.options import filled
from bench.errors import BenchError, nearest
from bench.labels.keys import (
    ELECTRIC_FIELD_KEY,
    MULTIPLICITY_KEY,
    RELAXED_ENERGY_KEY,
    SMEARING_WIDTH_KEY,
)
from bench.labels.quantities import (
    DIPOLE,
    ENERGY,
    MULTIPOLES,
    QUANTITIES,
    TOTAL_CHARGE,
    labels,
)
from bench.labels.state import FOREIGN_KEYS
from bench.labels.stored import can_have, stored
from bench.reference.import_options import Import, Stated, read_options
from bench.reference.import_values import converted, shift_to_centre

STATE: dict[str, tuple[str, ...]] = {
    TOTAL_CHARGE.name: (TOTAL_CHARGE.reference_key, FOREIGN_KEYS[TOTAL_CHARGE.reference_key][0]),
    "field": (ELECTRIC_FIELD_KEY, FOREIGN_KEYS[ELECTRIC_FIELD_KEY][0]),
    MULTIPLICITY_KEY: (MULTIPLICITY_KEY, "spin"),
}
# ase's names of results where they are not those of the quantity.
RESULTS: dict[str, tuple[str, ...]] = {name: (name,) for name in labels()} | {
    MULTIPOLES.name: (MULTIPOLES.name, "charges")
}
NAMES = (*STATE, *RESULTS)


@dataclass(frozen=True)
class Speech:
    """Keys, units, signs and origins of the other side.

    Attributes:
        keys: names that the other side may have for ours, the first that is there counts.
        stated: units, signs, orders and origin, as of a file to import.
        smearing_width: of the Gaussians that its multipoles stand for, in Å; 0 where unknown.
    """

    keys: dict[str, tuple[str, ...]]
    stated: Stated
    smearing_width: float = 0.0


def speech(
    keys: Mapping[str, str],
    *,
    unit: Mapping[str, str],
    sign: Mapping[str, float],
    smearing_width: float = 0.0,
    **words: str,
) -> Speech:
    """What a person says of the other side.

    Args:
        keys: the other side's key by our name, one of ``NAMES``.
        unit: as of ``bench data import``.
        sign: likewise.
        smearing_width: in Å.
        words: ``multipoles_order`` and ``dipole_origin``, likewise.

    Raises:
        BenchError: a name, unit, sign or word that does not exist.
    """
    for name, key in keys.items():
        if name not in NAMES:
            raise BenchError(f"key.{name}={key}: no such quantity.", nearest(name, NAMES))
    known = {**STATE, **RESULTS, **{name: (key,) for name, key in keys.items()}}
    given = {
        "file": "",
        "name": "other",
        "boundary": "slab",  # asked for by an import; here every structure says its own
        "map": {name: names[0] for name, names in known.items()},
        "unit": unit,
        "sign": sign,
        **words,
    }
    options = filled(Import, given, where="bench evaluate: ", see="See bench evaluate --help")
    return Speech(known, read_options(options), smearing_width)


def store(frame: ase.Atoms, values: Mapping[str, Any], speech: Speech, where: str) -> None:
    """Put what was predicted under our keys, in our units, signs, orders and about our origin.

    What has no meaning in the structure, such as a crystal's dipole, is left out; charges also give
    the total charge.

    Args:
        frame: with state and labels.
        values: by the name of a quantity, as the other side gives them.
        speech: of the other side.
        where: names the structure in messages.

    Raises:
        BenchError: no numbers, or not as many as there should be; an origin that matters and is
            not stated.
    """
    for name, value in values.items():
        quantity = QUANTITIES[name]
        if can_have(frame, quantity):
            held = frame.arrays if quantity.per_atom else frame.info
            held[quantity.predicted_key] = converted(name, value, frame, speech.stated, where)
    has_dipole = DIPOLE.predicted_key in frame.info
    shift = shift_to_centre(frame, speech.stated, where, has_dipole=has_dipole)
    charge = float(frame.info[TOTAL_CHARGE.reference_key])
    if has_dipole:
        frame.info[DIPOLE.predicted_key] = frame.info[DIPOLE.predicted_key] - charge * shift
    field = np.asarray(frame.info[ELECTRIC_FIELD_KEY], dtype=float) * ~frame.pbc
    for key in {ENERGY.predicted_key, RELAXED_ENERGY_KEY} & frame.info.keys():
        frame.info[key] += float(charge * field @ shift)
    charges = stored(frame, MULTIPOLES, MULTIPOLES.predicted_key)
    if charges is not None:
        frame.info[TOTAL_CHARGE.predicted_key] = float(charges[:, 0].sum())
        if speech.smearing_width:
            frame.info[SMEARING_WIDTH_KEY] = speech.smearing_width
