"""A workload small enough to test with."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bench.speed.workload import Workload, workload


@pytest.fixture(scope="package")
def work() -> Workload:
    """Four slabs of 15 atoms and a backbone of 8 channels, float64."""
    whole = workload(15, torch.float64)
    small = {
        "num_channels": 8,
        "correlation": 2,
        "angular_l_max": 2,
        "radial_mlp": [8],
        "num_interactions": 1,
    }
    return replace(whole, config=replace(whole.config, **small, r_max=4.0))
