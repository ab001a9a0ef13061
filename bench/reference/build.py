"""One function from plan and labels to what a run reads: structures.extxyz and card.yaml."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ase import Atoms

from bench.density.constants import COULOMB_CONSTANT
from bench.errors import BenchError
from bench.labels.keys import (
    APPLIED_FIELD_KEY,
    ASIDE_KEY,
    DIELECTRIC_KEY,
    DIPOLE_MASK_KEY,
    ELECTRIC_FIELD_KEY,
    ELECTRON_PROFILE_KEY,
    HIRSHFELD_KEY,
    IDENTITY_KEYS,
    MULLIKEN_KEY,
    MULTIPLICITY_KEY,
    TOTAL_CHARGE_KEY,
    VACANCY_SITE_KEY,
)
from bench.labels.quantities import DIPOLE, ENERGY, FERMI_LEVEL, FORCES, MULTIPOLES
from bench.reference.cp2k_input import is_metal
from bench.reference.field_series import add_polarizabilities
from bench.reference.goals import goals_reached
from bench.reference.store import Store, read_by_hand
from bench.storage import write_frames, write_yaml

_IDENTITY = (*IDENTITY_KEYS, TOTAL_CHARGE_KEY, MULTIPLICITY_KEY)
_STRUCTURES = "structures.extxyz"


def labelled_frame(atoms: Atoms, label: dict[str, Any]) -> Atoms:
    """A planned structure with its label under the dataset's keys.

    A slab was calculated in a periodic cell with a sawtooth potential, where the images' dipoles
    add a homogeneous field: it feels E = E_applied + 4π k μ_z / V, and with open boundaries in
    that field its energy, −μE included, is E_CP2K − 2π k μ_z² / V.

    Only metals keep their Fermi level.  In a gap any level holds the right number of electrons, and
    CP2K's search stops where it first does: 34 k_B T below the lowest empty level.  A structure
    counts as a metal if it has an atom of ``METALS``; of a compound with a gap, such as alumina,
    that is wrong, and its Fermi level should not be learned (``training.loss.fermi_level=0``).

    Args:
        atoms: the planned structure (applied field in ``info["field"]``, V/Å).
        label: what :mod:`~bench.reference.labelling` stored.
    """
    slab = not atoms.pbc.all()
    frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=[True, True, not slab])
    frame.info = {key: atoms.info[key] for key in _IDENTITY}
    energy, applied = label["energy"], np.array([0.0, 0.0, float(atoms.info["field"])])
    felt = applied.copy()
    if slab:
        per_dipole = 4 * np.pi * COULOMB_CONSTANT / atoms.get_volume()  # V/Å per e Å
        dipole = label["dipole_z"]
        energy -= 0.5 * per_dipole * dipole**2
        felt[2] += per_dipole * dipole
        frame.info[DIPOLE.reference_key] = np.array([0.0, 0.0, dipole])
        frame.info[DIPOLE_MASK_KEY] = np.array([0, 0, 1])
        if atoms.info["split"] == "test":  # nothing is trained on it, and it is long
            frame.info[ELECTRON_PROFILE_KEY] = np.array(label["profile"]["electrons_per_length"])
    frame.info[ELECTRIC_FIELD_KEY] = felt
    frame.info[APPLIED_FIELD_KEY] = applied
    frame.info[ENERGY.reference_key] = energy
    if label["fermi_level"] is not None and is_metal(atoms):
        frame.info[FERMI_LEVEL.reference_key] = label["fermi_level"]
    if VACANCY_SITE_KEY in atoms.info:
        frame.info[VACANCY_SITE_KEY] = np.array(atoms.info[VACANCY_SITE_KEY])
    dipoles = np.array(label["dipoles"])
    frame.arrays[FORCES.reference_key] = np.array(label["forces"])
    frame.arrays[MULTIPOLES.reference_key] = np.column_stack(
        [label["charges"], dipoles[:, 1], dipoles[:, 2], dipoles[:, 0]]
    )
    frame.arrays[HIRSHFELD_KEY] = np.array(label["hirshfeld"])
    if label["mulliken"] is not None:
        frame.arrays[MULLIKEN_KEY] = np.array(label["mulliken"])
    return frame


def build(store: Store) -> list[Atoms]:
    """Write structures.extxyz and card.yaml from everything that is labelled.

    The card is ``about.yaml`` (what a person wrote) with counts, checksums, sum rules and the
    numbers of ``validation.json`` added.

    Returns:
        The labelled structures in the plan's order.
    """
    done = store.labelled()
    plan = store.plan()
    labels = {a.info["uid"]: store.read_label(a.info["uid"]) for a in plan if a.info["uid"] in done}
    frames = [labelled_frame(a, labels[a.info["uid"]]) for a in plan if a.info["uid"] in labels]
    about = read_about(store.folder)
    add_dielectric_constants(frames, about)
    set_aside(frames, about)
    add_polarizabilities(frames)
    write_frames(store.folder / _STRUCTURES, frames)
    card, path = make_card(store, plan, frames, list(labels.values())), store.folder / "card.yaml"
    before = yaml.safe_load(path.read_text()) if path.is_file() else {}
    if "learning_curves" in before and before["files"] == card["files"]:
        card["learning_curves"] = before["learning_curves"]
    write_yaml(path, card)
    return frames


def add_dielectric_constants(frames: Sequence[Atoms], about: dict[str, Any]) -> None:
    """Let crystals state what ``about.yaml`` says of the host, for corrections of charged cells.

    Raises:
        BenchError: not two numbers of at least one.
    """
    if DIELECTRIC_KEY not in about:
        return
    given = about[DIELECTRIC_KEY]
    try:
        constants = np.array([float(given[ions]) for ions in ("ions_held", "ions_free")])
    except (KeyError, TypeError, ValueError):
        constants = np.zeros(2)
    if not (constants >= 1.0).all():
        raise BenchError(
            f"about.yaml: {DIELECTRIC_KEY}={given!r}.",
            f"Two numbers of at least one: {DIELECTRIC_KEY}: {{ions_held: 2.4, ions_free: 4.6}}",
        )
    for atoms in frames:
        if atoms.pbc.all():
            atoms.info[DIELECTRIC_KEY] = constants


def set_aside(frames: Sequence[Atoms], about: dict[str, Any]) -> None:
    """Give structures with a metal, of the trajectories of ``about.yaml``'s ``aside``, its subset.

    A subset whose metal is wrong teaches something of other geometries, but what is measured on it
    says little of the system: its test structures are in no number but its own.

    Raises:
        BenchError: not a list of trajectories by subset.
    """
    for subset, trajectories in about.get("aside", {}).items():
        if not isinstance(trajectories, list):
            raise BenchError(
                f"about.yaml: aside, {subset}: {trajectories!r}.",
                "A list of trajectories: aside: {expanded_metal: [pt_w3_s1]}",
            )
        for atoms in frames:
            if atoms.info["trajectory"] in trajectories and is_metal(atoms):
                atoms.info |= {"subset": subset, ASIDE_KEY: True}


def make_card(
    store: Store, plan: Sequence[Atoms], frames: Sequence[Atoms], labels: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The dataset card: ``about.yaml`` and what can be counted or measured."""
    card = read_about(store.folder)
    validation = store.folder / "validation.json"
    card["counts"] = {"total": len(frames), "subsets": count_splits(frames)}
    card["planned"] = _planned(plan, labels, goal=card.pop("goal", len(plan)))
    card["goals"] = goals_reached(frames, card.get("goals") or {})
    card["free_atoms"] = free_atoms(frames, labels)
    card["sum_rules"] = _sum_rules(labels)
    card["validation"] = json.loads(validation.read_text()) if validation.is_file() else {}
    card["failed"] = store.failures()
    card["files"] = [
        {"name": name, "sha256": hashlib.sha256((store.folder / name).read_bytes()).hexdigest()}
        for name in (_STRUCTURES,)
    ]
    return card


