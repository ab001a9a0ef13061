"""Volumes of cells of any shape and handedness."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.density.geometry import Boundary
from tests.density.batches import Structure, bulk, cluster, geometry, slab


def cubic(side: float, boundary: Boundary = Boundary.BULK) -> Structure:
    return Structure(np.zeros((1, 3)), side * np.eye(3), boundary)


@pytest.mark.parametrize("flip", [False, True])
def test_volume_is_positive_whatever_the_handedness(flip: bool) -> None:
    cell = bulk().cell[[1, 0, 2]] if flip else bulk().cell
    found = geometry(replace(bulk(), cell=cell)).volume
    expected = cell[0] @ np.cross(cell[1], cell[2]) * (-1 if flip else 1)
    assert expected > 0
    assert found.tolist() == pytest.approx([expected], rel=1e-12)


def test_volumes_of_a_mixed_batch() -> None:
    found = geometry(cubic(3.0), slab(height=20.0), cluster(), cubic(1.0, Boundary.OPEN)).volume
    assert found.tolist() == pytest.approx([27.0, 4.6 * 4.9 * 20.0, 990.0, 1.0], rel=1e-12)


def test_volume_grows_with_the_trace_of_a_strain() -> None:
    batch = geometry(bulk(), slab())
    strain = torch.zeros(2, 3, 3, dtype=torch.float64, requires_grad=True)
    volume = replace(batch, cell=batch.cell + batch.cell @ strain).volume
    (slope,) = torch.autograd.grad(volume.sum(), strain)
    expected = volume.detach()[:, None, None] * torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(slope, expected, rtol=0, atol=1e-11)


def test_boundaries_keep_their_numbers() -> None:
    """They are stored in batches as integers; a periodic axis more is a larger number."""
    assert [int(b) for b in (Boundary.OPEN, Boundary.SLAB, Boundary.BULK)] == [0, 1, 2]
    assert len(Boundary) == 3
