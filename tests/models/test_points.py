"""What every point of the design space must hold; a new point is one line in POINTS."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bench.config.schema import Functional, ModelConfig, Update
from bench.models.base import Point
from bench.testing import PointTests, batch_of, small_config
from bench.testing import build as build_small

__all__ = ["POINTS", "batch_of", "build", "tiny_config"]

POINTS: dict[str, dict[str, object]] = {
    "short_range": {},
    "global_embedding": {},
    "fixed_charge": {"l_max": 0},
    "local_charges": {},
    "les": {},
    "split_charges": {},
    "polar": {},
    "scf_qeq": {},
    "scf_energy_functional": {},
    "scf_energy_functional-nonlinear": {"functional": Functional.nonlinear},
    "scf_response": {},
    "scf_levels": {},
    "scf_fixed_point": {},
    "scf_fixed_point-mlp": {"update": Update.mlp},
    "scf_fixed_point-many_body": {"update": Update.many_body},
}


def tiny_config(name: str, **options: object) -> ModelConfig:
    """A small configuration by its label in POINTS."""
    return replace(small_config(name.split("-")[0], **POINTS[name]), **options)


def build(name: str, *, dtype: torch.dtype = torch.float64, **options: object) -> Point:
    """A small model by its label in POINTS."""
    return build_small(tiny_config(name, **options), dtype=dtype)


class TestPoints(PointTests):
    @pytest.fixture(params=POINTS)
    def config(self, request: pytest.FixtureRequest) -> ModelConfig:
        return tiny_config(request.param)
