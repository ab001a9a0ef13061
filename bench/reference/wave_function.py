"""A closed shell's orbitals as the start of an open shell.

CP2K itself starts an unrestricted calculation from a restricted one for singlets only.  Its file
of orbitals (Fortran records) has a head that counts spins, three records on the basis, and for each
spin the numbers (orbitals, highest occupied, lowest with fractional occupation, electrons),
energies with occupations, and one record for every orbital.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import FortranFile

_OF_THE_BASIS = 3  # records between the head and the first spin


def open_shell(source: Path, target: Path, *, electrons: tuple[int, int]) -> None:
    """Write the orbitals of a closed shell twice, filled from below.

    Args:
        source: CP2K's file of a closed shell.
        target: file of an open one, of any charge.
        electrons: of spin up and down; no more than ``source`` has orbitals.
    """
    with FortranFile(source) as old, FortranFile(target, "w") as new:
        head = old.read_ints(np.int32)  # atoms, spins, basis functions, ...
        basis = [old.read_record(np.uint8) for _ in range(_OF_THE_BASIS)]
        count = int(old.read_ints(np.int32)[0])
        energies = old.read_reals(np.float64)[:count]
        orbitals = [old.read_record(np.uint8) for _ in range(count)]
        for record in (np.array([head[0], 2, *head[2:]], np.int32), *basis):
            new.write_record(record)
        for filled in electrons:
            new.write_record(np.array([count, filled, filled + 1, filled], np.int32))
            new.write_record(np.concatenate([energies, np.arange(count) < filled]))
            for orbital in orbitals:
                new.write_record(orbital)
