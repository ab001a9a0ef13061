"""The slabs that every contender is given: the same each time, with labels of every loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.density.geometry import Boundary
from bench.errors import BenchError
from bench.speed import workload as module
from bench.speed.workload import Workload, workload


@pytest.fixture(scope="module")
def work() -> Workload:
    return workload(15, torch.float32)


def test_the_same_slabs_every_time(work: Workload) -> None:
    again = workload(15, torch.float32)
    assert torch.equal(again.batch.positions, work.batch.positions)
    assert again.facts == work.facts and again.config == work.config
    assert all(torch.equal(again.batch.labels[n], work.batch.labels[n]) for n in work.batch.labels)
    heights = work.batch.dense(work.batch.positions)[:, -3:, 2]  # of the molecules
    assert len({tuple(row) for row in heights.tolist()}) == 4  # but four different ones


def test_slabs_are_neutral_and_in_fields_of_both_signs(work: Workload) -> None:
    batch = work.batch
    assert batch.boundary.tolist() == [Boundary.SLAB] * 4
    assert batch.total_charge.tolist() == [0.0] * 4
    fields = [[0.0, 0.0, 0.1 * n] for n in (-1, 0, 1, 2)]
    assert batch.electric_field.flatten().tolist() == pytest.approx(np.ravel(fields))
    charges = batch.per_structure(batch.labels["multipoles"][:, 0])
    torch.testing.assert_close(charges, torch.zeros_like(charges), rtol=0, atol=1e-12)


def test_every_default_loss_has_its_label_and_dipoles_along_z_alone(work: Workload) -> None:
    has = work.batch.has
    for name in ("energy", "forces", "multipoles"):
        assert has[name].all(), name
    assert has["dipole"].tolist() == [[False, False, True]] * 4
    assert work.facts.elements == (1, 8, 78)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_type_is_the_backbones_alone(dtype: torch.dtype) -> None:
    batch = workload(15, dtype).batch
    assert batch.node_attrs.dtype == dtype
    assert batch.positions.dtype == batch.cell.dtype == torch.float64


@pytest.mark.parametrize(
    ("atoms", "metal", "waters"), [(15, 12, 1), (27, 12, 5), (54, 24, 10), (40, 12, None)]
)
def test_metal_comes_in_twelves_and_the_rest_is_water(
    atoms: int, metal: int, waters: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def record(symbol: str, **options: object) -> None:
        asked.append((symbol, options["waters"], options["size"]))

    monkeypatch.setattr(module, "metal_water_slab", record)
    if waters is None:
        with pytest.raises(BenchError, match=f"atoms={atoms}.*whole number of molecules"):
            module._packed_slab(atoms, np.random.default_rng(0))
        return
    module._packed_slab(atoms, np.random.default_rng(0))
    assert asked == [("Pt", waters, (2, metal // 6))]


@pytest.mark.parametrize("atoms", [12, 0, -3, 13, 26])
def test_too_few_atoms_or_a_broken_molecule(atoms: int) -> None:
    with pytest.raises(BenchError, match=rf"atoms={atoms}: 12 Pt per 27 atoms"):
        workload(atoms, torch.float32)


def test_packing_is_tried_anew_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def crowded(*arguments: object, **options: object) -> None:
        tries.append(options["waters"])
        raise BenchError("Molecule 3 does not fit")

    monkeypatch.setattr(module, "metal_water_slab", crowded)
    with pytest.raises(BenchError, match="atoms=27: 5 molecules do not fit"):
        workload(27, torch.float32)
    assert tries == [5] * module.ATTEMPTS
