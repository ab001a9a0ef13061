"""The sampler with a cheap calculator: steps, fixed layer, temperature, end at a broken frame."""

import numpy as np
import pytest
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT

from bench.errors import BenchError
from bench.reference.sample import Sampling, sample

SHORT = Sampling(steps=20, interval=5, temperature=300.0, relax_steps=2)


def slab():
    atoms = fcc111("Al", (2, 2, 3), vacuum=6.0)
    atoms.pbc = [True, True, False]
    return atoms


def test_frames_come_at_the_interval_and_keep_the_lowest_layer():
    start = slab()
    frames = list(sample(start, EMT(), SHORT))
    assert [f.info["step"] for f in frames] == [0, 5, 10, 15, 20]
    lowest = start.positions[:, 2] < start.positions[:, 2].min() + 0.5
    assert np.array_equal(frames[-1].positions[lowest], start.positions[lowest])
    assert np.abs(frames[-1].positions - start.positions)[~lowest].max() > 1e-3
    assert all(f.pbc.tolist() == [True, True, False] for f in frames)


def test_the_start_is_not_changed_and_the_seed_decides():
    start = slab()
    before = start.positions.copy()
    one, two = (list(sample(start, EMT(), SHORT))[-1] for _ in range(2))
    assert np.array_equal(start.positions, before)
    assert np.array_equal(one.positions, two.positions)
    other = Sampling(steps=20, interval=5, temperature=300.0, relax_steps=2, seed=1)
    assert not np.array_equal(list(sample(start, EMT(), other))[-1].positions, one.positions)


def test_the_trajectory_ends_at_the_first_broken_frame():
    frames = sample(slab(), EMT(), SHORT, intact=lambda a: a.positions[:, 2].max() < -1.0)
    assert list(frames) == []


def test_a_crystal_moves_freely_and_keeps_its_vacancy_site():
    atoms = bulk("Al", cubic=True) * 2
    atoms.info["vacancy_site"] = np.array([1.0, 2.0, 3.0])
    frame = list(sample(atoms, EMT(), SHORT))[-1]
    moved = np.abs(frame.positions - atoms.positions).max(1)
    assert (moved > 1e-4).all()
    assert frame.info["vacancy_site"].tolist() == [1.0, 2.0, 3.0]


def test_missing_tblite_is_told(monkeypatch):
    from bench.reference.sample import xtb_calculator

    monkeypatch.setitem(__import__("sys").modules, "tblite.ase", None)
    with pytest.raises(BenchError, match="tblite"):
        xtb_calculator()
