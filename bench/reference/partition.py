"""Stockholder partition of the valence density: atomic charges and dipoles that obey the sum rules.

F. L. Hirshfeld, Theor. Chim. Acta 44, 129 (1977): every atom takes that share of the density which
its free, spherical atom has in the sum of all free atoms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from bench.errors import BenchError

Array = NDArray[np.float64]

REACH = 4.76  # Å: proatoms end here; their density is below 1e-6 e/Å³
_RELIABLE = 1e-7  # e/Å³: below, an isolated atom's density is noise of the screening
_NEGLIGIBLE = 1e-17  # e/Å³: where no proatom reaches, nothing is assigned
PROATOMS = Path(__file__).with_name("proatoms.npz")


@dataclass(frozen=True)
class Grid:
    """A periodic density on a regular grid.

    Attributes:
        density: [nx, ny, nz] electrons per Å³; point (i, j, k) lies at i a/nx + j b/ny + k c/nz.
        cell: [3, 3] rows a, b, c, Å: the exact cell of the input.
    """

    density: Array
    cell: Array

    @property
    def voxel(self) -> float:
        """Volume of a grid point, Å³."""
        return float(abs(np.linalg.det(self.cell))) / self.density.size

    @property
    def electrons(self) -> float:
        """Number of electrons on the grid."""
        return float(self.density.sum()) * self.voxel

    def normalised(self, electrons: float) -> Grid:
        """The same grid, scaled to hold exactly this number of electrons."""
        return Grid(self.density * (electrons / self.electrons), self.cell)

    def profile(self) -> tuple[Array, Array]:
        """Heights z (Å) of the planes along c and electrons per Å in each (c along z)."""
        planes = self.density.shape[2]
        height = self.cell[2, 2]
        electrons = self.density.sum((0, 1)) * self.voxel
        return np.arange(planes) * height / planes, electrons * planes / height


@dataclass(frozen=True)
class Proatom:
    """A spherical free atom: logarithm of its density (e/Å³) at radii (Å)."""

    radii: Array
    log_density: Array

    def __call__(self, distance: Array) -> Array:
        """Density at these distances, zero beyond ``REACH``."""
        inside = np.interp(distance, self.radii, self.log_density)
        return np.where(distance < REACH, np.exp(inside), 0.0)


@cache
def load_proatoms(path: Path = PROATOMS) -> dict[int, Proatom]:
    """Free atoms by atomic number, made with the same settings as the labels."""
    with np.load(path) as file:
        numbers = sorted({int(key.rsplit("_", 1)[1]) for key in file.files})
        return {z: Proatom(file[f"radii_{z}"], file[f"log_density_{z}"]) for z in numbers}


def proatom_checksums(numbers: Iterable[int], proatoms: dict[int, Proatom]) -> dict[str, str]:
    """Short sha256 of the free atoms of these elements by symbol: tells one partition's from
    another's, and does not change when the file gains elements.
    """
    return {
        chemical_symbols[z]: hashlib.sha256(proatoms[z].log_density.tobytes()).hexdigest()[:12]
        for z in sorted(set(map(int, numbers)))
    }


def spherical_proatom(grid: Grid, centre: Array) -> Proatom:
    """The spherical average of an isolated atom's density around ``centre`` (Å).

    Shells are 0.05 Å thick up to 1.5 Å, then 0.1 Å, and joined by a monotone cubic in log density:
    with straight lines through oxygen's core, 0.013 e of it would go to a neighbouring silicon.
    Where the density is below 1e-7 e/Å³ it is continued as an exponential. The atom should lie at a
    general point of the grid, so that the radii near it differ.
    """
    offsets = _offsets(grid, centre, REACH + 0.1)
    distance = np.linalg.norm(offsets.vectors, axis=1)
    edges = np.concatenate([np.arange(0.05, 1.5, 0.05), np.arange(1.5, REACH + 0.15, 0.1)])
    shell = np.searchsorted(edges, distance)
    count = np.bincount(shell)
    filled = count > 0
    radii = np.bincount(shell, distance)[filled] / count[filled]
    density = np.bincount(shell, grid.density.ravel()[offsets.points])[filled] / count[filled]
    end = np.append(np.flatnonzero(density < _RELIABLE), len(density))[0]
    radii, log_density = radii[:end], np.log(density[:end])
    table = np.arange(0.0, REACH + 0.02, 0.02)
    values = PchipInterpolator(radii, log_density)(np.clip(table, radii[0], radii[-1]))
    slope = (log_density[-1] - log_density[-4]) / (radii[-1] - radii[-4])
    return Proatom(table, values + slope * np.maximum(table - radii[-1], 0.0))


@dataclass(frozen=True)
class _Offsets:
    """Grid points around an atom, periodic images included: flat index and vector from the atom."""

    points: NDArray[np.intp]  # [p]
    vectors: Array  # [p, 3] Å


def _offsets(grid: Grid, position: Array, reach: float) -> _Offsets:
    shape = np.array(grid.density.shape)
    steps = grid.cell / shape[:, None]
    inverse = np.linalg.inv(steps)
    centre = position @ inverse
    half = np.ceil(reach * np.linalg.norm(inverse, axis=0)).astype(int)
    start = np.floor(centre).astype(int) - half
    along = [np.arange(s, s + 2 * h + 2) for s, h in zip(start, half)]
    x, y, z = (np.outer(n - c, step) for n, c, step in zip(along, centre, steps))
    i, j, k = (n % size for n, size in zip(along, shape))
    vectors = x[:, None, None] + y[:, None] + z  # [x, y, z, 3]
    points = (i[:, None, None] * shape[1] + j[:, None]) * shape[2] + k
    near = np.einsum("xyzc,xyzc->xyz", vectors, vectors) < reach**2
    return _Offsets(points[near].astype(np.intp), vectors[near])


def stockholder(
    grid: Grid, positions: Array, numbers: Array, valence: Array, proatoms: dict[int, Proatom]
) -> tuple[Array, Array]:
    """Charges and dipoles of the atoms.

    Args:
        grid: valence electrons.
        positions: [n, 3] Å.
        numbers: [n] atomic numbers.
        valence: [n] valence electrons of the neutral atoms.
        proatoms: free atoms by atomic number.

    Returns:
        Charges [n] (e, positive where electrons are missing) and dipoles [n, 3] (e Å, about each
        atom, Cartesian).

    Raises:
        BenchError: an element has no proatom.
    """
    missing = sorted({int(z) for z in numbers} - set(proatoms))
    if missing:
        raise BenchError(
            f"No proatom for atomic numbers {missing}.",
            "Make them: bench data proatoms elements=ELEMENT,...",
        )
    flat = grid.density.ravel()
    total = np.zeros(flat.size)
    around, weights = [], []
    for position, z in zip(positions, numbers):
        offsets = _offsets(grid, position, REACH)
        weight = proatoms[int(z)](np.linalg.norm(offsets.vectors, axis=1))
        total += np.bincount(offsets.points, weight, minlength=flat.size)
        around.append(offsets)
        weights.append(weight)
    share = flat * grid.voxel / np.maximum(total, _NEGLIGIBLE)
    electrons = [w * share[o.points] for o, w in zip(around, weights)]
    charges = valence - np.array([e.sum() for e in electrons])
    dipoles = -np.array([e @ o.vectors for e, o in zip(electrons, around)])
    return charges, dipoles


def dipole_from_profile(
    heights: Array, per_length: Array, positions: Array, valence: Array
) -> float:
    """Dipole along z (e Å) of ions and electrons, the cell's border being in the vacuum.

    Args:
        heights: [planes] Å.
        per_length: [planes] electrons per Å, holding exactly the right number of electrons.
        positions: [n, 3] Å; valence: [n] charges of the ions, e.
    """
    step = float(heights[1] - heights[0])
    return float(valence @ positions[:, 2] - (per_length @ heights) * step)


@dataclass(frozen=True)
class Corrected:
    """Multipoles that obey the sum rules, and what it took.

    Attributes:
        charges: [n]; dipoles: [n, 3] Cartesian.
        charge_violation: sum of the raw charges minus the total charge, e.
        dipole_violation: raw minus reference dipole along the defined directions, e Å.
        largest_correction: over all components, e or e Å.
    """

    charges: Array
    dipoles: Array
    charge_violation: float
    dipole_violation: Array
    largest_correction: float


def restore_sum_rules(
    charges: Array,
    dipoles: Array,
    positions: Array,
    *,
    total_charge: float,
    dipole: Array,
    mask: Array,
) -> Corrected:
    """The smallest (least-norm) change after which charges and dipoles add up.

    Σ q = Q, and Σ (q r + d) = dipole along every direction whose ``mask`` is non-zero.

    Args:
        charges: [n] e; dipoles: [n, 3] e Å; positions: [n, 3] Å.
        total_charge: Q, e.
        dipole: [3] e Å, about the origin of the positions.
        mask: [3] 1 where the dipole is defined.
    """
    count = len(charges)
    axes = np.flatnonzero(mask)
    middle = positions.mean(0)  # the dipole rule about the middle: better conditioned, equivalent
    rules = np.zeros((1 + len(axes), 4 * count))
    rules[0, :count] = 1.0
    for row, axis in enumerate(axes, start=1):
        rules[row, :count] = (positions - middle)[:, axis]
        rules[row, (1 + axis) * count : (2 + axis) * count] = 1.0
    raw = np.concatenate([charges, dipoles.T.ravel()])
    target = np.concatenate([[total_charge], (dipole - middle * total_charge)[axes]])
    violation = rules @ raw - target
    change = -rules.T @ np.linalg.solve(rules @ rules.T, violation)
    new = raw + change
    return Corrected(
        charges=new[:count],
        dipoles=new[count:].reshape(3, count).T,
        charge_violation=float(violation[0]),
        dipole_violation=violation[1:] + middle[axes] * violation[0],
        largest_correction=float(np.abs(change).max()),
    )
