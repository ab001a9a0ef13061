"""Water molecules whose labels are a calculator's own plus known atomic energies."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.io import write

from bench.labels.keys import SPLITS

ATOMIC = {1: -13.5, 8: -430.25}  # eV, what labels have beside the calculator's energy
CENTRE = 0.5  # Å, of a molecule without a box: from which dipoles of charged ones are counted


class Springs(Calculator):
    """E = Σ (r − 1)² + Q²/4 + Q/2 − M·F with charges that add up to Q, O 0.9 e below H.

    Args:
        charge: the key of the total charge in ``info``; one that nobody writes makes it blind.
        field: that of the field.
        unknown: number of an element at which it fails.
    """

    implemented_properties = ["energy", "forces", "dipole", "charges"]

    def __init__(self, charge: str = "charge", field: str = "external_field", unknown: int = 0):
        super().__init__()
        self.keys, self.unknown, self.calls = (charge, field), unknown, 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        if self.unknown in atoms.numbers:
            raise KeyError(f"no parameters for element {self.unknown}")
        charge = float(atoms.info.get(self.keys[0], 0.0))
        field = np.asarray(atoms.info.get(self.keys[1], np.zeros(3)), dtype=float)
        charges = np.where(atoms.numbers == 8, -0.9, 0.0)
        charges += charge / len(atoms) - charges.mean()
        apart = atoms.positions[:, None] - atoms.positions[None]
        r = np.linalg.norm(apart, axis=-1) + np.eye(len(atoms))
        forces = -2 * ((1 - 1 / r)[..., None] * apart).sum(1) + charges[:, None] * field
        dipole = charges @ (atoms.positions - CENTRE)
        energy = ((r - 1) ** 2).sum() / 2 + charge**2 / 4 + charge / 2 - dipole @ field
        self.results = {"energy": energy, "forces": forces, "dipole": dipole, "charges": charges}


def water(seed: int, split: str, *, charge: float = 0.0, field: float = 0.0) -> Atoms:
    """H2O, OH or O2H, shaken; equal seeds have equal geometries."""
    rng = np.random.default_rng(seed)
    symbols = ("OH2", "OH", "O2H")[seed % 3]
    atoms = Atoms(symbols, [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]][: len(Atoms(symbols))])
    atoms.positions += 0.05 * rng.normal(size=atoms.positions.shape)
    springs = Springs()
    atoms.info |= {"charge": charge, "external_field": np.array([0.0, 0.0, field])}
    atoms.calc = springs
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    results = dict(springs.results)
    uid = f"w{seed}{'+' if charge else ''}{'f' if field else ''}"
    atoms.calc = None
    atoms.info = {
        "uid": uid,
        "group": f"g{seed}",
        "subset": "waters",
        "split": split,
        "trajectory": f"t{seed}",
        "total_charge": charge,
        "electric_field": np.array([0.0, 0.0, field]),
        "dipole_mask": np.ones(3, dtype=int),
        "REF_energy": energy + sum(ATOMIC[z] for z in atoms.numbers),
        "REF_dipole": results["dipole"],
    }
    atoms.arrays["REF_forces"] = forces
    atoms.arrays["REF_multipoles"] = results["charges"][:, None]
    return atoms


def waters() -> list[Atoms]:
    """Six to train on, one to validate and, each charged and in a field as well, three to test."""
    frames = [water(seed, "train", charge=float(seed % 2)) for seed in range(6)]
    frames.append(water(6, "valid"))
    for seed in (7, 8, 9):
        frames += [water(seed, "test"), water(seed, "test", charge=1.0)]
        frames += [water(seed, "test", field=field) for field in (0.1,)]
    return frames


def write_dataset(place: Path, frames: Sequence[Atoms], name: str = "waters") -> Path:
    """A data set in ``place``/datasets and its system in ``place``/conf."""
    folder = place / "datasets" / name
    folder.mkdir(parents=True, exist_ok=True)
    assert {atoms.info["split"] for atoms in frames} == set(SPLITS)
    write(folder / "structures.extxyz", list(frames), format="extxyz")
    digest = hashlib.sha256((folder / "structures.extxyz").read_bytes()).hexdigest()
    card: dict[str, Any] = {"labels": {"REF_energy": {"required": True}}}
    card["files"] = [{"name": "structures.extxyz", "sha256": digest}]
    (folder / "card.yaml").write_text(yaml.safe_dump(card))
    system = place / "conf" / "system" / f"{name}.yaml"
    system.parent.mkdir(parents=True, exist_ok=True)
    system.write_text(yaml.safe_dump({"name": name, "description": "made up"}))
    return folder
