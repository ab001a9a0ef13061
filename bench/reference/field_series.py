"""What the dipoles of one geometry in several fields tell of its response."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from bench.data.groups import geometry_of
from bench.labels.keys import ELECTRIC_FIELD_KEY, TOTAL_CHARGE_KEY
from bench.labels.quantities import DIPOLE, POLARIZABILITY
from bench.labels.state import SAME_FIELD
from bench.labels.stored import is_stated, known, labelled_values

CURVED = 2  # degree of M(E): three fields tell how a polarisability changes with the field


def add_polarizabilities(frames: Sequence[Atoms]) -> int:
    """Let slabs state ∂M/∂E along their open axis where the geometry has dipoles in several fields.

    Two fields give one secant for both, more of them the slope of the least-squares parabola at
    each.  The other components of the tensor are not defined in a slab.  A label that is there
    stays.

    Returns:
        How many structures have a derived label now.
    """
    series: dict[tuple[str, float], list[Atoms]] = defaultdict(list)
    for atoms in frames:
        if known(atoms, DIPOLE).sum() == 1 and geometry_of(atoms):
            series[geometry_of(atoms), float(atoms.info[TOTAL_CHARGE_KEY])].append(atoms)
    lacking = (
        members
        for members in series.values()
        if not any(is_stated(atoms, POLARIZABILITY) for atoms in members)
    )
    return sum(map(_label, lacking))


def _label(members: Sequence[Atoms]) -> int:
    """Label one geometry's structures, if their fields differ along the open axis alone."""
    fields = np.array([atoms.info[ELECTRIC_FIELD_KEY] for atoms in members])  # [k, 3] V/Å
    axis = int(np.flatnonzero(known(members[0], DIPOLE))[0])
    if np.flatnonzero(np.ptp(fields, axis=0) > SAME_FIELD).tolist() != [axis]:
        return 0
    dipoles = np.array([labelled_values(atoms, DIPOLE)[axis] for atoms in members])
    for atoms, slope in zip(members, slopes(fields[:, axis], dipoles)):
        tensor = np.zeros((3, 3))
        tensor[axis, axis] = slope
        atoms.info[POLARIZABILITY.reference_key] = tensor
    return len(members)


def slopes(fields: NDArray[np.float64], dipoles: NDArray[np.float64]) -> NDArray[np.float64]:
    """[k] dM/dE in e Å²/V at each of the fields [k] in V/Å, of dipoles [k] in e Å."""
    different = 1 + int((np.diff(np.sort(fields)) > SAME_FIELD).sum())
    curve = np.polynomial.Polynomial.fit(fields, dipoles, min(CURVED, different - 1))
    values: NDArray[np.float64] = curve.deriv()(fields)
    return values