def read_about(folder: Path) -> dict[str, Any]:
    """What a person wrote of a system: ``about.yaml`` with system, labels, notes and more.

    Raises:
        BenchError: no such file, no YAML, a key is missing, it is another system's, or a note is
            not a text.
    """
    path = folder / "about.yaml"
    about = read_by_hand(path, use=": the card is made from it")
    missing = [k for k in ("system", "labels") if not isinstance(about, dict) or k not in about]
    if missing:
        raise BenchError(f"{path}: {missing[0]} is missing.", "Required: system, labels.")
    if about["system"] != folder.name:
        raise BenchError(f"{path}: system is {about['system']!r}.", f"system: {folder.name}")
    for index, note in enumerate(about.get("notes") or []):
        if not isinstance(note, str):
            raise BenchError(
                f"{path}, note {index}: {note!r} is no text.",
                "A note with a colon and a space needs quotation marks.",
            )
    return dict(about)


def count_splits(frames: Sequence[Atoms]) -> dict[str, dict[str, int]]:
    """Structures per subset and split."""
    counts: dict[str, Counter[str]] = {}
    for atoms in frames:
        counts.setdefault(atoms.info["subset"], Counter())[atoms.info["split"]] += 1
    return {subset: dict(sorted(splits.items())) for subset, splits in sorted(counts.items())}


