"""Total charge and electric field as a person states them: read strictly, or refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.labels.keys import ELECTRIC_FIELD_KEY, TOTAL_CHARGE_KEY

CHEMICAL_POTENTIAL = "chemical_potential"
CHARGE_KEY = "charge"  # of words that choose structures by their total charge
SAME_FIELD = 1e-6  # V/Å: fields that differ by less are one

# What other codes call the same: mace-torch, fairchem, AIMNet2, ORB, DFT drivers.
FOREIGN_KEYS = {
    TOTAL_CHARGE_KEY: ("charge", "Charge", "net_charge", "Qtot", "total_Q"),
    ELECTRIC_FIELD_KEY: ("external_field", "efield", "E_field", "field", "electric_field_strength"),
}
_MENDS = {
    CHEMICAL_POTENTIAL: "Give it in eV, as a prediction's chemical_potential has it.",
    TOTAL_CHARGE_KEY: "Give it in e, positive where electrons are missing: total_charge=1.",
    ELECTRIC_FIELD_KEY: "Give three numbers in V/Å: electric_field=(0, 0, 0.1).",
}


def read_state(key: str, value: Any, where: str) -> float | NDArray[np.float64]:
    """A total charge (e), an electric field ([3], V/Å) or a chemical potential (eV), as a copy.

    Args:
        key: which of them.
        value: as found in ``atoms.info`` or given to a calculator.
        where: names the structure in the message.

    Raises:
        BenchError: no finite numbers, or too many or too few.
    """
    size = 3 if key == ELECTRIC_FIELD_KEY else 1
    try:
        array = np.array(value)
    except ValueError:  # rows of different lengths
        array = np.array(None)
    if array.dtype.kind not in "iuf" or array.size != size:
        wanted = "one number" if size == 1 else f"{size} numbers"
        raise BenchError(f"{where}: {key}={value!r}, expected {wanted}.", _MENDS[key])
    if not np.isfinite(array).all():
        raise BenchError(f"{where}: {key}={array.tolist()} is not finite.", _MENDS[key])
    return np.asarray(array, dtype=np.float64).reshape(3) if size == 3 else float(array.item())


def charge_name(*charges: float) -> str:
    """``charge=+1`` or ``charge=0,+1,+2``."""
    return f"{CHARGE_KEY}=" + ",".join(f"{charge:+g}" if charge else "0" for charge in charges)


def unread(info: Mapping[str, Any], key: str, value: Any) -> str:
    """A sentence on a value under another code's key, a blank before it; empty if there is none.

    One that says the same as what counts does no harm and is not mentioned.

    Args:
        info: of a structure.
        key: ours.
        value: what counts, from our key or a default; None where nothing is stated.
    """
    for foreign in FOREIGN_KEYS[key]:
        found = info.get(foreign)
        if found is not None and not np.array_equal(found, value):
            return f' atoms.info["{foreign}"] = {found!r} is not read: the key here is "{key}".'
    return ""
