"""Signs that data give away: of polarizabilities, charges, dipoles and forces.

Each check compares labels with each other and needs no model.  A finding is a warning, not a
refusal: it says the number and which sign of ``bench data import`` would mend it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from numpy.typing import NDArray

from bench.labels import keys as names
from bench.labels.keys import CARTESIAN_FROM_SPHERICAL
from bench.labels.quantities import DIPOLE, ENERGY, FORCES, MULTIPOLES, POLARIZABILITY
from bench.labels.stored import is_stated

Array = NDArray[np.float64]

OPPOSED = -0.5  # correlation about zero below which two quantities have opposite signs
NEAR = 0.5  # Å, the largest displacement over which forces tell an energy difference
_PAIRS = 3  # near frames from which a sign can be told
_QUERIES = 400  # frames of one composition whose nearest frame is looked for
_DISTANCES = 10_000_000  # between them and all others: 80 MB
_SCATTERED = 8  # structures from which a trend with the field can be told
_CERTAIN = 3.0  # standard errors
_CHARGED = 0.5  # e


@dataclass(frozen=True)
class WrongSign:
    """A sign that the data contradict.

    Attributes:
        finding: what was found, with the number.
        suspects: names of ``sign.NAME``, one of which is probably the wrong one.
    """

    finding: str
    suspects: tuple[str, ...]

    def line(self, given: Mapping[str, float] | None = None) -> str:
        """The finding and its mend, where a sign may be the cause.

        Args:
            given: signs that the data were imported with, by name; others are 1.
        """
        mends = [f"sign.{name}={-(given or {}).get(name, 1.0):g}" for name in self.suspects]
        return f"{self.finding}: import with {' or '.join(mends)}" if mends else self.finding


def wrong_signs(frames: Sequence[Atoms]) -> list[WrongSign]:
    """All signs of labels that other labels contradict.

    Args:
        frames: structures with the data set's keys.
    """
    checks: tuple[Callable[[Sequence[Atoms]], WrongSign | None], ...] = (
        polarizability_sign,
        charges_sign,
        dipole_sign,
        field_sign,
        forces_sign,
    )
    return [found for check in checks if (found := check(frames)) is not None]


def polarizability_sign(frames: Sequence[Atoms]) -> WrongSign | None:
    """A ground state's energy is concave in the field: ∂M/∂E is positive definite."""
    least = []
    for atoms in frames:
        mask = _mask(atoms)
        if POLARIZABILITY.reference_key in atoms.info and mask.any():
            tensor = np.reshape(atoms.info[POLARIZABILITY.reference_key], (3, 3))[
                np.ix_(mask, mask)
            ]
            least.append(np.linalg.eigvalsh(0.5 * (tensor + tensor.T))[0])
    negative = [value for value in least if value < 0]
    if not negative:
        return None
    finding = (
        f"the polarizability has a negative eigenvalue in {len(negative)} of {len(least)} "
        f"structures (down to {min(negative):.3g} e Å²/V), which no ground state has"
    )
    return WrongSign(finding, ("polarizability",) if 2 * len(negative) > len(least) else ())


def charges_sign(frames: Sequence[Atoms]) -> WrongSign | None:
    """Atomic charges of a charged structure add up to its total charge, not to minus it."""
    sums = [
        (float(_rows(atoms)[:, 0].sum()), float(atoms.info[names.TOTAL_CHARGE_KEY]))
        for atoms in frames
        if MULTIPOLES.reference_key in atoms.arrays
    ]
    charged = [(found, total) for found, total in sums if abs(total) >= _CHARGED]
    opposed = [abs(found + total) < abs(found - total) for found, total in charged]
    if 2 * sum(opposed) <= len(charged):
        return None
    found, total = charged[opposed.index(True)]
    return WrongSign(
        f"the atomic charges add up to minus the total charge in {sum(opposed)} of {len(charged)} "
        f"charged structures ({found:+.3f} e at {total:+g} e)",
        ("multipoles", "total_charge"),
    )


def dipole_sign(frames: Sequence[Atoms]) -> WrongSign | None:
    """The dipole of a neutral structure points where its atomic charges and dipoles say."""
    alike = dipole_of_charges(frames)
    if not alike < OPPOSED:
        return None
    return WrongSign(
        f"the dipole is opposed to that of the atomic charges (correlation {alike:.2f})",
        ("dipole", "multipoles"),
    )


