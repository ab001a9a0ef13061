"""The folder of a growing dataset: complete files or none, and plans that cannot be misread."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError
from bench.reference.store import PLAN_KEYS, Store
from tests.reference.planned import crystal, made_up_label, slab


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "datasets/al_water")


@pytest.fixture
def power_cut(monkeypatch):
    """The process ends between writing and renaming."""

    def end(*_):
        raise KeyboardInterrupt

    return lambda: monkeypatch.setattr(Path, "replace", end)


def test_nothing_was_made_yet(store):
    assert store.system == "al_water"
    assert store.labelled() == set() and store.failures() == {}
    with pytest.raises(BenchError, match=r"plan\.extxyz does not exist.\nMake one: bench data"):
        store.plan()


def test_a_plan_keeps_order_state_and_boundaries(store):
    store.write_plan([slab("al0002", field=0.3), crystal("al0001", charge=-1)])
    first, second = store.plan()
    assert [first.info["uid"], second.info["uid"]] == ["al0002", "al0001"]
    assert (first.info["field"], first.info["k_points"]) == (0.3, "3x3x1")
    assert (second.info["total_charge"], second.info["multiplicity"]) == (-1, 2)
    assert first.pbc.tolist() == [True, True, False] and second.pbc.all()
    np.testing.assert_allclose(first.positions, slab().positions, rtol=0, atol=1e-8)
    np.testing.assert_allclose(second.cell, crystal().cell, rtol=0, atol=1e-12)


@pytest.mark.parametrize("key", PLAN_KEYS)
def test_a_structure_without_a_key_is_named(store, key):
    frames = [slab("al0000"), slab("al0001")]
    del frames[1].info[key]
    store.write_plan(frames)
    with pytest.raises(BenchError, match=rf"plan\.extxyz, structure 1: \['{key}'\] missing"):
        store.plan()


def test_a_uid_that_comes_twice(store):
    store.write_plan([slab("al0000"), slab("al0001"), slab("al0000")])
    with pytest.raises(BenchError, match="structure 2: uid al0000 occurs twice"):
        store.plan()


def test_labels_come_back_as_they_were(store):
    label = made_up_label(slab("al0007"))
    store.write_label(label)
    assert store.labelled() == {"al0007"}
    assert store.read_label("al0007") == label


def test_the_same_label_gives_the_same_bytes(store, tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", iter(range(10**6, 10**7, 1000)).__next__)
    other = Store(tmp_path / "elsewhere")
    for one in (store, other):
        one.write_label(made_up_label(slab("al0007")))
    files = [one.folder / "labels/al0007.json.gz" for one in (store, other)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_label_that_is_not_finite_is_not_stored(store):
    with pytest.raises(ValueError, match="JSON"):
        store.write_label(made_up_label(slab("al0007"), energy=float("nan")))
    assert store.labelled() == set()


def test_an_interrupted_label_is_no_label(store, power_cut):
    store.write_label(made_up_label(slab("al0001")))
    power_cut()
    with pytest.raises(KeyboardInterrupt):
        store.write_label(made_up_label(slab("al0002")))
    assert store.labelled() == {"al0001"}


def test_an_interruption_keeps_the_old_file(store, power_cut):
    store.write_plan([slab("al0000")])
    store.write_failures({"al0009": "SCF not converged"})
    power_cut()
    for write in (
        lambda: store.write_plan([slab("al0001")]),
        lambda: store.write_failures({}),
    ):
        with pytest.raises(KeyboardInterrupt):
            write()
    assert [atoms.info["uid"] for atoms in store.plan()] == ["al0000"]
    assert store.failures() == {"al0009": "SCF not converged"}


def test_nothing_temporary_stays(store):
    store.write_plan([slab("al0000")])
    store.write_label(made_up_label(slab("al0000")))
    store.write_failures({})
    names = sorted(path.name for path in store.folder.rglob("*"))
    assert names == ["al0000.json.gz", "failed.json", "labels", "plan.extxyz"]


def test_failures_are_sorted_for_small_differences(store):
    store.write_failures({"b": "aborted: no memory", "a": "SCF not converged"})
    text = (store.folder / "failed.json").read_text()
    assert text.endswith("}\n") and list(json.loads(text)) == ["a", "b"]
    assert store.failures()["b"] == "aborted: no memory"


def test_a_uid_may_have_dots(tmp_path):
    store = Store(tmp_path)
    store.write_label({"uid": "water.v2"})
    assert store.labelled() == {"water.v2"}
