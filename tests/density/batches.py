"""Small structures and padded batches for the tests of the electrostatics."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bench.density.coulomb import half_sphere
from bench.density.geometry import Boundary, Geometry


@dataclass(frozen=True)
class Structure:
    positions: np.ndarray  # [n, 3]
    cell: np.ndarray  # [3, 3]
    boundary: Boundary
    field: tuple[float, float, float] = (0.0, 0.0, 0.0)
    charge: float = 0.0

    def moved(self, by: Sequence[float]) -> "Structure":
        return replace(self, positions=self.positions + np.asarray(by))


TRICLINIC = np.array([[5.1, 0.0, 0.0], [1.2, 4.8, 0.0], [-0.6, 0.9, 5.5]])
OBLIQUE_SLAB = np.array([[4.6, 0.0, 0.0], [1.1, 4.9, 0.0], [0.0, 0.0, 14.0]])


def bulk(seed: int = 0, atoms: int = 5) -> Structure:
    fractions = np.random.default_rng(seed).random((atoms, 3))
    return Structure(fractions @ TRICLINIC, TRICLINIC, Boundary.BULK)


def slab(seed: int = 1, atoms: int = 4, height: float = 14.0, field: float = 0.0) -> Structure:
    cell = OBLIQUE_SLAB.copy()
    cell[2, 2] = height
    positions = np.random.default_rng(seed).random((atoms, 3)) * [4.0, 4.0, 4.0] + [0, 0, 5.0]
    return Structure(positions, cell, Boundary.SLAB, field=(0.0, 0.0, field))


def cluster(seed: int = 2, atoms: int = 3) -> Structure:
    positions = np.random.default_rng(seed).random((atoms, 3)) * 3.0
    return Structure(positions, np.diag([9.0, 10.0, 11.0]), Boundary.OPEN, field=(0.1, -0.2, 0.3))


def geometry(
    *structures: Structure, narrowest_width: float = 1.0, cutoff_factor: float = 1.5
) -> Geometry:
    """The padded batch of the structures."""
    spheres = [
        half_sphere(
            s.cell, s.boundary, narrowest_width=narrowest_width, cutoff_factor=cutoff_factor
        )
        for s in structures
    ]
    positions, mask = pad([s.positions for s in structures])
    k_indices, k_mask = pad(spheres)
    return Geometry(
        positions=positions,
        mask=mask,
        cell=torch.tensor(np.stack([s.cell for s in structures])),
        boundary=torch.tensor([int(s.boundary) for s in structures]),
        k_indices=k_indices,
        k_mask=k_mask,
        electric_field=torch.tensor([s.field for s in structures], dtype=torch.float64),
        total_charge=torch.tensor([s.charge for s in structures], dtype=torch.float64),
    )


def pad(rows: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Stack arrays of different length, zero beyond, with the mask of what is real."""
    tensors = [torch.as_tensor(r, dtype=torch.float64) for r in rows]
    stacked = torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)
    counts = torch.tensor([len(r) for r in rows])
    return stacked, torch.arange(stacked.shape[1]) < counts[:, None]


def multipoles(
    batch: Geometry, l_max: int = 1, seed: int = 3, charge: float | None = None
) -> Tensor:
    """Random p [g, m], zero where padded; with ``charge`` every structure's total charge."""
    generator = torch.Generator().manual_seed(seed)
    shape = (*batch.mask.shape, (l_max + 1) ** 2)
    p = torch.randn(shape, generator=generator, dtype=torch.float64) * batch.mask[..., None]
    if charge is not None:
        counts = batch.mask.sum(dim=1)
        p[..., 0] += (((charge - p[..., 0].sum(dim=1)) / counts)[:, None]) * batch.mask
    return p.flatten(1)