def dipole_of_charges(frames: Sequence[Atoms]) -> float:
    """Correlation about zero of the dipole and Σ(q r + d) over the defined components.

    Of neutral structures only, where no origin matters; NaN without any.
    """
    labelled, made = [np.zeros(0)], [np.zeros(0)]
    for atoms in frames:
        if not (DIPOLE.reference_key in atoms.info and MULTIPOLES.reference_key in atoms.arrays):
            continue
        rows = _rows(atoms)
        if abs(rows[:, 0].sum()) < 0.1 * _CHARGED:
            total = rows[:, 0] @ (atoms.positions - atoms.positions.mean(0))
            if rows.shape[1] >= 4:
                total = total + rows[:, 1:4].sum(0)[CARTESIAN_FROM_SPHERICAL]
            made.append(total[_mask(atoms)])
            labelled.append(_dipole(atoms)[_mask(atoms)])
    return _correlation(np.concatenate(labelled), np.concatenate(made))


def field_sign(frames: Sequence[Atoms]) -> WrongSign | None:
    """The dipole rises with the field that a system feels: over a series, or over the set.

    A series is one geometry and charge in several fields.  Without any the dipoles of equal
    compositions and charges are compared with their fields, which must be certain to three
    standard errors.
    """
    with_dipole = [a for a in frames if DIPOLE.reference_key in a.info and _mask(a).any()]
    slopes = [slope for series in _classes(with_dipole, _place) for slope in _slope(series)]
    if slopes:
        falling = [slope for slope in slopes if slope < 0]
        found = f"in {len(falling)} of {len(slopes)} series (slope {np.median(slopes):.3g} e Å²/V)"
        wrong = 2 * len(falling) > len(slopes)
    else:
        slope, error = _trend(_classes(with_dipole, _species))
        found = f"over the set (slope {slope:.3g} ± {error:.1g} e Å²/V)"
        wrong = slope < -_CERTAIN * error
    if not wrong:
        return None
    alike = dipole_of_charges(frames)  # a dipole that its charges confirm has the right sign
    suspects = ("field",) if alike > -OPPOSED else ("dipole",) if alike < OPPOSED else None
    return WrongSign(f"the dipole falls with the field {found}", suspects or ("field", "dipole"))


def forces_sign(frames: Sequence[Atoms]) -> WrongSign | None:
    """Between near frames the energy changes by −½ (F + F')·Δr, to third order in Δr."""
    labelled = [a for a in frames if is_stated(a, ENERGY) and is_stated(a, FORCES)]
    changes = [
        change
        for alike in _classes(labelled, _species)
        for one, other in _near(alike)
        if (change := _energy_change(one, other)) is not None
    ]
    if len(changes) < _PAIRS:
        return None
    alike = _correlation(*np.array(changes).T)
    if not alike < OPPOSED:
        return None
    return WrongSign(
        f"forces are opposed to −ΔE/Δr between {len(changes)} pairs of near frames "
        f"(correlation {alike:.2f})",
        ("forces",),
    )


def _slope(series: Sequence[Atoms]) -> Iterator[float]:
    """Σ ΔM·ΔE / Σ ΔE² of structures at one place; nothing where the field does not change."""
    fields, dipoles = _responses(series)
    square = float((fields**2).sum())
    if square > 1e-12:
        yield float((fields * dipoles).sum()) / square


def _trend(classes: Sequence[Sequence[Atoms]]) -> tuple[float, float]:
    """Slope of the dipole in the field and its standard error over classes with own means."""
    parts = [_responses(members) for members in classes if len(members) >= _SCATTERED]
    if not parts:
        return 0.0, 0.0
    fields, dipoles = (np.concatenate([part[k].ravel() for part in parts]) for k in (0, 1))
    square = float((fields**2).sum())
    if square < 1e-12:
        return 0.0, 0.0
    slope = float(fields @ dipoles) / square
    scatter = float(((dipoles - slope * fields) ** 2).mean())
    return slope, float(np.sqrt(scatter / square))


