"""``bench data audit``: what a dataset holds, and whether it keeps its promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.spatial import cKDTree

from bench.config.options import REQUIRED, parse_options
from bench.config.schema import SystemConfig
from bench.data.dataset import Dataset, load_dataset
from bench.errors import BenchError
from bench.labels.keys import CARTESIAN_FROM_E3NN, DIPOLE_MASK_KEY, LABELS, SPLITS
from bench.reference.neighbours import environments, structure_distance

Array = NDArray[np.float64]

SUM_RULE_TOLERANCE = 1e-6  # e and e Å; files carry eight decimals
DUPLICATE = 1e-3  # relative distance of descriptors below which two geometries are the same
_FIGURES = (".png", ".pdf", ".svg")
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


def main(argv: list[str]) -> int:
    """Print the audit of one system; 1 if a promise is broken."""
    defaults: dict[str, Any] = {"system": REQUIRED, "figure": ""}
    options = parse_options(argv, defaults, verb="bench data audit")
    figure = Path(options["figure"])
    if options["figure"] and figure.suffix not in _FIGURES:
        raise BenchError(f"figure={figure}: no such format.", f"Allowed: {', '.join(_FIGURES)}.")
    dataset = load_dataset(SystemConfig(name=options["system"]))
    console = Console(markup=False)  # units are in brackets
    for line in dataset.summary():
        console.print(line, highlight=False)
    result = audit(dataset)
    console.print(counts_table(result.frames))
    console.print(ranges_table(result.frames))
    for line in result.remarks:
        console.print(f"look: {line}", highlight=False)
    for line in result.violations:
        console.print(f"violation: {line}", style="red", highlight=False)
    if options["figure"]:
        from bench.reference.audit_figure import draw

        figure.parent.mkdir(parents=True, exist_ok=True)
        draw(result.frames, figure)
        console.print(str(figure))
    console.print(f"{len(result.violations)} violations, {len(result.remarks)} remarks")
    return 1 if result.violations else 0


def audit(dataset: Dataset) -> Audit:
    """Check sum rules, the card's counts, splits and leakage, and look for outliers."""
    result = Audit(dataset)
    _check_card(result)
    _check_sum_rules(result)
    _check_trajectories(result)
    _check_repeats(result)
    _check_leakage(result)
    _find_outliers(result)
    return result


def _check_card(result: Audit) -> None:
    counted = result.dataset.card.get("counts", {}).get("total")
    if counted is not None and counted != len(result.frames):
        result.violations.append(
            f"card.yaml counts {counted} structures, {len(result.frames)} found"
        )


def _check_sum_rules(result: Audit) -> None:
    worst = {"charge": 0.0, "dipole": 0.0}
    for atoms in result.frames:
        for kind, value in sum_rule_violations(atoms).items():
            worst[kind] = max(worst[kind], value)
            if value > SUM_RULE_TOLERANCE:
                result.violations.append(
                    f"{atoms.info['uid']}: the {kind} sum rule is off by {value:.2e}"
                )
    result.remarks.append(
        f"sum rules: charges within {worst['charge']:.1e} e, dipoles within "
        f"{worst['dipole']:.1e} e Å"
    )


def sum_rule_violations(atoms: Atoms) -> dict[str, float]:
    """|Σq − Q| (e) and the largest |Σ(q r + d) − dipole| (e Å) over the defined components.

    Charged structures are checked about the origin, like their dipole. Empty where the labels are
    absent.
    """
    if "REF_multipoles" not in atoms.arrays:
        return {}
    multipoles = atoms.arrays["REF_multipoles"]
    charges, dipoles = multipoles[:, 0], multipoles[:, 1:][:, CARTESIAN_FROM_E3NN]
    found = {"charge": abs(float(charges.sum() - atoms.info["total_charge"]))}
    mask = np.asarray(atoms.info.get(DIPOLE_MASK_KEY, [0, 0, 0]), dtype=bool)
    if "REF_dipole" in atoms.info and mask.any():
        total = charges @ atoms.positions + dipoles.sum(0)
        off = np.abs(total - np.asarray(atoms.info["REF_dipole"]))[mask]
        found["dipole"] = float(off.max())
    return found


