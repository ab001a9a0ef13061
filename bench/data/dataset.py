"""A system's reference data, checked before anything is computed with it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase

from bench.config.schema import SystemConfig
from bench.data.card import check_sha256, read_card
from bench.data.checks import check_frame, check_identity, check_set
from bench.data.extxyz import read_extxyz
from bench.data.subset import training_subset, without
from bench.labels import keys as names
from bench.labels.keys import SPLITS
from bench.labels.quantities import MULTIPOLES, labels
from bench.labels.stored import is_stated
from bench.paths import shipped

SMALL_SPLIT = 0.05  # of all structures: errors on fewer say little
_CHARGES_SHOWN = 6


@dataclass(frozen=True)
class Dataset:
    """Checked structures of one system.

    Attributes:
        name: of the system.
        card: the contents of card.yaml.
        checksum: sha256 over the data files.
        frames: structures by split: train, valid, test.
    """

    name: str
    card: dict[str, Any]
    checksum: str
    frames: dict[str, list[ase.Atoms]]

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers in the training set, ascending."""
        return tuple(sorted({int(z) for atoms in self.frames["train"] for z in atoms.numbers}))

    def summary(self) -> list[str]:
        """Lines that say how many structures there are and which labels were found in them."""
        sizes = ", ".join(f"{len(self.frames[split])} {split}" for split in SPLITS)
        frames = [atoms for split in SPLITS for atoms in self.frames[split]]
        found = (
            f"{label.name} [{label.unit}] in {sum(is_stated(a, label) for a in frames)}"
            for label in labels().values()
        )
        return [
            f"{self.name}: {len(frames)} structures ({sizes})",
            f"labels found: {', '.join(found)} of {len(frames)}",
            *_charges_alone(frames),
            f"total charges: {_told_charges(frames)}",
            *self._small_splits(len(frames)),
        ]

    def _small_splits(self, total: int) -> list[str]:
        sizes = {split: len(self.frames[split]) for split in SPLITS}
        return [
            f"warning: split {split} holds {size} of {total} structures, less than "
            f"{100 * SMALL_SPLIT:g} %"
            for split, size in sizes.items()
            if 0 < size < SMALL_SPLIT * total
        ]


def _charges_alone(frames: Sequence[ase.Atoms]) -> list[str]:
    key = MULTIPOLES.reference_key
    count = sum(key in a.arrays and a.arrays[key].shape[1] == 1 for a in frames)
    return [f"multipoles are charges alone in {count}: dipoles unknown"] if count else []


def _told_charges(frames: Sequence[ase.Atoms]) -> str:
    """Each total charge with its count, or of many their range."""
    counts = Counter(float(a.info[names.TOTAL_CHARGE_KEY]) + 0.0 for a in frames)
    if len(counts) > _CHARGES_SHOWN:
        common, count = counts.most_common(1)[0]
        return (
            f"{len(counts)} values from {min(counts):+g} to {max(counts):+g} e, "
            f"most often {common:+g} e: {count}"
        )
    return ", ".join(f"{charge:+g} e: {counts[charge]}" for charge in sorted(counts))


def load_dataset(system: SystemConfig, *, seed: int = 0) -> Dataset:
    """Read and check a system's data.

    Args:
        system: which, and how many of its training structures, without which.
        seed: decides which those are (``training_subset``).

    Raises:
        BenchError: missing or changed files, missing labels, non-finite numbers, boundary
            conditions or fields that the electrostatics cannot treat, groups across splits,
            elements that no training structure has, fewer training structures than asked for.
    """
    folder = dataset_folder(system)
    card = read_card(folder)
    frames: list[ase.Atoms] = []
    for entry in card["files"]:
        path = folder / entry["name"]
        check_sha256(path, entry["sha256"])
        frames += _read_frames(path, card["labels"])
    check_identity(frames, str(folder))
    by_split = {s: [a for a in frames if a.info["split"] == s] for s in SPLITS}
    size, left_out, where = system.train_size, system.leave_out, str(folder)
    by_split = without(by_split, left_out, system=where)
    by_split["train"] = training_subset(by_split["train"], size, seed=seed, system=where)
    where += f", without {left_out}" if left_out else ""
    where += f", {size} of its training structures" if size else ""
    check_set(by_split, where)
    return Dataset(system.name, card, dataset_checksum(system), by_split)


def dataset_folder(system: SystemConfig) -> Path:
    """The folder with the system's card: ``system.path``, ./datasets/<name> or the shipped one."""
    if system.path:
        return Path(system.path)
    local = Path("datasets") / system.name
    return local if local.is_dir() else shipped("datasets") / system.name


def dataset_checksum(system: SystemConfig) -> str:
    """sha256 over the names and checksums of the card's data files: part of a run's identity."""
    folder = dataset_folder(system)
    files = sorted((e["name"], e["sha256"]) for e in read_card(folder)["files"])
    return hashlib.sha256(repr(files).encode()).hexdigest()


def _read_frames(path: Path, labels: dict[str, Any]) -> list[ase.Atoms]:
    required = [key for key, entry in labels.items() if entry.get("required")]
    frames = read_extxyz(path)
    for index, atoms in enumerate(frames):
        named = f"{path}, structure {index} ({atoms.info.get('uid', 'no uid')})"
        check_frame(atoms, named, required)
    return frames
