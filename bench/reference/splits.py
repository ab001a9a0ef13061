"""The splits of a system as files, for codes that train or predict elsewhere."""

from __future__ import annotations

from pathlib import Path

import ase

from bench.config.systems import system_named
from bench.data.dataset import load_dataset
from bench.labels.keys import MACE_CHARGES_KEY, MULTIPLICITY_KEY, SPLITS
from bench.labels.quantities import MULTIPOLES
from bench.storage import write_frames

# What mace-torch calls otherwise; energies, forces, stresses and total charges have its own keys.
SPIN_KEY = "total_spin"


def export(system: str, folder: Path) -> list[Path]:
    """Write train.extxyz, valid.extxyz and test.extxyz; returns their paths.

    Keys are those of the data set, which ``mace_run_train`` reads without being told, and beside
    them its keys of the multiplicity and of atomic charges (e).  ``uid`` tells predictions of the
    structures apart when they come back.

    Args:
        system: any that a run takes.
        folder: made where it lacks.

    Raises:
        BenchError: data that no run accepts.
    """
    data = load_dataset(system_named(system))
    paths = []
    for split in SPLITS:
        if frames := [_with_names(atoms) for atoms in data.frames[split]]:
            paths.append(folder / f"{split}.extxyz")
            write_frames(paths[-1], frames)
    return paths


def _with_names(atoms: ase.Atoms) -> ase.Atoms:
    copy: ase.Atoms = atoms.copy()
    if MULTIPLICITY_KEY in copy.info:
        copy.info[SPIN_KEY] = copy.info[MULTIPLICITY_KEY]
    if MULTIPOLES.reference_key in copy.arrays:
        multipoles = copy.arrays[MULTIPOLES.reference_key].reshape(len(copy), -1)
        copy.arrays[MACE_CHARGES_KEY] = multipoles[:, 0]
    return copy