def _check_trajectories(result: Audit) -> None:
    splits: dict[str, set[str]] = {}
    for atoms in result.frames:
        splits.setdefault(str(atoms.info["trajectory"]), set()).add(atoms.info["split"])
    for name, found in sorted(splits.items()):
        if "test" in found and len(found) > 1:
            result.violations.append(f"trajectory {name} is in {', '.join(sorted(found))}")


def _check_repeats(result: Audit) -> None:
    """The same atoms in the same field at the same charge, twice: they would weigh twice."""
    first: dict[str, str] = {}
    for atoms in result.frames:
        values = [atoms.positions, atoms.cell.array, atoms.info["electric_field"]]
        place = [(np.asarray(value).round(3) + 0.0).tolist() for value in values]
        state = f"{atoms.numbers.tolist()} {place} {float(atoms.info['total_charge'])}"
        uid = str(atoms.info["uid"])
        if first.setdefault(state, uid) != uid:
            result.violations.append(f"{uid} is {first[state]} once more")


def _check_leakage(result: Audit) -> None:
    """How near the nearest training geometry of each test geometry is, among equal compositions."""
    train, test = (_geometries(result.dataset.frames[split]) for split in ("train", "test"))
    if not train or not test:
        return
    elements = sorted({int(z) for atoms in [*train, *test] for z in atoms.numbers})
    described = [environments(atoms, elements) for atoms in train]
    nearest = []
    for atoms in test:
        own = environments(atoms, elements)
        peers = [
            (structure_distance(own, other), str(near.info["uid"]))
            for near, other in zip(train, described)
            if near.get_chemical_formula() == atoms.get_chemical_formula()
        ]
        if peers:
            distance, uid = min(peers)
            nearest.append(distance)
            if distance < DUPLICATE:
                result.violations.append(
                    f"test {atoms.info['uid']} has the geometry of training {uid} "
                    f"(distance {distance:.1e})"
                )
    result.remarks.append(
        f"leakage: {len(nearest)} of {len(test)} test geometries have training geometries of equal "
        "composition"
        + (f", nearest at {min(nearest):.3f}, median {np.median(nearest):.3f}" if nearest else "")
        + f" (training to training: median {_typical(train, described):.3f})"
    )
    result.remarks.append(_environment_leakage(train, test, elements))


def _geometries(frames: Sequence[Atoms]) -> list[Atoms]:
    """One structure of every group."""
    return list({str(atoms.info["group"]): atoms for atoms in frames}.values())


def _typical(train: Sequence[Atoms], described: Sequence[dict[int, Array]]) -> float:
    """Median distance to the nearest other training geometry of equal composition."""
    formulas = [atoms.get_chemical_formula() for atoms in train]
    nearest = []
    for i, own in enumerate(described):
        others = [
            structure_distance(own, described[j])
            for j in range(len(train))
            if j != i and formulas[j] == formulas[i]
        ]
        nearest += [min(others)] if others else []
    return float(np.median(nearest)) if nearest else float("nan")


def _environment_leakage(
    train: Sequence[Atoms], test: Sequence[Atoms], elements: Sequence[int]
) -> str:
    """Share of test atoms whose surroundings a training atom has, by element."""
    known, asked = _by_element(train, elements), _by_element(test, elements)
    parts = []
    for number in sorted(set(known) & set(asked)):
        distance, _ = cKDTree(known[number]).query(asked[number])
        relative = distance / np.linalg.norm(asked[number], axis=1)
        parts.append(f"Z={number}: median {np.median(relative):.3f}, least {relative.min():.4f}")
    return "nearest training environment of a test atom, relative: " + "; ".join(parts)


def _by_element(frames: Sequence[Atoms], elements: Sequence[int]) -> dict[int, Array]:
    collected: dict[int, list[Array]] = {}
    for atoms in frames:
        for number, vectors in environments(atoms, elements).items():
            collected.setdefault(number, []).append(vectors)
    return {number: np.concatenate(parts) for number, parts in collected.items()}


