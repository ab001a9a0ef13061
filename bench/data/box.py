"""The box of a structure, and its centre: where the dipole of a charged one is counted from."""

from __future__ import annotations

import ase
import numpy as np
from numpy.typing import NDArray


def box_of(atoms: ase.Atoms) -> NDArray[np.float64]:
    """[3, 3] lattice vectors in Å; of a molecule without a box the unit matrix."""
    boxed = atoms.pbc.any() or atoms.cell.rank == 3
    return np.asarray(atoms.cell.array if boxed else np.eye(3), dtype=float)


def centre_of(atoms: ase.Atoms) -> NDArray[np.float64]:
    """[3] in Å, half the sum of the box's vectors.

    The potential of a field vanishes there, and dipoles of charged structures are Σ q (r − centre).
    """
    return np.asarray(box_of(atoms).sum(0) / 2)
