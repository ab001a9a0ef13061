"""Fermi levels at which a defect changes its charge.

The formation energy of charge Q is E(Q) + ΔE(Q) + Q ε_F plus what does not depend on Q, so those of
q and q' are equal at ε(q/q') = (E(q) + ΔE(q) − E(q') − ΔE(q')) / (q' − q) (C. Freysoldt et al.,
Rev. Mod. Phys. 86, 253 (2014), section II).  ε_F counts from the labels' zero, the cell average of
the electrostatic potential, in DFT and model alike: no valence band edge is asked of either.
ΔE takes the cell's images away and is one number for both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import ase
import numpy as np

from bench.evaluate.charge_groups import ChargeStates
from bench.evaluate.image_charge import image_correction
from bench.evaluate.record import record
from bench.evaluate.registry import Family, MetricInfo
from bench.evaluate.scoring import UNSOUND, Array, Sample, score_by_subset, sound_sample
from bench.evaluate.selection import total_charge
from bench.labels.keys import DIELECTRIC_KEY
from bench.labels.state import charge_name
from bench.runs.records import Evaluation

NO_DIELECTRIC = f"the structures do not state {DIELECTRIC_KEY}"


@dataclass(frozen=True)
class Level:
    """Where charges q and q' have equal formation energies.

    Attributes:
        group: geometry or defect.
        subset: ``level=+2/0``.
        values: [3] reference, predicted, baseline in eV, without the images' correction.
        correction: in eV, to be added to each; None without a dielectric constant.
        sound: whether the predictions converged and are finite.
    """

    group: str
    subset: str
    values: Array
    correction: float | None
    sound: bool

    @property
    def sample(self) -> Sample:
        """For scoring, where the correction drops out.

        Raises:
            Missing: a prediction is not sound.
        """
        return sound_sample(self.group, self.values, sound=self.sound)


def levels(states: Sequence[ChargeStates], *, relaxed: bool = False) -> list[Level]:
    """The level of every two charges of a geometry, or of a relaxed defect.

    Args:
        states: energies by charge.
        relaxed: whether every charge is at its own minimum, so that ions screen, too.
    """
    return [
        _level(state, low, high, relaxed)
        for state in states
        for low, high in combinations(sorted(state.frames), 2)
    ]


def _level(state: ChargeStates, low: float, high: float, relaxed: bool) -> Level:
    step = low - high  # q' − q of ε(q/q')
    both = [correction(state.frames[charge], relaxed=relaxed) for charge in (high, low)]
    known = [value for value in both if value is not None]
    names = [charge_name(charge).removeprefix("charge=") for charge in (high, low)]
    return Level(
        state.group,
        f"level={'/'.join(names)}",
        np.asarray((state.energies[high] - state.energies[low]) / step),
        (known[0] - known[1]) / step if len(known) == 2 else None,
        {low, high} <= state.sound,
    )


def correction(atoms: ase.Atoms, *, relaxed: bool) -> float | None:
    """What the images take from a charged crystal's energy, in eV; None where ε is not stated.

    Args:
        atoms: with its total charge; slabs and molecules have no such correction.
        relaxed: whether its ions have answered the charge.
    """
    if DIELECTRIC_KEY not in atoms.info or not atoms.pbc.all():
        return None
    constant = float(np.asarray(atoms.info[DIELECTRIC_KEY])[int(relaxed)])
    return image_correction(atoms.cell.array, float(total_charge(atoms)), constant)


def score_levels(
    result: Evaluation,
    family: Family,
    named: Sequence[MetricInfo],
    states: Sequence[ChargeStates],
    *,
    relaxed: bool = False,
) -> None:
    """Add errors of levels, and the corrected levels themselves, means over the geometries.

    Args:
        result: gets the records, or the reasons.
        family: of the errors.
        named: metrics of the predicted level, of the reference's and of the correction in both.
        states: energies by charge.
        relaxed: as of ``levels``.
    """
    found = levels(states, relaxed=relaxed)
    wanted = f"{'relaxed defect' if relaxed else 'geometry'} at two charges"
    score_by_subset(result, family, found, lambda level: level.sample, wanted)
    if not found:
        result.absent.update({metric.name: f"no {wanted} in the test set" for metric in named})
    by_subset: dict[str, list[Level]] = defaultdict(list)
    for level in found:
        by_subset[level.subset].extend([level] if level.sound else [])
    for subset, members in by_subset.items():
        corrections = [level.correction for level in members if level.correction is not None]
        if not members or len(corrections) < len(members):
            reason = NO_DIELECTRIC if members else UNSOUND
            result.absent.update({f"{metric.name}[{subset}]": reason for metric in named})
            continue
        reference, predicted, _ = np.mean([level.values for level in members], axis=0)
        shift = float(np.mean(corrections))
        for metric, value in zip(named, (predicted + shift, reference + shift, shift)):
            result.records.append(record(metric.name, value, subset=subset, n=len(members)))