def _planned(
    plan: Sequence[Atoms], labels: Sequence[dict[str, Any]], *, goal: int
) -> dict[str, Any]:
    """What is wanted, what is missing to the goal and to the plan, and the goal's core hours."""
    seconds = [label["provenance"]["seconds"] for label in labels]
    typical = float(np.median(seconds)) if seconds else 0.0
    missing = max(0, goal - len(labels))
    return {
        "structures": len(plan),
        "goal": goal,
        "missing": missing,
        "unlabelled": len(plan) - len(labels),
        "core_hours_missing": round(missing * typical / 3600, 1),
        "median_seconds_per_label": round(typical),
    }


def free_atoms(frames: Sequence[Atoms], labels: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Checksum by element of the free atoms that the multipoles were made with.

    Raises:
        BenchError: one element's free atoms differ between labels; their charges then do, too.
    """
    found: dict[str, dict[str, str]] = {}  # by element: a label by checksum
    for atoms, label in zip(frames, labels):
        recorded = label["provenance"].get("proatoms", {})
        for element in set(atoms.get_chemical_symbols()):
            found.setdefault(element, {})[recorded.get(element, "not recorded")] = label["uid"]
    for element, labelled in found.items():
        if len(labelled) > 1:
            which = ", ".join(f"{checksum} in {uid}" for checksum, uid in labelled.items())
            raise BenchError(
                f"The labels' free atoms of {element} differ: {which}.",
                "Give all the same: bench data repartition system=... densities=FOLDER",
            )
    return {element: next(iter(labelled)) for element, labelled in sorted(found.items())}


def _sum_rules(labels: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Largest errors of the charge and dipole sum rules and largest correction, by kind.

    The violations are those of the scaled density; by how many electrons it was scaled was not
    kept of every label.
    """
    result: dict[str, Any] = {}
    for kind in sorted({label["provenance"]["multipole_correction"] for label in labels}):
        chosen = [
            x["provenance"] for x in labels if x["provenance"]["multipole_correction"] == kind
        ]
        dipole = [abs(v) for p in chosen for v in p["dipole_violation"]]
        missed = [p.get("electrons_missed") for p in chosen]
        known = [abs(electrons) for electrons in missed if electrons is not None]
        result[kind] = {
            "structures": len(chosen),
            "largest_electrons_missed": _short(max(known)) if known else None,
            "largest_raw_charge_violation_e": _short(
                max(abs(p["charge_violation"]) for p in chosen)
            ),
            "largest_raw_dipole_violation_e_angstrom": _short(max(dipole, default=0.0)),
            "largest_correction_e_or_e_angstrom": _short(
                max(abs(p["largest_correction"]) for p in chosen)
            ),
        }
    return result


def _short(value: float) -> float:
    return float(f"{value:.2g}")