def _find_outliers(result: Audit) -> None:
    """Geometries whose largest force or energy stands far out among equal compositions."""
    groups: dict[str, list[Atoms]] = {}
    for atoms in result.frames:
        key = f"{atoms.get_chemical_formula()} at {atoms.info['total_charge']:+g} e"
        groups.setdefault(key, []).append(atoms)
    for key, frames in groups.items():
        members = _geometries(frames)  # the fields of one geometry would make the spread too small
        if len(members) < _ENOUGH:
            continue
        values = {
            "largest force (eV/Å)": [np.abs(a.arrays["REF_forces"]).max() for a in members],
            "energy (eV)": [a.info["REF_energy"] for a in members],
        }
        for name, numbers in values.items():
            off = robust_deviation(np.array(numbers, dtype=float))
            for index in np.flatnonzero(off > _OUTLIER):
                result.remarks.append(
                    f"{members[index].info['uid']} ({key}): {name} {numbers[index]:.3f} is "
                    f"{off[index]:.0f} robust standard deviations out"
                )


def robust_deviation(values: Array) -> Array:
    """Distance from the median in units of 1.4826 times the median absolute deviation."""
    off = np.abs(values - np.median(values))
    spread = 1.4826 * float(np.median(off))
    return np.asarray(off / spread if spread > 0 else np.zeros_like(off), dtype=np.float64)


def counts_table(frames: Sequence[Atoms]) -> Table:
    """Structures per subset and split."""
    table = Table("subset", *SPLITS, "charges (e)", title="structures")
    for subset in sorted({str(a.info["subset"]) for a in frames}):
        chosen = [a for a in frames if a.info["subset"] == subset]
        counts = Counter(a.info["split"] for a in chosen)
        charges = sorted({float(a.info["total_charge"]) for a in chosen})
        table.add_row(
            subset, *(str(counts[s]) for s in SPLITS), " ".join(f"{q:+g}" for q in charges)
        )
    return table


def ranges_table(frames: Sequence[Atoms]) -> Table:
    """Smallest, mean, largest value and standard deviation of every label."""
    table = Table("label", "unit", "structures", "least", "mean", "most", "deviation")
    for name, unit, values, count in label_values(frames):
        numbers = [f"{f(values):.4g}" for f in (np.min, np.mean, np.max, np.std)]
        table.add_row(name, unit, str(count), *numbers)
    return table


def label_values(
    frames: Sequence[Atoms], fitted_on: Sequence[Atoms] | None = None
) -> list[tuple[str, str, Array, int]]:
    """Name, unit, all numbers and number of structures of every label and of the field along z.

    The energy is shown less one energy per element, fitted on ``fitted_on`` (default: ``frames``).
    """
    found = []
    for label in LABELS.values():
        store = [a.arrays if label.per_atom else a.info for a in frames]
        values = [
            np.asarray(s[label.reference_key], float) for s in store if label.reference_key in s
        ]
        if not values:
            continue
        if label.name == "multipoles":
            charges, dipoles = (
                np.concatenate([v[:, c].ravel() for v in values])
                for c in (slice(0, 1), slice(1, 4))
            )
            found += [
                ("atomic charge", "e", charges, len(values)),
                ("atomic dipole", "e Å", dipoles, len(values)),
            ]
        elif label.name == "energy":
            found.append(
                (
                    "energy less E0, per atom",
                    "eV",
                    _less_elements(frames, fitted_on or frames),
                    len(values),
                )
            )
        elif label.name == "dipole":
            along_z = np.array([v[2] for v in values])
            found.append(("dipole along z", "e Å", along_z, len(values)))
        else:
            flat = np.concatenate([v.ravel() for v in values])
            found.append((label.name.replace("_", " "), label.unit, flat, len(values)))
    fields = np.array([np.asarray(a.info["electric_field"], float)[2] for a in frames])
    return [*found, ("field along z", "V/Å", fields, len(frames))]


def _less_elements(frames: Sequence[Atoms], fitted_on: Sequence[Atoms]) -> Array:
    """Energies per atom less the least-squares sum of one energy per element (eV)."""
    elements = sorted({int(z) for a in fitted_on for z in a.numbers})
    energies, counts = _energies(fitted_on, elements)
    per_element = np.linalg.lstsq(counts, energies, rcond=None)[0]
    own, composition = _energies(frames, elements)
    return np.asarray((own - composition @ per_element) / composition.sum(1), dtype=np.float64)


def _energies(frames: Sequence[Atoms], elements: Sequence[int]) -> tuple[Array, Array]:
    counts = np.array([[(a.numbers == z).sum() for z in elements] for a in frames], float)
    return np.array([a.info["REF_energy"] for a in frames], float), counts
