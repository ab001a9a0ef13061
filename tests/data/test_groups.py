"""States of one geometry, charges or fields, stay in one batch."""

from itertools import combinations

import numpy as np
import pytest
import torch

from bench.data.batch import GraphSettings, make_loader
from bench.data.groups import (
    TogetherSampler,
    charge_pairs,
    geometry_of,
    state_groups,
)
from bench.testing.frames import cluster

SETTINGS = GraphSettings((1, 8), 3.0, 1.5, 1.5, torch.float64)


def state(group, charge, *, field=0.0):
    atoms = cluster(field=(0.0, 0.0, field))
    atoms.info |= {"group": group, "total_charge": float(charge)}
    return atoms


# three charges of a, one of b, two of c, d in two fields and at another charge in a third
FRAMES = [
    *(state("a", q) for q in (0, 1, 2)),
    state("b", 0),
    *(state("c", q) for q in (0, -1)),
    state("d", 0),
    state("d", 0, field=0.1),
    state("d", 1, field=-0.1),
]


def test_pairs_differ_in_their_charge_alone():
    assert state_groups(FRAMES) == [[0, 1, 2], [4, 5], [6, 7, 8]]
    assert charge_pairs(FRAMES) == [(0, 1), (0, 2), (1, 2), (4, 5)]


def test_one_state_twice_is_no_pair():
    """Two spins, for example, or fields that rounding sets apart."""
    spins = [state("a", 0), state("a", 0, field=1e-9), state("a", 1)]
    assert charge_pairs(spins) == [(0, 2), (1, 2)]
    assert state_groups(spins[:2]) == []


def test_a_structure_without_a_group_is_compared_with_none():
    alone = [state("a", 0), state("a", 1)]
    for atoms in alone:
        del atoms.info["group"]
    assert geometry_of(alone[0]) == "" and state_groups(alone) == []
    (batch,) = make_loader(alone, SETTINGS, batch_size=2)
    assert batch.charge_pairs().shape == (2, 0)


def test_a_batch_knows_its_pairs():
    (batch,) = make_loader(FRAMES, SETTINGS, batch_size=len(FRAMES))
    assert batch.charge_pairs().T.tolist() == [list(pair) for pair in charge_pairs(FRAMES)]


@pytest.mark.parametrize("size", [3, 4, 5, 100])
@pytest.mark.parametrize("seed", [0, 1, None])
def test_every_structure_comes_once_and_states_together(size, seed):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    sampler = TogetherSampler(FRAMES, size, generator=generator)
    for _ in range(3):
        batches = list(sampler)
        assert len(batches) == len(sampler) == -(-len(FRAMES) // size)
        assert sorted(i for batch in batches for i in batch) == list(range(len(FRAMES)))
        assert max(map(len, batches)) <= size
        for group in state_groups(FRAMES):
            assert any(set(group) <= set(batch) for batch in batches)


def test_a_geometry_of_more_states_than_a_batch_holds_is_cut():
    states = [state("a", q) for q in range(5)]
    assert list(TogetherSampler(states, 2)) == [[0, 1], [2, 3], [4]]
    drawn = TogetherSampler(states, 2, generator=torch.Generator().manual_seed(0))
    pairs = {tuple(sorted(batch)) for _ in range(40) for batch in drawn if len(batch) == 2}
    assert len(pairs) == 10  # each two meet


def test_pieces_of_two_bring_two_geometries_into_a_batch():
    """Three states each: whole, they fill a batch of four alone."""
    frames = [state(f"g{k // 3}", k % 3) for k in range(12)]
    whole = list(TogetherSampler(frames, 4))
    assert [{i // 3 for i in batch} for batch in whole] == [{0}, {1}, {2}, {3}]
    drawn = TogetherSampler(frames, 4, 2, torch.Generator().manual_seed(0))
    met = set()
    for _ in range(40):
        batches = list(drawn)
        assert sorted(i for batch in batches for i in batch) == list(range(12))
        assert len(batches) == 3 and all(len({i // 3 for i in batch}) > 1 for batch in batches)
        pairs = {pair for batch in batches for pair in combinations(sorted(batch), 2)}
        compared = {(i, j) for i, j in pairs if i // 3 == j // 3}
        assert {i // 3 for i, _ in compared} == {0, 1, 2, 3}
        met |= compared
    assert met == {(i, j) for i, j in combinations(range(12), 2) if i // 3 == j // 3}


def test_every_epoch_is_drawn_anew_and_depends_on_the_seed_alone():
    frames = [state(f"g{k // 2}", k % 2) for k in range(20)]

    def epochs(seed):
        loader = make_loader(
            frames,
            SETTINGS,
            batch_size=4,
            generator=torch.Generator().manual_seed(seed),
            together=2,
        )
        return [[batch.index.tolist() for batch in loader] for _ in range(2)]

    first, second = epochs(0)
    assert first != second and epochs(0) == [first, second] != epochs(1)
    partners = {frozenset(i // 2 for i in batch) for batch in first}
    assert partners != {frozenset(i // 2 for i in batch) for batch in second}
    for batch in first:
        assert all(np.isin([i ^ 1 for i in batch], batch))
