"""What a charge in a periodic cell gains from its images and the neutralising background.

Labels and models both have this energy, so it drops out of a model's error; levels that are to be
those of one defect in an infinite crystal need it taken away.  First order as G. Makov and
M. C. Payne, Phys. Rev. B 51, 4014 (1995), with the cell's own Madelung sum; third order as
S. Lany and A. Zunger, Modelling Simul. Mater. Sci. Eng. 17, 084002 (2009): the screening
charge −Q (1 − 1/ε) fills the cell evenly, and its second moment is that of the Wigner-Seitz cell.
Both take the dielectric constant as a number and the cell as nearly isotropic.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from ase.geometry import minkowski_reduce
from scipy.special import erfc

from bench.density.constants import COULOMB_CONSTANT
from bench.evaluate.scoring import Array

_CONVERGED = 6.0  # erfc(6) and exp(−36) are below 1e-15
_POINTS = 40  # per axis of the grid that measures the Wigner-Seitz cell: moment within 1e-3


def image_correction(cell: Array, charge: float, dielectric_constant: float) -> float:
    """What to add to the energy of a cell with this total charge, in eV.

    Args:
        cell: [3, 3] rows are lattice vectors in Å.
        charge: in e.
        dielectric_constant: of the host; of the electrons alone where its ions are held.
    """
    first, third = _orders(tuple(map(tuple, np.asarray(cell, dtype=float).tolist())))
    screening = 1 - 1 / dielectric_constant
    return float(charge**2 / dielectric_constant * (first - screening * third))


@lru_cache(maxsize=64)  # a data set has few cells and many charges in each
def _orders(vectors: tuple[tuple[float, ...], ...]) -> tuple[float, float]:
    """First and third order of a unit charge without its screening, in eV."""
    cell = np.array(vectors)
    moment = wigner_seitz_moment(cell) / abs(np.linalg.det(cell))
    return -madelung_potential(cell) / 2, 2 * np.pi * COULOMB_CONSTANT / 3 * moment


def madelung_potential(cell: Array) -> float:
    """Potential in V at a unit charge of all its images and the background, by Ewald's sum.

    −2.8373 k_e / L in a cube.

    Args:
        cell: [3, 3] in Å.
    """
    volume = abs(np.linalg.det(cell))
    split = np.sqrt(np.pi) / volume ** (1 / 3)  # 1/Å: both sums equally long
    images = np.linalg.norm(_lattice(cell, _CONVERGED / split), axis=1)
    reciprocal = np.asarray(2 * np.pi * np.linalg.inv(cell).T, dtype=float)
    waves = (_lattice(reciprocal, 2 * split * _CONVERGED) ** 2).sum(1)
    total = (
        (erfc(split * images) / images).sum()
        + 4 * np.pi / volume * (np.exp(-waves / (4 * split**2)) / waves).sum()
        - 2 * split / np.sqrt(np.pi)
        - np.pi / (volume * split**2)
    )
    return float(COULOMB_CONSTANT * total)


def wigner_seitz_moment(cell: Array) -> float:
    """Mean square distance in Å² of a point of the Wigner-Seitz cell from its centre.

    Args:
        cell: [3, 3] in Å.
    """
    reduced, _ = minkowski_reduce(cell)  # the nearest image is then among the neighbours
    steps = (np.arange(_POINTS) + 0.5) / _POINTS
    points = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3) @ reduced
    nearest = np.full(len(points), np.inf)
    for image in np.array(list(itertools.product((-1, 0, 1), repeat=3))) @ reduced:
        nearest = np.minimum(nearest, ((points - image) ** 2).sum(1))
    return float(nearest.mean())


def _lattice(vectors: Array, radius: float) -> Array:
    """[p, 3] all lattice points but the origin within a radius."""
    reach = np.ceil(radius * np.linalg.norm(np.linalg.inv(vectors), axis=0)).astype(int)
    indices = itertools.product(*(range(-n, n + 1) for n in reach))
    points = np.array(list(indices)) @ vectors
    distance = np.linalg.norm(points, axis=1)
    return np.asarray(points[(distance > 0.0) & (distance < radius)])
