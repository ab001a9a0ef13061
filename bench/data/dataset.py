"""A system's reference data, checked before anything is computed with it."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase
import numpy as np
import yaml
from ase.io import read

from bench.config.schema import SystemConfig
from bench.density.geometry import Boundary
from bench.density.reciprocal import boundary_of
from bench.errors import BenchError, nearest
from bench.labels import keys as names
from bench.labels.keys import DIPOLE, LABELS, SPLITS
from bench.paths import shipped


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
            f"{label.name} [{label.unit}] in {sum(_has(a, label.name) for a in frames)}"
            for label in LABELS.values()
        )
        charges = Counter(f"{a.info[names.TOTAL_CHARGE_KEY]:+g} e" for a in frames)
        return [
            f"{self.name}: {len(frames)} structures ({sizes})",
            f"labels found: {', '.join(found)} of {len(frames)}",
            "total charges: " + ", ".join(f"{q}: {n}" for q, n in sorted(charges.items())),
        ]


def load_dataset(system: SystemConfig) -> Dataset:
    """Read and check a system's data.

    Raises:
        BenchError: missing or changed files, missing labels, non-finite numbers, boundary
            conditions or fields that the electrostatics cannot treat, groups across splits,
            elements that no training structure has.
    """
    folder = dataset_folder(system)
    card = _read_card(folder)
    frames: list[ase.Atoms] = []
    for entry in card["files"]:
        path = folder / entry["name"]
        _check_sha256(path, entry["sha256"])
        frames += _read_frames(path, card["labels"])
    _check_splits(frames, folder)
    by_split = {s: [a for a in frames if a.info["split"] == s] for s in SPLITS}
    for split in ("train", "test"):
        if not by_split[split]:
            raise BenchError(f"{folder}: no structure has split={split}.")
    _check_elements(by_split, folder)
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
    files = sorted((e["name"], e["sha256"]) for e in _read_card(folder)["files"])
    return hashlib.sha256(repr(files).encode()).hexdigest()


def check_frame(atoms: ase.Atoms, where: str, required: list[str]) -> None:
    """Refuse a structure that training or scoring could not treat honestly.

    Args:
        atoms: the structure.
        where: file and index, for the message.
        required: reference keys that must be there, such as ``REF_energy``.

    Raises:
        BenchError: with what was found.
    """
    found = sorted([*atoms.info, *(k for k in atoms.arrays if k not in ("numbers", "positions"))])
    needed = [names.TOTAL_CHARGE_KEY, names.ELECTRIC_FIELD_KEY, *names.IDENTITY_KEYS, *required]
    for key in needed:
        if key not in found:
            raise BenchError(
                f"{where}: {key} is missing (found: {', '.join(found)}).",
                f"Add {key} to the file; units and signs: datasets/README.md. "
                "`bench data import` renames the keys of a file of your own.",
            )
    for key in found:
        _check_finite(atoms.info.get(key, atoms.arrays.get(key)), key, where)
    _check_finite(atoms.positions, "positions", where)
    _check_finite(atoms.cell.array, "cell", where)
    _check_charge(atoms.info[names.TOTAL_CHARGE_KEY], where)
    _check_label_shapes(atoms, where)
    boundary = boundary_of(atoms.cell.array, atoms.pbc, where)
    check_field(atoms, boundary, where)
    check_vacuum(atoms, boundary, where)


def _check_finite(value: Any, key: str, where: str) -> None:
    array = np.asarray(value)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(np.atleast_1d(array)))[0]
        raise BenchError(
            f"{where}: {key} is not finite at index {bad.tolist()}.",
            "Remove the structure or calculate it again; `bench data audit` lists all of them.",
        )


def _check_charge(charge: Any, where: str) -> None:
    if np.size(charge) != 1 or np.asarray(charge).dtype.kind not in "iuf":
        raise BenchError(
            f"{where}: {names.TOTAL_CHARGE_KEY}={charge!r} is no number.",
            "Give it in e, positive where electrons are missing: total_charge=1.",
        )


def _check_label_shapes(atoms: ase.Atoms, where: str) -> None:
    for label in LABELS.values():
        if not _has(atoms, label.name):
            continue
        store = atoms.arrays if label.per_atom else atoms.info
        size = np.size(store[label.reference_key])
        expected = label.components * (len(atoms) if label.per_atom else 1)
        if size != expected:
            raise BenchError(
                f"{where}: {label.reference_key} has {size} numbers, expected {expected} "
                f"({label.description}, {label.unit})."
            )
    if _has(atoms, DIPOLE.name) and np.size(atoms.info.get(names.DIPOLE_MASK_KEY, [])) != 3:
        raise BenchError(
            f"{where}: {DIPOLE.reference_key} needs {names.DIPOLE_MASK_KEY}, three numbers.",
            'Slabs: dipole_mask="0 0 1"; molecules: dipole_mask="1 1 1".',
        )


def check_field(atoms: ase.Atoms, boundary: Boundary, where: str) -> None:
    """Refuse a field that is no vector of three or has a component along a periodic axis.

    Args:
        atoms: with ``electric_field`` in its info.
        boundary: of the structure.
        where: names it in the message.

    Raises:
        BenchError: with the field.
    """
    field = np.asarray(atoms.info[names.ELECTRIC_FIELD_KEY], dtype=float)
    if field.shape != (3,):
        raise BenchError(f"{where}: electric_field has shape {field.shape}, expected (3,) in V/Å.")
    periodic = field[atoms.pbc]
    if np.abs(periodic).max(initial=0.0) > 0.0:
        raise BenchError(
            f"{where}: electric_field={field.tolist()} V/Å along a periodic axis "
            f"(pbc={atoms.pbc.tolist()}, {boundary.name.lower()}).",
            "A homogeneous field is defined along open axes only: slabs along z.",
        )


def check_vacuum(atoms: ase.Atoms, boundary: Boundary, where: str) -> None:
    """Refuse a slab that is cut in two by the cell's face: its dipole would be another one.

    Args:
        atoms: the structure.
        boundary: of the structure.
        where: names it in the message.

    Raises:
        BenchError: a gap inside the slab is wider than the vacuum across the face.
    """
    if boundary is not Boundary.SLAB:
        return
    heights = np.sort(atoms.positions[:, 2])
    vacuum = atoms.cell[2, 2] - (heights[-1] - heights[0])
    widest = np.diff(heights).max(initial=0.0)
    if widest > vacuum:
        raise BenchError(
            f"{where}: a gap of {widest:.1f} Å along z inside the slab, and {vacuum:.1f} Å between "
            "its top and its image's bottom.",
            "Shift the atoms so that the vacuum lies at the cell's face, or give the cell more.",
        )


def _has(atoms: ase.Atoms, name: str) -> bool:
    label = LABELS[name]
    return label.reference_key in (atoms.arrays if label.per_atom else atoms.info)


def _read_card(folder: Path) -> dict[str, Any]:
    path = folder / "card.yaml"
    if not path.is_file():
        known = [p.parent.name for p in shipped("datasets").glob("*/card.yaml")]
        raise BenchError(f"{path} does not exist.", nearest(folder.name, known))
    card: dict[str, Any] = yaml.safe_load(path.read_text())
    for key in ("files", "labels"):
        if not isinstance(card, dict) or key not in card:
            raise BenchError(f"{path}: the card has no '{key}'.", "See datasets/README.md.")
    return card


def _check_sha256(path: Path, expected: str) -> None:
    if not path.is_file():
        raise BenchError(f"{path} is listed in card.yaml but does not exist.")
    actual = hashlib.sha256(path.read_bytes()).hexdigest()
    if actual != expected:
        raise BenchError(
            f"{path}: sha256 is {actual[:16]}…, the card says {str(expected)[:16]}….",
            f"The file has changed. Restore it (`git checkout {path}`) or, if the change is "
            "meant, write the new checksum into card.yaml.",
        )


def _read_frames(path: Path, labels: dict[str, Any]) -> list[ase.Atoms]:
    required = [key for key, entry in labels.items() if entry.get("required")]
    try:
        frames: list[ase.Atoms] = read(path, ":", format="extxyz")
    except Exception as error:
        raise BenchError(f"{path} cannot be read as extxyz: {error}") from error
    for index, atoms in enumerate(frames):
        check_frame(
            atoms, f"{path}, structure {index} ({atoms.info.get('uid', 'no uid')})", required
        )
    return frames


def _check_splits(frames: list[ase.Atoms], folder: Path) -> None:
    """A group (one geometry) stays in one split, and no uid comes twice."""
    split_of: dict[str, str] = {}
    for atoms in frames:
        group, split = str(atoms.info["group"]), atoms.info["split"]
        if split not in SPLITS:
            raise BenchError(f"{folder}: {atoms.info['uid']}: {split=}.", nearest(split, SPLITS))
        if split_of.setdefault(group, split) != split:
            raise BenchError(
                f"{folder}: group {group} is in {split_of[group]} and in {split}.",
                "A group is one geometry; all its structures belong to one split.",
            )
    twice = [uid for uid, n in Counter(a.info["uid"] for a in frames).items() if n > 1]
    if twice:
        raise BenchError(f"{folder}: uid comes twice: {', '.join(map(str, twice))}.")


def _check_elements(by_split: dict[str, list[ase.Atoms]], folder: Path) -> None:
    """No model knows an element that it was not trained on; told before training, not after it."""
    known = {symbol for atoms in by_split["train"] for symbol in atoms.symbols}
    for atoms in (atoms for split in SPLITS for atoms in by_split[split]):
        strangers = sorted(set(atoms.symbols) - known)
        if strangers:
            raise BenchError(
                f"{folder}: {atoms.info['uid']} (split={atoms.info['split']}) has "
                f"{', '.join(strangers)}, which no training structure has.",
                f"Elements in the training set: {', '.join(sorted(known))}.",
            )
