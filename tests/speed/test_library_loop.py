"""graph-longrange's features in our conventions: the same numbers where both are exact."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench.config.schema import ModelConfig
from bench.data.batch import Batch, GraphSettings, build_graph, collate
from bench.density.operator import CoulombOperator
from bench.speed.library_loop import LibraryMaps
from bench.testing.frames import bulk, labelled, slab

CUTOFF = 2.5  # so large that what is beyond it does not matter
WIDTHS = [[1.5, 3.0], [1.2], [3.0, 1.5]]


def batch_of(*frames: object) -> Batch:
    settings = GraphSettings((1, 8, 13, 14), 1.0, 1.2, CUTOFF, torch.float64)
    return collate([build_graph(atoms, settings) for atoms in frames])


def config(l_max: int, widths: list[float]) -> ModelConfig:
    return ModelConfig(
        name="made_up", l_max=l_max, feature_widths=widths, kspace_cutoff_factor=CUTOFF
    )


def neutral(batch: Batch, l_max: int) -> Tensor:
    """[g, m] random multipoles, zero where padded."""
    generator = torch.Generator().manual_seed(0)
    shape = (len(batch.positions), (l_max + 1) ** 2)
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    p = batch.dense(values)
    per_atom = p[..., 0].sum(1) / batch.num_atoms
    p[..., 0] -= per_atom[:, None] * (p[..., 0] != 0)
    return p.flatten(1)


def ours(batch: Batch, config: ModelConfig) -> CoulombOperator:
    return CoulombOperator(
        batch.geometry(),
        smearing_width=config.smearing_width,
        l_max=config.l_max,
        feature_widths=config.feature_widths,
    )


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("l_max", [0, 1])
def test_bulk_features_are_ours(l_max: int, widths: list[float]) -> None:
    batch, options = batch_of(bulk(charge=0.0)), config(l_max, widths)
    p = neutral(batch, l_max)
    found, expected = LibraryMaps(batch, options).sample(p), ours(batch, options).sample(p)
    assert len(found) == len(expected) == len(widths)
    for theirs, mine in zip(found, expected):
        torch.testing.assert_close(theirs, mine, rtol=0, atol=1e-9)
        assert float(mine.abs().max()) > 1e-3


@pytest.mark.parametrize("l_max", [0, 1])
def test_slab_features_differ_by_a_constant_potential(l_max: int) -> None:
    batch, options = batch_of(slab(), slab(height=26.0)), config(l_max, [1.5, 3.0])
    p = neutral(batch, l_max)
    pairs = zip(LibraryMaps(batch, options).sample(p), ours(batch, options).sample(p))
    for theirs, mine in pairs:
        apart = (theirs - mine).reshape(2, 7, -1)
        spread = apart[..., 0] - apart[:, :1, 0]
        torch.testing.assert_close(spread, torch.zeros_like(spread), rtol=0, atol=1e-9)
        rest = apart[..., 1:]
        torch.testing.assert_close(rest, torch.zeros_like(rest), rtol=0, atol=1e-9)


def test_some_of_the_structures_are_those_of_the_whole_batch() -> None:
    smaller = labelled(slab()[:-3], seed=1)
    batch, options = batch_of(slab(), smaller, slab(height=26.0)), config(1, [1.5, 3.0])
    maps, p = LibraryMaps(batch, options), neutral(batch, 1)
    rows = torch.tensor([2, 1])
    for whole, some in zip(maps.sample(p), maps.sample(p[rows], rows)):
        torch.testing.assert_close(some, whole[rows], rtol=0, atol=1e-12)
        assert whole[1, : 4 * 4].any() and not whole[1, 4 * 4 :].any()  # padded


def test_coulomb_energy_and_field_stay_ours() -> None:
    batch, options = batch_of(slab(), bulk(charge=0.0)), config(1, [1.5])
    maps, mine, p = LibraryMaps(batch, options), ours(batch, options), neutral(batch, 1)
    assert torch.equal(maps.potential(p), mine.potential(p))
    assert torch.equal(maps.feature_applied, mine.feature_applied)
    assert torch.equal(maps.feature_charge, mine.feature_charge)


def test_the_default_type_of_the_process_is_left_alone() -> None:
    before = torch.get_default_dtype()
    LibraryMaps(batch_of(slab()), config(0, [1.5]))
    assert torch.get_default_dtype() == before == torch.float32
