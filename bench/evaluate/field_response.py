"""What a field does to one geometry: dipole, charges, forces and potential, model against DFT.

Everything is a derivative by the felt field at fixed positions, the least-squares slope over a
series of at least three fields, the same fields for model and reference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ase
import numpy as np

from bench.data.statistics import FieldRange
from bench.evaluate.layers import is_metal, slab_parts
from bench.evaluate.profiles import InducedProfile, induced_profile
from bench.evaluate.record import mark_absent, record
from bench.evaluate.registry import (
    BEYOND,
    BORN_CHARGE,
    CHARGE_SLOPE,
    COOPERATIVITIES,
    COOPERATIVITY,
    DENSITY_SLOPE,
    DIPOLE_SLOPE,
    INDUCED_DIPOLE,
    LAYER_SLOPE,
    LAYER_SLOPES,
    POTENTIAL_SLOPE,
    SCREENING_RATIO,
    SCREENING_RATIOS,
    SLOPES,
    Family,
    MetricInfo,
)
from bench.evaluate.scoring import Array, Missing, Sample, error_records
from bench.evaluate.selection import beyond
from bench.evaluate.series import (
    SAME_PLACE,
    FieldSeries,
    SoundValues,
    field_series,
    sound_values,
)
from bench.labels.keys import DIPOLE_MASK_KEY
from bench.labels.quantities import DIPOLE, FORCES, MULTIPOLES
from bench.runs.records import Evaluation

Named = tuple[MetricInfo, MetricInfo] | None


@dataclass(frozen=True)
class Compared:
    """What one series says of a quantity.

    Attributes:
        sample: the numbers.
        fields: how many members they stand on.
        parts: names of the numbers, such as ``layer 1``; empty for a single number.
    """

    sample: Sample
    fields: int
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Response:
    """One quantity.

    Attributes:
        family: of its errors.
        named: metrics of the predicted and of the reference value of each series, where a reader
            wants to see them.
        compare: raises ``Missing`` where a series has nothing to say of it.
    """

    family: Family
    named: Named
    compare: Callable[[FieldSeries], Compared]


def field_response(frames: Sequence[ase.Atoms], field_range: FieldRange | None) -> Evaluation:
    """Every derivative by the field, and dipoles beyond the fields that training has seen.

    Args:
        frames: the test set.
        field_range: least and largest felt field [3] of the training set in V/Å; None where it is
            not known.
    """
    result = Evaluation()
    series = field_series(frames)
    for response in RESPONSES:
        _score(result, response.family, response.named, _all_compared(response, series))
    _score(result, COOPERATIVITY, COOPERATIVITIES, cooperativities(series))
    _score_beyond(result, series, field_range)
    return result


Outcome = dict[str, Compared | Missing]  # by name of the series


def _all_compared(response: Response, series: Sequence[FieldSeries]) -> Outcome:
    outcome: Outcome = {}
    for one in series:
        try:
            outcome[one.name] = response.compare(one)
        except Missing as missing:
            outcome[one.name] = missing
    return outcome


def _score(result: Evaluation, family: Family, named: Named, outcome: Outcome) -> None:
    compared = {name: found for name, found in outcome.items() if isinstance(found, Compared)}
    if not compared:
        reason = why_not(outcome)
        mark_absent(result.absent, [family], reason)
        result.absent.update({metric.name: reason for metric in named or ()})
        return
    samples = [found.sample for found in compared.values()]
    result.records.extend(error_records(family, "all", samples))
    for name, found in outcome.items():
        if isinstance(found, Compared):
            _record_values(result, named, name, found)
        else:
            result.absent.update({f"{metric.name}[{name}]": str(found) for metric in named or ()})


def why_not(outcome: Outcome) -> str:
    """Why no series has anything to say."""
    reasons = dict.fromkeys(str(found) for found in outcome.values())
    return "; ".join(reasons) or "no field series in the test set"


def _record_values(result: Evaluation, named: Named, name: str, found: Compared) -> None:
    subsets = [f"{name}, {part}" for part in found.parts] or [name]
    for metric, values in zip(named or (), (found.sample.predicted, found.sample.reference)):
        result.records.extend(
            record(metric.name, value, subset=subset, n=found.fields)
            for subset, value in zip(subsets, values)
        )


def dipoles(series: FieldSeries) -> SoundValues:
    """Dipoles along the field, [s] in e Å.

    Raises:
        Missing: as ``sound_values``, or undefined along this axis.
    """

    def along(key: str) -> Callable[[ase.Atoms], Array | None]:
        return lambda atoms: np.asarray(atoms.info[key])[series.axis] if key in atoms.info else None

    if not all(
        np.atleast_1d(a.info.get(DIPOLE_MASK_KEY, [0] * 3))[series.axis] for a in series.frames
    ):
        raise Missing("the dipole is not defined along the field")
    return sound_values(series, along(DIPOLE.reference_key), along(DIPOLE.predicted_key))


def _compared(series: FieldSeries, values: SoundValues, parts: tuple[str, ...] = ()) -> Compared:
    """The slopes; the training mean does not answer to a field."""
    reference, predicted = (np.ravel(found) for found in values.slopes)
    sample = Sample(series.group, reference, predicted, np.zeros(reference.shape))
    return Compared(sample, len(values.field), parts)


def _dipole_slope(series: FieldSeries) -> Compared:
    return _compared(series, dipoles(series))


def _induced_dipole(series: FieldSeries) -> Compared:
    values = dipoles(series)
    reference, predicted = (x - x.mean() for x in (values.reference, values.predicted))
    sample = Sample(series.group, reference, predicted, np.zeros(reference.shape))
    return Compared(sample, len(reference))


def born_charges(series: FieldSeries) -> SoundValues:
    """Forces, [s, n, 3] in eV/Å; their slope is each atom's charge Z*, dF/dE at fixed positions.

    X. Gonze and C. Lee, Phys. Rev. B 55, 10355 (1997): Z* is both the change of the dipole
    with an atom's place and that of its force with the field.

    Raises:
        Missing: as ``sound_values``.
    """
    return sound_values(
        series,
        lambda atoms: atoms.arrays.get(FORCES.reference_key),
        lambda atoms: atoms.arrays.get(FORCES.predicted_key),
    )


def charges(series: FieldSeries) -> SoundValues:
    """Atomic charges, [s, n] in e.

    Raises:
        Missing: as ``sound_values``.
    """

    def of(key: str) -> Callable[[ase.Atoms], Array | None]:
        return lambda a: a.arrays[key].reshape(len(a), -1)[:, 0] if key in a.arrays else None

    return sound_values(series, of(MULTIPOLES.reference_key), of(MULTIPOLES.predicted_key))


def layer_charges(series: FieldSeries) -> SoundValues:
    """Charges of the parts of a slab, [s, p] in e, in the order of ``slab_parts``.

    Raises:
        Missing: as ``sound_values``, or there is no metal.
    """
    if not is_metal(series.atoms).any():
        raise Missing("no metal")
    atomic, parts = charges(series), slab_parts(series.atoms).values()
    sums = [
        np.column_stack([values[:, where].sum(1) for where in parts])
        for values in (atomic.reference, atomic.predicted)
    ]
    return SoundValues(atomic.field, *sums)


def _layer_charges(series: FieldSeries) -> Compared:
    return _compared(series, layer_charges(series), tuple(slab_parts(series.atoms)))


def _profile(
    take: Callable[[InducedProfile, str], Array], nothing: Callable[[InducedProfile], Array]
) -> Callable[[FieldSeries], Compared]:
    """Compare an induced profile; ``nothing`` is that of a charge that does not move."""

    def compare(series: FieldSeries) -> Compared:
        profile = induced_profile(series)
        sources = {s: take(profile, s) for s in ("reference", "predicted", "multipoles")}
        return Compared(Sample(series.group, mean=nothing(profile), **sources), profile.fields)

    return compare


def _drop(profile: InducedProfile, source: str) -> Array:
    if not profile.screening:
        raise Missing("fewer than two layers of metal")
    return np.array([profile.screening[source]])


RESPONSES = (
    Response(DIPOLE_SLOPE, SLOPES, _dipole_slope),
    Response(INDUCED_DIPOLE, None, _induced_dipole),
    Response(CHARGE_SLOPE, None, lambda series: _compared(series, charges(series))),
    Response(LAYER_SLOPE, LAYER_SLOPES, _layer_charges),
    Response(BORN_CHARGE, None, lambda series: _compared(series, born_charges(series))),
    Response(
        DENSITY_SLOPE,
        None,
        _profile(lambda p, source: 1000.0 * p.density[source], lambda p: 0.0 * p.heights),
    ),
    Response(
        POTENTIAL_SLOPE, None, _profile(lambda p, source: p.potential[source], lambda p: p.vacuum)
    ),
    Response(SCREENING_RATIO, SCREENING_RATIOS, _profile(_drop, lambda _: np.ones(1))),
)


def cooperativities(series: Sequence[FieldSeries]) -> Outcome:
    """Dipole slopes of an interface less those of its metal and of the rest, each alone.

    All three at the same positions.  Zero where the parts do not change each other's response.

    Returns:
        By the interface's name; other series are not in it.
    """
    outcome: Outcome = {}
    for one in series:
        metal = is_metal(one.atoms)
        if not metal.any() or metal.all():
            continue
        try:
            outcome[one.name] = _cooperativity(one, parts_alone(one, series))
        except Missing as missing:
            outcome[one.name] = missing
    return outcome or {"": Missing("no field series of metal with something on it in the test set")}


def parts_alone(
    interface: FieldSeries, series: Sequence[FieldSeries]
) -> tuple[FieldSeries | None, FieldSeries | None]:
    """The series of its metal and of the rest, each alone at the same positions."""
    metal = is_metal(interface.atoms)
    atoms = interface.atoms
    return _series_of(atoms[metal], series), _series_of(atoms[~metal], series)


def _series_of(part: ase.Atoms, series: Sequence[FieldSeries]) -> FieldSeries | None:
    """The series whose geometry is this one, whatever the vacuum."""
    for one in series:
        atoms = one.atoms
        if np.array_equal(atoms.numbers, part.numbers) and all(
            np.allclose(found, wanted, rtol=0.0, atol=SAME_PLACE)
            for found, wanted in (
                (atoms.positions, part.positions),
                (atoms.cell.array[:2], part.cell.array[:2]),
            )
        ):
            return one
    return None


def _cooperativity(series: FieldSeries, parts: Sequence[FieldSeries | None]) -> Compared:
    alone = [part for part in parts if part is not None]
    if len(alone) < len(parts):
        raise Missing("no field series of its metal and of the rest, each alone, in the test set")
    values = [dipoles(one) for one in (series, *alone)]
    reference, predicted = np.array([found.slopes for found in values]).T @ [1.0, -1.0, -1.0]
    sample = Sample(series.group, np.array([reference]), np.array([predicted]), np.zeros(1))
    return Compared(sample, min(len(found.field) for found in values))


def _score_beyond(
    result: Evaluation, series: Sequence[FieldSeries], field_range: FieldRange | None
) -> None:
    """Dipoles in fields that training has not seen, less their mean over the others."""
    if field_range is None:
        reason = "which fields training has seen is not recorded"
    else:
        samples = [s for one in series if (s := _beyond_sample(one, field_range)) is not None]
        if samples:
            result.records.extend(error_records(INDUCED_DIPOLE, BEYOND, samples))
            return
        reason = "no sound field series goes beyond the training fields"
    mark_absent(result.absent, [INDUCED_DIPOLE], reason, subset=BEYOND)


def _beyond_sample(series: FieldSeries, field_range: FieldRange) -> Sample | None:
    try:
        values = dipoles(series)
    except Missing:
        return None
    outside = beyond(values.field, field_range, series.axis)
    if not outside.any() or outside.all():
        return None
    reference, predicted = (
        x[outside] - x[~outside].mean() for x in (values.reference, values.predicted)
    )
    return Sample(series.group, reference, predicted, np.zeros(reference.shape))
