"""Training and inference steps of our points and of mace-torch's own models."""

from __future__ import annotations

import bench.mace_import  # noqa: F401  # isort: skip  before mace

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from mace.modules.extensions import PolarMACE
from torch import Tensor, nn

from bench.backbone.model import NodeFeatures, random_stream
from bench.config.compose import compose
from bench.data.batch import Batch
from bench.inference.mace_torch import build_mace, mace_arguments
from bench.models.base import BACKBONE_OPTIONS, Point, build_point
from bench.models.prediction import Prediction
from bench.models.registry import class_of
from bench.speed.options import VARIANTS
from bench.speed.timing import Step
from bench.speed.workload import Workload
from bench.train.losses import squared_errors, weighted_loss


def point(work: Workload, name: str, **options: Any) -> Point:
    """One of our points, as conf/model describes it, on the workload's backbone.

    Args:
        work: structures and backbone.
        name: of the point, or of one of its ``VARIANTS``.
        options: of its configuration.
    """
    name, variant = VARIANTS.get(name, (name, {}))
    backbone = {key: getattr(work.config, key) for key in BACKBONE_OPTIONS}
    config = replace(compose([f"model={name}"]).model, **backbone, **variant, **options)
    dtype = work.batch.node_attrs.dtype
    return build_point(class_of(config), config, work.facts, dtype=dtype, seed=0)


def point_training(work: Workload, name: str, **options: Any) -> Step:
    """A training step: forces, every loss that the point has, backward, Adam."""
    model = point(work, name, **options)
    return _training(model, lambda: model(work.batch, training=True), work.batch)


def point_training_behind(work: Workload, name: str) -> Step | None:
    """The same step with the backbone's features given: maps, solve, energy, losses and backward.

    None for a point without a density, which has nothing there.
    """
    model = point(work, name)
    if model.config.axes.density == "none":
        return None
    model.backbone = GivenFeatures(model.backbone(work.batch))  # type: ignore[assignment]
    if not any(True for _ in model.parameters()):  # no optimiser works on nothing
        model.register_parameter("nothing", nn.Parameter(torch.zeros(())))
    return _training(model, lambda: model(work.batch, training=True), work.batch)


class GivenFeatures(nn.Module):
    """Stands for a backbone: its features as leaves, of which derivatives are taken.

    Args:
        features: of the batch that it is called with.
    """

    def __init__(self, features: NodeFeatures) -> None:
        super().__init__()
        values = (features.energy, features.scalars, features.vectors)
        self.features = NodeFeatures(*(value.detach().requires_grad_() for value in values))

    def forward(self, batch: Batch) -> NodeFeatures:
        """The features, whatever the batch."""
        return self.features


def point_inference(work: Workload, name: str, **options: Any) -> Step:
    """Energy and forces of the batch, converged to the configuration's tolerance."""
    model = point(work, name, **options).eval()

    def step() -> None:
        model(work.batch)

    return step


def mace_training(work: Workload) -> Step:
    """The same step of mace-torch's own ScaleShiftMACE, energy and force loss."""
    model, data = _scale_shift_mace(work), mace_data(work.batch)
    return _training(model, lambda: _mace_prediction(model, data), work.batch)


def mace_inference(work: Workload) -> Step:
    """Energy and forces by mace-torch's own ScaleShiftMACE."""
    model, data = _scale_shift_mace(work), mace_data(work.batch)

    def step() -> None:
        model(data, training=False)

    return step


def polar_mace_training(work: Workload) -> Step:
    """A training step of mace-torch's PolarMACE with two field updates, energy and force loss."""
    model, data = _polar_mace(work), polar_mace_data(work.batch)
    return _training(model, lambda: _mace_prediction(model, data), work.batch)


def _training(model: nn.Module, predict: Callable[[], Prediction], batch: Batch) -> Step:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, amsgrad=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        squares = squared_errors(predict(), batch, stable_range=(-1.0, 1.0))
        weighted_loss(squares, dict.fromkeys(squares, 1.0)).backward()
        optimizer.step()

    return step


def _mace_prediction(model: nn.Module, data: dict[str, Tensor]) -> Prediction:
    out = model({key: value.detach() for key, value in data.items()}, training=True)
    energy = out["energy"].double()
    return Prediction(energy, {"short_range": energy}, forces=out["forces"].double())


def _scale_shift_mace(work: Workload) -> nn.Module:
    with random_stream(0, work.batch.node_attrs.dtype):
        model: nn.Module = build_mace(
            work.config,
            work.facts.elements,
            avg_num_neighbors=work.facts.avg_num_neighbors,
            scale=work.facts.force_scale,
        )
    return model


def _polar_mace(work: Workload) -> nn.Module:
    """PolarMACE on the same backbone, with its own update and readout blocks."""
    config = work.config
    backbone = mace_arguments(
        config,
        work.facts.elements,
        avg_num_neighbors=work.facts.avg_num_neighbors,
        scale=work.facts.force_scale,
    )
    with random_stream(0, work.batch.node_attrs.dtype):
        model: nn.Module = PolarMACE(
            **backbone,
            kspace_cutoff_factor=config.kspace_cutoff_factor,
            atomic_multipoles_max_l=config.l_max,
            atomic_multipoles_smearing_width=config.smearing_width,
            field_feature_max_l=config.l_max,
            field_feature_widths=list(config.feature_widths),
            num_recursion_steps=config.num_updates,
            field_si=True,
            include_electrostatic_self_interaction=True,
            fixedpoint_update_config={
                "type": "AgnosticEmbeddedOneBodyVariableUpdate",
                "potential_embedding_cls": "AgnosticChargeBiasedLinearPotentialEmbedding",
                "nonlinearity_cls": "MLPNonLinearity",
            },
            field_readout_config={"type": "OneBodyMLPFieldReadout"},
        )
    return model


def mace_data(batch: Batch) -> dict[str, Tensor]:
    """The batch as mace's models take it, in the backbone's type."""
    dtype = batch.node_attrs.dtype
    cells = batch.cell[batch.structure[batch.edge_index[0]]]
    ends = batch.num_atoms.cumsum(0)
    return {
        "positions": batch.positions.to(dtype),
        "node_attrs": batch.node_attrs,
        "edge_index": batch.edge_index,
        "shifts": torch.einsum("ei,eij->ej", batch.unit_shifts, cells).to(dtype),
        "unit_shifts": batch.unit_shifts.to(dtype),
        "cell": batch.cell.to(dtype).flatten(0, 1),
        "batch": batch.structure,
        "ptr": torch.cat([ends.new_zeros(1), ends]),
        "head": torch.zeros_like(batch.total_charge, dtype=torch.int64),
    }


def polar_mace_data(batch: Batch) -> dict[str, Tensor]:
    """What PolarMACE wants beside: its external field is minus the physical one."""
    dtype, zeros = batch.node_attrs.dtype, torch.zeros_like(batch.total_charge)
    reciprocal = 2 * torch.pi * torch.linalg.inv(batch.cell).mT
    open_z = (batch.boundary < 2)[:, None] & torch.tensor([False, False, True])
    return mace_data(batch) | {
        "rcell": reciprocal.to(dtype).flatten(0, 1),
        "volume": torch.linalg.det(batch.cell).abs().to(dtype),
        "pbc": ~open_z,
        "total_charge": batch.total_charge.to(dtype),
        "total_spin": (zeros + 1).to(dtype),
        "fermi_level": zeros.to(dtype),
        "external_field": -batch.electric_field.to(dtype),
    }
