"""Numbers out of CP2K's output, force file and cube files, in eV, Å and e."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from ase.units import Bohr, Hartree
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FEWEST_STEPS = 4  # from the wave function of another cutoff CP2K once stopped after one step
_NUMBER = r"\s+(-?\d+\.\d+)"


class OutputError(Exception):
    """An output that holds no converged result; the message says what is missing."""


@dataclass(frozen=True)
class Output:
    """One converged calculation.

    Attributes:
        energy: the ``ENERGY|`` line (Mermin free energy, to which the forces belong), eV.
        total_energy: "Total energy:", eV; it misses half of a small change in a field.
        fermi_level: eV, zero where the cell average of the potential is; None without smearing.
        forces: [n, 3], eV/Å.
        mulliken, hirshfeld: charges [n], e, CP2K's own.
        spins: Mulliken spin moments [n], None for closed shells.
        scf_steps: all inner loops of an outer loop together.
        s_squared: expectation value of S², None for closed shells.
        version: CP2K's version line.
    """

    energy: float
    total_energy: float
    fermi_level: float | None
    forces: Array
    mulliken: Array
    spins: Array | None
    hirshfeld: Array
    scf_steps: int
    s_squared: float | None
    version: str


def parse_output(text: str, forces_text: str, count: int) -> Output:
    """Read a finished calculation.

    Args:
        text: the output file.
        forces_text: the force file (hartree/bohr).
        count: number of atoms.

    Raises:
        OutputError: not converged, aborted, or a number is missing.
    """
    steps = _steps(text)
    if steps < _FEWEST_STEPS:
        raise OutputError(f"converged in {steps} SCF step, too few to be believed")
    fermi = _last(r"Fermi energy:" + _NUMBER, text)
    squared = re.findall(r"S\*\*2 :\s+\d+\.\d+\s+(\d+\.\d+)", text)
    version = re.search(r"CP2K\| version string:\s+(.+)", text)
    return Output(
        energy=_need(r"ENERGY\| Total FORCE_EVAL[^\n]*?" + _NUMBER, text, "energy") * Hartree,
        total_energy=_need(r"Total energy:" + _NUMBER, text, "total energy") * Hartree,
        fermi_level=None if fermi is None else fermi * Hartree,
        forces=_forces(forces_text, count) * Hartree / Bohr,
        # with spin, Mulliken's net charge is followed by the moment, Hirshfeld's preceded by it
        mulliken=_column("Mulliken Population Analysis", text, count, -2 if squared else -1),
        spins=_column("Mulliken Population Analysis", text, count, -1) if squared else None,
        hirshfeld=_column("Hirshfeld Charges", text, count, -1),
        scf_steps=steps,
        s_squared=float(squared[-1]) if squared else None,
        version=version.group(1).strip() if version else "unknown",
    )


def _steps(text: str) -> int:
    """SCF steps of the converged run, all inner loops together; refuses what did not converge."""
    outer = re.search(r"outer SCF loop converged in\s+\d+ iterations or\s+(\d+) steps", text)
    inner = re.findall(r"SCF run converged in\s+(\d+) steps", text)
    if outer:
        return int(outer.group(1))
    if inner and "SCF run NOT converged" not in text:
        return int(inner[-1])
    if "SCF run NOT converged" in text or "outer SCF loop FAILED" in text:
        raise OutputError("SCF not converged")
    reason = re.findall(r"\*\s+(?:\[ABORT\])?\s*([A-Za-z][^*]{10,}?)\s+\*", text)
    raise OutputError(f"aborted: {reason[0]}" if reason else "ended before the SCF converged")


def _last(pattern: str, text: str) -> float | None:
    found = re.findall(pattern, text)
    return float(found[-1]) if found else None


def _need(pattern: str, text: str, name: str) -> float:
    value = _last(pattern, text)
    if value is None:
        raise OutputError(f"no {name} in the output")
    return value


def _forces(text: str, count: int) -> Array:
    rows = [line.split() for line in text.splitlines()]
    values = [[float(x) for x in row[3:6]] for row in rows if len(row) == 6 and row[0].isdigit()]
    if len(values) < count:
        raise OutputError(f"{len(values)} forces for {count} atoms")
    return np.array(values[:count])


def _column(head: str, text: str, count: int, column: int) -> Array:
    """A column of the last table under ``head``."""
    rows = (line.split() for line in text[text.rfind(head) :].splitlines())
    table = (row for row in rows if len(row) > 3 and row[0].isdigit())
    values = [float(row[column]) for row in islice(table, count)]
    if head not in text or len(values) < count:
        raise OutputError(f"no complete table '{head}'")
    return np.array(values)


def read_cube(path: Path) -> Array:
    """The values of a cube file, [nx, ny, nz], in atomic units.

    The header's steps are rounded to 1e-6 Bohr: with them 256 electrons integrate to 256.0013 and
    a slab's dipole is 5e-3 e Å off, so they are not read; use the cell of the input.
    """
    with path.open() as file:
        lines = [file.readline() for _ in range(6)]
        count = int(lines[2].split()[0])
        shape = [int(line.split()[0]) for line in lines[3:6]]
        for _ in range(count):
            file.readline()
        values = np.array(file.read().split(), dtype=np.float64)
    if values.size != np.prod(shape):
        raise OutputError(f"{path.name}: {values.size} values for the grid {shape}")
    return values.reshape(shape)
