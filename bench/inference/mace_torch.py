"""mace-torch's own model on the backbone of a configuration: to measure against, and to export."""

from __future__ import annotations

import bench.mace_import  # noqa: F401  # isort: skip  before mace

from typing import Any

import numpy as np
import torch
from e3nn import o3
from mace.modules.blocks import (
    RealAgnosticInteractionBlock,
    RealAgnosticResidualInteractionBlock,
)
from mace.modules.models import ScaleShiftMACE

from bench.config.schema import ModelConfig


def mace_arguments(
    config: ModelConfig, elements: tuple[int, ...], *, avg_num_neighbors: float, scale: float
) -> dict[str, Any]:
    """What any of mace-torch's models takes to have this backbone, without atomic energies.

    Args:
        config: the backbone's hyperparameters.
        elements: atomic numbers, ascending.
        avg_num_neighbors: edges per atom in the training set.
        scale: of the site energies in eV: RMS of the training forces.
    """
    hidden = "+".join(
        f"{config.num_channels}x{degree}{'eo'[degree % 2]}"
        for degree in range(config.hidden_l_max + 1)
    )
    return {
        "r_max": config.r_max,
        "num_bessel": config.num_bessel,
        "num_polynomial_cutoff": config.num_polynomial_cutoff,
        "max_ell": config.angular_l_max,
        "interaction_cls": RealAgnosticResidualInteractionBlock,
        "interaction_cls_first": RealAgnosticInteractionBlock,
        "num_interactions": config.num_interactions,
        "num_elements": len(elements),
        "hidden_irreps": o3.Irreps(hidden),
        "MLP_irreps": o3.Irreps(f"{config.mlp_channels}x0e"),
        "atomic_energies": np.zeros(len(elements)),
        "avg_num_neighbors": avg_num_neighbors,
        "atomic_numbers": list(elements),
        "correlation": config.correlation,
        "gate": torch.nn.functional.silu,
        "radial_MLP": list(config.radial_mlp),
        "atomic_inter_scale": scale,
        "atomic_inter_shift": 0.0,
        "use_reduced_cg": False,  # its parameters would depend on whether cuequivariance is there
    }


def build_mace(
    config: ModelConfig, elements: tuple[int, ...], *, avg_num_neighbors: float, scale: float
) -> ScaleShiftMACE:
    """mace-torch's own model; default type and seed are the caller's, arguments as above."""
    arguments = mace_arguments(config, elements, avg_num_neighbors=avg_num_neighbors, scale=scale)
    return ScaleShiftMACE(**arguments)
