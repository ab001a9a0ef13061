"""``bench data audit``: what a dataset holds, and whether it keeps its promises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from bench.audit.figure import FORMATS, draw
from bench.audit.label_values import counts_table, ranges_table
from bench.audit.leakage import describe, distinct, nearness, same_geometries
from bench.audit.remarks import structure_remarks
from bench.audit.signs import wrong_signs
from bench.audit.sum_rules import stated_resolutions, sum_rules
from bench.config.schema import SystemConfig
from bench.console import make_console
from bench.data.dataset import Dataset, load_dataset
from bench.errors import BenchError
from bench.labels.keys import ELECTRIC_FIELD_KEY, MULTIPLICITY_KEY, SPLITS, TOTAL_CHARGE_KEY
from bench.labels.quantities import ENERGY, FORCES, Quantity
from bench.labels.stored import is_stated, labelled_values

Array = NDArray[np.float64]
Progress = Callable[[Sequence[Atoms]], Iterable[Atoms]]

_OUTLIER = 8.0  # robust standard deviations
_ENOUGH = 6  # geometries from which a spread can be told


@dataclass
class Audit:
    """Findings of one dataset.

    Attributes:
        violations: broken promises; the exit code is 1 if there is any.
        remarks: what a person should look at.
    """

    dataset: Dataset
    violations: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def frames(self) -> list[Atoms]:
        """All structures."""
        return [atoms for split in SPLITS for atoms in self.dataset.frames[split]]

    @property
    def names(self) -> list[str]:
        """How to call them."""
        return [str(atoms.info["uid"]) for atoms in self.frames]


def report(system: str, figure: Path | None = None) -> int:
    """Print the audit of one system, and draw it where asked; 1 if a promise is broken.

    Args:
        system: any that a run takes.
        figure: file of a picture.

    Raises:
        BenchError: data that no run accepts, or a picture of no known format.
    """
    if figure and figure.suffix not in FORMATS:
        raise BenchError(f"figure={figure}: no such format.", f"Allowed: {', '.join(FORMATS)}.")
    dataset = load_dataset(SystemConfig(name=system))
    console = make_console()
    for line in dataset.summary():
        console.print(line)
    result = audit(dataset, progress_on(console))
    console.print(counts_table(result.frames))
    console.print(ranges_table(result.frames))
    for line in result.remarks:
        console.print(f"look: {line}")
    for line in result.violations:
        console.print(f"violation: {line}", style="red")
    if figure:
        draw(result.frames, figure)
        console.print(str(figure))
    console.print(f"{len(result.violations)} violations, {len(result.remarks)} remarks")
    return 1 if result.violations else 0


def progress_on(console: Console) -> Progress:
    """A bar for whoever watches a terminal."""

    def shown(frames: Sequence[Atoms]) -> Iterable[Atoms]:
        return track(
            frames,
            "comparing geometries",
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    return shown


def audit(dataset: Dataset, progress: Progress = iter) -> Audit:
    """Check sum rules, signs, the card's counts, splits and leakage, and look for outliers.

    Args:
        dataset: as a run would load it.
        progress: passes on the structures of the longest part, and may show how far it is.
    """
    result = Audit(dataset)
    _check_card(result)
    _check_labels(result)
    _check_trajectories(result)
    _check_repeats(result)
    _check_leakage(result, progress)
    _find_outliers(result)
    return result


def _check_card(result: Audit) -> None:
    counted = result.dataset.card.get("counts", {}).get("total")
    if counted is not None and counted != len(result.frames):
        result.violations.append(
            f"card.yaml counts {counted} structures, {len(result.frames)} found"
        )


def _check_labels(result: Audit) -> None:
    """Sum rules once per kind, signs that labels contradict, and odd structures."""
    frames, names, card = result.frames, result.names, result.dataset.card
    for rule in sum_rules(frames, stated_resolutions(card)):
        (result.violations if rule.broken else result.remarks).append(rule.line(names))
    signs = card.get("imported", {}).get("options", {}).get("sign", {})
    result.remarks += [found.line(signs) for found in wrong_signs(frames)]
    result.remarks += structure_remarks(frames, names)


def _check_trajectories(result: Audit) -> None:
    splits: dict[str, set[str]] = {}
    for atoms in result.frames:
        splits.setdefault(str(atoms.info["trajectory"]), set()).add(atoms.info["split"])
    for name, found in sorted(splits.items()):
        if "test" in found and len(found) > 1:
            result.violations.append(f"trajectory {name} is in {', '.join(sorted(found))}")


def _check_repeats(result: Audit) -> None:
    """The same atoms in the same state, twice: they would weigh twice."""
    first: dict[tuple[object, ...], str] = {}
    for atoms in result.frames:
        values = (atoms.positions, atoms.cell.array, np.asarray(atoms.info[ELECTRIC_FIELD_KEY]))
        place = [(value.round(3) + 0.0).tobytes() for value in values]
        spin = str(atoms.info.get(MULTIPLICITY_KEY))
        state = (atoms.numbers.tobytes(), *place, float(atoms.info[TOTAL_CHARGE_KEY]), spin)
        uid = str(atoms.info["uid"])
        if first.setdefault(state, uid) != uid:
            result.violations.append(f"{uid} is {first[state]} once more")


def _check_leakage(result: Audit, progress: Progress) -> None:
    """Test geometries that are in training, and how near the others are."""
    train, test = (distinct(result.dataset.frames[split]) for split in ("train", "test"))
    result.violations += same_geometries(train, test)
    elements = sorted({int(z) for atoms in [*train, *test] for z in atoms.numbers})
    described = describe(progress([*train, *test]), elements)
    result.remarks += nearness(described[: len(train)], described[len(train) :])


def _find_outliers(result: Audit) -> None:
    """Geometries whose largest force or energy stands far out among equal compositions."""
    groups: dict[str, list[Atoms]] = {}
    for atoms in result.frames:
        key = f"{atoms.get_chemical_formula()} at {atoms.info[TOTAL_CHARGE_KEY]:+g} e"
        groups.setdefault(key, []).append(atoms)
    for key, frames in groups.items():
        members = distinct(frames)  # the fields of one geometry would make the spread too small
        for quantity, name in ((FORCES, "largest force (eV/Å)"), (ENERGY, "energy (eV)")):
            labelled = [a for a in members if is_stated(a, quantity)]
            if len(labelled) < _ENOUGH:
                continue
            numbers = np.array([_largest(a, quantity) for a in labelled])
            off = robust_deviation(numbers)
            for index in np.flatnonzero(off > _OUTLIER):
                result.remarks.append(
                    f"{labelled[index].info['uid']} ({key}): {name} {numbers[index]:.3f} is "
                    f"{off[index]:.0f} robust standard deviations out"
                )


def _largest(atoms: Atoms, quantity: Quantity) -> float:
    """Of an atom's components in absolute terms; of a structure its value."""
    values = labelled_values(atoms, quantity)
    return float(np.abs(values).max() if quantity.per_atom else values[0])


def robust_deviation(values: Array) -> Array:
    """Distance from the median in units of 1.4826 times the median absolute deviation."""
    off = np.abs(values - np.median(values))
    spread = 1.4826 * float(np.median(off))
    return np.asarray(off / spread if spread > 0 else np.zeros_like(off), dtype=np.float64)
