"""Small models away from their symmetric start, their batches, and derivatives by differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ase
import numpy as np
import numpy.typing as npt
import torch
from scipy.special import erf

from bench.config.schema import ModelConfig
from bench.data.batch import Batch, build_graph, collate
from bench.density.constants import COULOMB_CONSTANT
from bench.models.base import Point, build_point
from bench.models.facts import gather_facts
from bench.models.registry import class_of
from bench.testing.frames import bulk, cluster, slab

Array = npt.NDArray[np.float64]


def small_config(point: type[Point] | str, **settings: Any) -> ModelConfig:
    """A backbone that is fast enough for finite differences.

    Args:
        point: a class from outside, or the name of a point of the package.
        settings: any key of ``ModelConfig``, such as ``options``.
    """
    if isinstance(point, str):
        which = {"name": point}
    else:
        path = f"{point.__module__}.{point.__qualname__}"
        which = {"name": point.__name__.lower(), "point": path}
    small = {"r_max": 3.5, "num_channels": 4, "angular_l_max": 2, "correlation": 2}
    return ModelConfig(**{**which, **small, "radial_mlp": [8], **settings})


def build(
    config: ModelConfig,
    *,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
    noise: float = 0.05,
    frames: Sequence[ase.Atoms] = (),
) -> Point:
    """A point with weights away from the symmetric start.

    Args:
        config: of the point.
        dtype: of the backbone.
        seed: of the first weights.
        noise: standard deviation of what is added to every weight.
        frames: structures that it is measured on; by default a slab, a crystal and a cluster.
    """
    facts = gather_facts(frames or [slab(), bulk(), cluster()], config)
    model = build_point(class_of(config), config, facts, dtype=dtype, seed=seed)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            random = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_((noise * random).to(parameter.dtype))
    return model.eval()


def batch_of(model: Point, *frames: ase.Atoms) -> Batch:
    """Structures as a model takes them."""
    return collate([build_graph(atoms, model.graph_settings, i) for i, atoms in enumerate(frames)])


def energies(model: Point, *frames: ase.Atoms) -> Array:
    """[structures] in eV, in one batch: most of a tiny structure's time is spent once."""
    with torch.no_grad():
        return np.asarray(model(batch_of(model, *frames), compute_forces=False).energy)


def measured_force(model: Point, atoms: ase.Atoms, atom: int, axis: int) -> float:
    """Minus the slope of the energy by five points, error of order step⁴ (eV/Å)."""
    step, displaced = 2e-3, []
    for n in (-2, -1, 1, 2):
        moved = atoms.copy()
        moved.positions[atom, axis] += n * step
        displaced.append(moved)
    values = energies(model, *displaced)
    return float(-(values @ [1, -8, 8, -1]) / (12 * step))


def turned(atoms: ase.Atoms, matrix: Array) -> ase.Atoms:
    """The structure and its field under an orthogonal matrix [3, 3]."""
    out: ase.Atoms = atoms.copy()
    out.set_cell(atoms.cell.array @ matrix.T)
    out.positions = atoms.positions @ matrix.T
    out.info["electric_field"] = matrix @ atoms.info["electric_field"]
    return out


def orthogonal_matrices() -> dict[str, tuple[str, Array]]:
    """By name, a boundary condition and an orthogonal matrix that it allows."""
    c, s = np.cos(0.7), np.sin(0.7)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    return {
        "slab-rotated": ("slab", np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])),
        "slab-reflected": ("slab", np.diag([-1.0, 1.0, 1.0])),
        "bulk-rotated": ("bulk", rotation),
        "bulk-inverted": ("bulk", -np.eye(3)),
        "cluster-rotated": ("cluster", rotation),
        "cluster-reflected": ("cluster", rotation @ np.diag([1.0, -1.0, 1.0])),
    }


def gaussian_potential(positions: Array, multipoles: Array, *, sigma: float = 1.5) -> Array:
    """[n] V at each atom, of Gaussian charges and dipoles as Gaussians of equal width feel them.

    k_e erf(r / 2σ) / r of a charge and its gradient of a dipole, in open boundaries.

    Args:
        positions: [n, 3] in Å.
        multipoles: [n, 4] in e and e Å, order (q, y, z, x).
        sigma: of the Gaussians in Å.
    """
    apart = positions[:, None] - positions[None]  # [i, j, 3]
    r = np.linalg.norm(apart, axis=2) + np.eye(len(positions))
    along = (apart * multipoles[None][..., [3, 1, 2]]).sum(2)
    gauss = np.exp(-(r**2) / (4 * sigma**2)) / (sigma * np.sqrt(np.pi))
    coulomb = erf(r / (2 * sigma)) / r
    values = multipoles[None, :, 0] * coulomb + along * (coulomb - gauss) / r**2
    np.fill_diagonal(values, multipoles[:, 0] / (sigma * np.sqrt(np.pi)))
    potential: Array = COULOMB_CONSTANT * values.sum(1)
    return potential


def predict(model: Point, *frames: ase.Atoms, **wanted: Any) -> Any:
    """The prediction for structures; ``wanted`` as of the model's ``forward``."""
    return model(batch_of(model, *frames), **wanted)
