"""A file as another code might write it: pairs of water molecules in three electric fields.

Energies are in hartree, lengths in Å, dipoles in debye, and the keys are nobody's standard. The
labels are those of the flexible SPC model (Toukan and Rahman, Phys. Rev. B 31, 2643 (1985)) with
harmonic bonds and angles: cheap, and with everything that a calculation would give.
"""

from __future__ import annotations

from pathlib import Path

import ase
import numpy as np
import torch
from ase.build import molecule
from ase.io import write
from ase.units import Bohr, Debye, Hartree
from torch import Tensor

COULOMB = 14.3996  # eV Å/e²
CHARGES = torch.tensor([-0.82, 0.41, 0.41] * 2, dtype=torch.float64)  # e
EPSILON, SIGMA = 0.00674, 3.166  # eV, Å, between the oxygens
BOND, LENGTH = 48.1, 1.0  # eV/Å², Å
ANGLE, OPENING = 3.97, 1.911  # eV/rad², rad
FIELDS = (-0.1, 0.0, 0.1)  # V/Å, along z


def energy(positions: Tensor, field: float) -> Tensor:
    """In eV of two molecules (O, H, H, O, H, H) in a field along z.

    Args:
        positions: [6, 3] in Å.
        field: in V/Å.
    """
    first, second = positions.view(2, 3, 3)
    total: Tensor = -(CHARGES * positions[:, 2]).sum() * field
    for oxygen, *hydrogens in (first, second):
        arms = torch.stack(hydrogens) - oxygen
        lengths = arms.norm(dim=1)
        opening = torch.arccos((arms[0] * arms[1]).sum() / lengths.prod())
        total = total + BOND / 2 * (lengths - LENGTH).square().sum()
        total = total + ANGLE / 2 * (opening - OPENING).square()
    distances = (first[:, None] - second[None]).norm(dim=2)  # [3, 3]
    ratio = (SIGMA / distances[0, 0]) ** 6
    coulomb = COULOMB * (torch.outer(CHARGES[:3], CHARGES[3:]) / distances).sum()
    total = total + 4 * EPSILON * (ratio**2 - ratio)
    return total.add(coulomb)


def pair(rng: np.random.Generator) -> ase.Atoms:
    """Two molecules, turned and bent by chance, 2.7 to 4 Å apart."""
    atoms = ase.Atoms()
    for place in (0.0, rng.uniform(2.7, 4.0)):
        water = molecule("H2O")
        water.rotate(rng.uniform(0, 360), rng.normal(size=3), center="COM")
        water.translate([place, 0.0, 0.0])
        atoms += water
    atoms.positions += 0.04 * rng.normal(size=(6, 3))
    return atoms


# --8<-- [start:labels]
def labelled(atoms: ase.Atoms, field: float, geometry: int) -> ase.Atoms:
    """A copy with everything that is known of it."""
    positions = torch.tensor(atoms.positions, requires_grad=True)
    value = energy(positions, field)
    value.backward()
    assert positions.grad is not None
    frame = atoms.copy()
    frame.info = {
        "E_scf": value.item() / Hartree,
        "efield": np.array([0.0, 0.0, field]),
        "mu": CHARGES.numpy() @ atoms.positions / Debye,
        "charge": 0,
        "geometry": geometry,
    }
    frame.arrays["gradient"] = positions.grad.numpy() / (Hartree / Bohr)
    frame.arrays["q"] = CHARGES.numpy().copy()
    return frame


# --8<-- [end:labels]
def main() -> None:
    """Write water.xyz: 10 geometries in three fields."""
    rng = np.random.default_rng(0)
    geometries = [pair(rng) for _ in range(10)]
    frames = [labelled(atoms, f, k) for k, atoms in enumerate(geometries) for f in FIELDS]
    write(Path("water.xyz"), frames, format="extxyz")
    print(f"water.xyz: {len(frames)} structures")


if __name__ == "__main__":
    main()