def _responses(members: Sequence[Atoms]) -> tuple[Array, Array]:
    """[s, 3] fields (V/Å) and dipoles (e Å) less their means, zero where undefined."""
    masks = np.array([_mask(a) for a in members]).all(0)
    fields = np.array([a.info[names.ELECTRIC_FIELD_KEY] for a in members], dtype=float)
    dipoles = np.array([_dipole(a) for a in members])
    return (fields - fields.mean(0)) * masks, (dipoles - dipoles.mean(0)) * masks


def _near(frames: Sequence[Atoms]) -> Iterator[tuple[Atoms, Atoms]]:
    """Each frame, or of many a part of them, with the nearest other one of the same state."""
    for members in _classes(frames, _field):
        if len(members) < 2:
            continue
        flat = np.array([_centred(a, a.positions).ravel() for a in members])
        flat -= flat.mean(0)
        squares = (flat**2).sum(1)
        queries = max(_PAIRS, min(_QUERIES, _DISTANCES // len(members)))
        chosen = np.unique(np.linspace(0, len(members) - 1, queries).astype(int))
        distances = squares[chosen, None] + squares - 2 * flat[chosen] @ flat.T
        distances[np.arange(len(chosen)), chosen] = np.inf
        for index, nearest in zip(chosen.tolist(), distances.argmin(1).tolist()):
            yield members[index], members[nearest]


def _energy_change(one: Atoms, other: Atoms) -> tuple[float, float] | None:
    """ΔE by the energies and by the forces in eV; None where the frames are not near."""
    if not np.allclose(one.cell.array, other.cell.array, atol=1e-4):
        return None
    moved = _centred(one, other.positions - one.positions)
    if one.cell.rank == 3 and one.pbc.any():
        moved = find_mic(moved, one.cell, one.pbc)[0]
    if not 0.0 < np.abs(moved).max() < NEAR:
        return None
    mean = 0.5 * (one.arrays[FORCES.reference_key] + other.arrays[FORCES.reference_key])
    change = float(other.info[ENERGY.reference_key]) - float(one.info[ENERGY.reference_key])
    return change, -float((mean * moved).sum())


def _centred(atoms: Atoms, vectors: Array) -> Array:
    """[n, 3] less their mean along open axes, where moving everything changes nothing."""
    return np.asarray(vectors - np.where(atoms.pbc, 0.0, vectors.mean(0)))


def _classes(frames: Sequence[Atoms], key: Callable[[Atoms], object]) -> list[list[Atoms]]:
    found: dict[object, list[Atoms]] = {}
    for atoms in frames:
        found.setdefault(key(atoms), []).append(atoms)
    return list(found.values())


def _species(atoms: Atoms) -> tuple[object, ...]:
    """What has to be equal before two structures' labels can be compared."""
    charge = float(atoms.info[names.TOTAL_CHARGE_KEY])
    spin = str(atoms.info.get(names.MULTIPLICITY_KEY))
    return atoms.numbers.tobytes(), atoms.pbc.tobytes(), charge, spin


def _place(atoms: Atoms) -> tuple[object, ...]:
    return *_species(atoms), (atoms.positions.round(3) + 0.0).tobytes()


def _field(atoms: Atoms) -> bytes:
    field = np.asarray(atoms.info[names.ELECTRIC_FIELD_KEY], dtype=float)
    return bytes((field.round(6) + 0.0).tobytes())


def _mask(atoms: Atoms) -> NDArray[np.bool_]:
    return np.reshape(np.asarray(atoms.info.get(names.DIPOLE_MASK_KEY, (0, 0, 0)), dtype=bool), 3)


def _dipole(atoms: Atoms) -> Array:
    return np.asarray(atoms.info[DIPOLE.reference_key], dtype=float).reshape(3)


def _rows(atoms: Atoms) -> Array:
    """[n, 1 or 4]: charges alone come back from a file without rows."""
    return np.reshape(atoms.arrays[MULTIPOLES.reference_key], (len(atoms), -1))


def _correlation(one: Array, other: Array) -> float:
    """Σxy / √(Σx² Σy²); NaN where either is zero."""
    norm = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float(one @ other) / norm if norm > 1e-12 else float("nan")
