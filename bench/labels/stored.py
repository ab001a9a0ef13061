"""Values of quantities in structures: what is there, and which components mean something."""

from __future__ import annotations

from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from bench.labels.keys import DIPOLE_MASK_KEY
from bench.labels.quantities import Defined, Quantity


def stored(atoms: ase.Atoms, quantity: Quantity, key: str) -> NDArray[np.float64] | None:
    """[n, c] or [c] values of a quantity under ``key``; None where they are missing.

    A row per atom, whatever the file made of it: extxyz gives one column back without rows.
    """
    value: Any = (atoms.arrays if quantity.per_atom else atoms.info).get(key)
    if value is None:
        return None
    shape = (len(atoms), -1) if quantity.per_atom else (-1,)
    return np.asarray(value, dtype=float).reshape(shape)


def labelled_values(atoms: ase.Atoms, quantity: Quantity) -> NDArray[np.float64]:
    """[n, c] or [c] reference values of all components, zero where the structure has none."""
    there = stored(atoms, quantity, quantity.reference_key)
    shape = (len(atoms), quantity.components) if quantity.per_atom else (quantity.components,)
    values = np.zeros(shape)
    if there is not None:
        values[..., : there.shape[-1]] = there
    return values


def is_stated(atoms: ase.Atoms, quantity: Quantity) -> bool:
    """Whether a structure has any reference value of it."""
    return quantity.reference_key in (atoms.arrays if quantity.per_atom else atoms.info)


def defined(atoms: ase.Atoms, quantity: Quantity) -> NDArray[np.bool_]:
    """[c] components that mean something in this structure, labelled or not."""
    if quantity.defined is Defined.everywhere:
        return np.ones(quantity.components, dtype=bool)
    if quantity.defined is Defined.bulk:
        return np.full(quantity.components, bool(atoms.pbc.all()))
    axes = np.asarray(atoms.info.get(DIPOLE_MASK_KEY, np.zeros(3)), dtype=bool)
    return axes if quantity.defined is Defined.open_axes else np.outer(axes, axes).ravel()


def can_have(atoms: ase.Atoms, quantity: Quantity) -> bool:
    """Whether anything of it means something in this structure; without a mask, a crystal's dipole
    does not."""
    masked = quantity.defined in (Defined.open_axes, Defined.open_pairs)
    if masked and DIPOLE_MASK_KEY not in atoms.info:
        return not atoms.pbc.all()
    return bool(defined(atoms, quantity).any())


def known(atoms: ase.Atoms, quantity: Quantity) -> NDArray[np.bool_]:
    """[c] components that mean something and have a reference value.

    Fewer columns than components are the first ones: charges without atomic dipoles.
    """
    values = stored(atoms, quantity, quantity.reference_key)
    columns = 0 if values is None else values.shape[-1]
    return np.asarray(defined(atoms, quantity) & (np.arange(quantity.components) < columns))
