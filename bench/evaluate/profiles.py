"""Charge and potential along z that a field induces, averaged over the plane, model against DFT.

The model's density is Gaussians on atoms; the reference's is the calculation's own profile, every
plane of it smeared to a Gaussian sheet of the same width.  The potential follows from either by
Poisson's equation with open boundaries, −2π k_e |z| / S of a sheet of area S, smeared.
"""

from __future__ import annotations

from dataclasses import dataclass

import ase
import numpy as np
from scipy.special import erf

from bench.density.constants import FIELD_CONSTANT
from bench.evaluate.layers import metal_layers
from bench.evaluate.scoring import Array, Missing
from bench.evaluate.series import FieldSeries, sound_values
from bench.labels.keys import (
    ELECTRON_PROFILE_KEY,
    SMEARING_WIDTH_KEY,
    SPHERICAL_FROM_CARTESIAN,
)
from bench.labels.quantities import MULTIPOLES

MARGIN = 3.0  # Å below the lowest and above the highest atom: twice the usual width
STEP = 0.1  # Å


@dataclass(frozen=True)
class Sheets:
    """Gaussian sheets normal to z.

    Attributes:
        heights: [s] in Å.
        charges: [s] in e.
        dipoles: [s] along z in e Å.
        area: of the plane in Å².
        width: standard deviation along z in Å.
    """

    heights: Array
    charges: Array
    dipoles: Array
    area: float
    width: float

    def density(self, heights: Array) -> Array:
        """[m] charge density in e/Å³ at heights (Å): q g(x) − d g'(x), g a normalised Gaussian."""
        x = heights[:, None] - self.heights
        gaussian = np.exp(-0.5 * (x / self.width) ** 2) / (np.sqrt(2 * np.pi) * self.width)
        per_sheet = gaussian * (self.charges + self.dipoles * x / self.width**2)
        return np.asarray(per_sheet.sum(1) / self.area)

    def potential(self, heights: Array) -> Array:
        """[m] in V at heights (Å): the density's, (q s(x) − d s'(x)) / ε0, where s'' = −g.

        The zero is the mean of both ends of space.
        """
        x = heights[:, None] - self.heights
        step = erf(x / (np.sqrt(2) * self.width))  # 2 ∫ g from the sheet's centre
        gaussian = np.exp(-0.5 * (x / self.width) ** 2) * self.width * np.sqrt(2 / np.pi)
        charge_part = -self.charges * (x * step + gaussian) / 2
        per_sheet = charge_part + self.dipoles * step / 2
        return np.asarray(FIELD_CONSTANT / self.area * per_sheet.sum(1))


@dataclass(frozen=True)
class InducedProfile:
    """What a series induces along z per field, of the reference, the model and, for the best that
    such a density could do, the reference's own multipoles.

    Attributes:
        name: of the series.
        group: of the series.
        fields: how many members it stands on.
        heights: [m] in Å.
        density: source to [m] induced charge density per field in e/(Å² V).
        potential: source to [m] induced potential and the field's own, −(z − L/2), per field in Å.
        vacuum: [m] the field's own potential per field in Å.
        layers: [l] mean heights of the metal's layers in Å, ascending.
        screening: source to the potential drop between the outer layers over that of vacuum: 0 in a
            conductor, 1 where nothing screens; empty with fewer than two layers.
    """

    name: str
    group: str
    fields: int
    heights: Array
    density: dict[str, Array]
    potential: dict[str, Array]
    vacuum: Array
    layers: Array
    screening: dict[str, float]


def induced_profile(series: FieldSeries) -> InducedProfile:
    """The profile of a slab's series.

    Raises:
        Missing: the field is not along z, there is no profile, no multipoles, no width of them, or
            too few sound members.
    """
    atoms = series.atoms
    if series.axis != 2 or atoms.pbc.tolist() != [True, True, False]:
        raise Missing("no slab in a field along z")
    predicted = sound_values(series, _labelled_multipoles, _predicted_multipoles)
    planes, _ = sound_values(series, _planes, _predicted_multipoles).slopes
    if SMEARING_WIDTH_KEY not in atoms.info:
        raise Missing(f"the predictions do not state {SMEARING_WIDTH_KEY}")
    labelled, modelled = predicted.slopes
    sheets = {
        "reference": _sheets_of_planes(atoms, planes),
        "predicted": _sheets_of_atoms(atoms, modelled),
        "multipoles": _sheets_of_atoms(atoms, labelled),
    }
    return _profile(series, len(predicted.field), sheets)


def _labelled_multipoles(atoms: ase.Atoms) -> Array | None:
    return _along_z(atoms, MULTIPOLES.reference_key)


def _predicted_multipoles(atoms: ase.Atoms) -> Array | None:
    return _along_z(atoms, MULTIPOLES.predicted_key)


def _along_z(atoms: ase.Atoms, key: str) -> Array | None:
    """[n, 2] charges and dipoles along z; without dipoles where the model has none."""
    if key not in atoms.arrays:
        return None
    multipoles: Array = atoms.arrays[key].reshape(len(atoms), -1)
    if multipoles.shape[1] == 1:
        return np.column_stack([multipoles, 0.0 * multipoles])
    return multipoles[:, [0, 1 + SPHERICAL_FROM_CARTESIAN.index(2)]]


def _planes(atoms: ase.Atoms) -> Array | None:
    """[k] electrons in each plane."""
    if ELECTRON_PROFILE_KEY not in atoms.info:
        return None
    per_length: Array = np.asarray(atoms.info[ELECTRON_PROFILE_KEY], dtype=float)
    return np.asarray(per_length * atoms.cell[2, 2] / len(per_length))


def _sheets_of_planes(atoms: ase.Atoms, electrons: Array) -> Sheets:
    heights = np.arange(len(electrons)) * atoms.cell[2, 2] / len(electrons)
    return Sheets(heights, -electrons, 0.0 * electrons, _area(atoms), _width(atoms))


def _sheets_of_atoms(atoms: ase.Atoms, multipoles: Array) -> Sheets:
    charges, dipoles = multipoles.T
    return Sheets(atoms.positions[:, 2], charges, dipoles, _area(atoms), _width(atoms))


def _area(atoms: ase.Atoms) -> float:
    return float(atoms.cell.volume / atoms.cell[2, 2])


def _width(atoms: ase.Atoms) -> float:
    return float(atoms.info[SMEARING_WIDTH_KEY])


def _profile(series: FieldSeries, fields: int, sheets: dict[str, Sheets]) -> InducedProfile:
    atoms = series.atoms
    z = atoms.positions[:, 2]
    heights = np.arange(z.min() - MARGIN, z.max() + MARGIN + STEP / 2, STEP)
    layers = np.array([z[layer].mean() for layer in metal_layers(atoms)])

    def applied(at: Array) -> Array:
        return np.asarray(atoms.cell[2, 2] / 2 - at)

    screening = {}
    if len(layers) > 1:
        ends = layers[[0, -1]]
        drops = {name: source.potential(ends) + applied(ends) for name, source in sheets.items()}
        screening = {
            name: float((low - high) / np.ptp(ends)) for name, (low, high) in drops.items()
        }
    return InducedProfile(
        name=series.name,
        group=series.group,
        fields=fields,
        heights=heights,
        density={name: source.density(heights) for name, source in sheets.items()},
        potential={
            name: source.potential(heights) + applied(heights) for name, source in sheets.items()
        },
        vacuum=applied(heights),
        layers=layers,
        screening=screening,
    )
