"""graph-longrange's energies and features for a padded batch, in our conventions."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import mace  # noqa: F401  before e3nn, which graph_longrange imports
import torch
from graph_longrange.energy import GTOElectrostaticEnergy
from graph_longrange.features import GTOElectrostaticFeatures
from graph_longrange.gto_utils import gto_basis_kspace_cutoff
from graph_longrange.kspace import compute_k_vectors_flat
from torch import Tensor

from bench.density.geometry import Boundary, Geometry


@contextmanager
def double_precision() -> Iterator[None]:
    """The library takes the type of its constants from torch's default."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def inputs(batch: Geometry, p: Tensor, cutoff: float) -> dict[str, Tensor]:
    """Flat arguments of the library's blocks; ``p`` is [g, m]."""
    reciprocal = 2 * math.pi * torch.linalg.inv(batch.cell).transpose(1, 2)
    k, square, k_batch, zero = compute_k_vectors_flat(cutoff, batch.cell, reciprocal)
    structure = torch.arange(len(batch.mask))[:, None].expand_as(batch.mask)[batch.mask]
    slab = batch.boundary == Boundary.SLAB
    sources = p.reshape(*batch.mask.shape, -1)[batch.mask]
    return {
        "k_vectors": k,
        "k_norm2": square,
        "k_vector_batch": k_batch,
        "k0_mask": zero,
        "source_feats": sources[:, None],
        "node_positions": batch.positions[batch.mask],
        "batch": structure,
        "volume": batch.volume,
        "pbc": torch.stack([torch.ones_like(slab), torch.ones_like(slab), ~slab], dim=1),
    }


def cutoff(widths: list[float], factor: float) -> float:
    return factor * gto_basis_kspace_cutoff(widths, 1)


def energy(
    batch: Geometry, p: Tensor, *, width: float, l_max: int, kspace: float, own: bool
) -> Tensor:
    """[g] in eV."""
    with double_precision():
        block = GTOElectrostaticEnergy(l_max, width, kspace, include_self_interaction=own)
        return block(**inputs(batch, p, kspace))


def features(
    batch: Geometry,
    p: Tensor,
    *,
    width: float,
    l_max: int,
    probes: list[float],
    kspace: float,
    own: bool,
) -> Tensor:
    """[atoms, f] potential and gradient in V and V/Å, the library's receiver norms divided out."""
    with double_precision():
        block = GTOElectrostaticFeatures(
            density_max_l=l_max,
            density_smearing_width=width,
            feature_max_l=l_max,
            feature_smearing_widths=probes,
            include_self_interaction=own,
            kspace_cutoff=kspace,
        )
        values = block(**inputs(batch, p, kspace))
    norms = [math.sqrt(4 * math.pi)] * len(probes)
    if l_max:
        gradient = math.sqrt(4 * math.pi / 3) * 0.75 * math.sqrt(2 * math.pi)
        norms += [gradient * w for w in probes for _ in range(3)]
    return values / torch.tensor(norms, dtype=values.dtype)
