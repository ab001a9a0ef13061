"""Nested training sets of whole geometries: which structures, and what is left alone."""

import pytest

from bench.config.schema import SystemConfig
from bench.data.dataset import load_dataset
from bench.data.subset import training_subset, without
from bench.errors import BenchError
from bench.labels.state import charge_name
from bench.testing.frames import cluster
from tests.data.test_dataset import save


def state(group, number, split="train"):
    atoms = cluster()
    atoms.info |= {"uid": f"{group}-{number}", "group": group, "split": split}
    return atoms


# six geometries of one to four structures, those of one geometry not beside each other
FRAMES = [state(f"g{g}", k) for k in range(4) for g in range(6) if k <= g % 4]


def uids(frames):
    return [atoms.info["uid"] for atoms in frames]


def taken(size, seed=0, frames=FRAMES):
    return uids(training_subset(frames, size, seed=seed, system="mine"))


@pytest.mark.parametrize("seed", range(4))
def test_smaller_is_contained_in_larger_and_geometries_are_whole(seed):
    before: set[str] = set()
    for size in range(1, len(FRAMES) + 1):
        now = taken(size, seed)
        assert len(now) == size and before < set(now)
        assert now == [uid for uid in uids(FRAMES) if uid in now]  # in the order of the file
        parts = {uid.partition("-")[0] for uid in now}
        counts = {g: sum(uid.startswith(f"{g}-") for uid in now) for g in parts}
        whole = {g: sum(atoms.info["group"] == g for atoms in FRAMES) for g in parts}
        cut = [g for g in parts if counts[g] < whole[g]]
        assert len(cut) <= 1
        assert all(f"{g}-{k}" in now for g in cut for k in range(counts[g]))
        before = set(now)


def test_zero_takes_all_and_so_does_the_size_of_the_set():
    assert taken(0) == taken(len(FRAMES)) == uids(FRAMES)


def test_the_order_is_the_seeds_whatever_else_is_there():
    """A set that grows keeps the order of what it had."""
    assert len({tuple(taken(6, seed)) for seed in range(8)}) > 1
    fewer = [atoms for atoms in FRAMES if atoms.info["group"] != "g3"]
    order = [uid for size in range(1, 14) for uid in taken(size) if not uid.startswith("g3")]
    without = [uid for size in range(1, 10) for uid in taken(size, frames=fewer)]
    assert list(dict.fromkeys(order)) == list(dict.fromkeys(without))


def test_more_than_there_are_is_refused_with_how_many_there_are():
    with pytest.raises(BenchError, match=r"size=14, but mine has 13 training.*\n.*size=13;"):
        taken(14)


def test_other_splits_and_the_checksum_are_left_alone(tmp_path):
    others = [state("v", 0, "valid"), state("t", 0, "test"), state("t", 1, "test")]
    system = save(tmp_path, [*FRAMES, *others])
    whole = load_dataset(system)
    part = load_dataset(SystemConfig("mine", path=system.path, train_size=5), seed=3)
    assert uids(part.frames["train"]) == taken(5, seed=3)
    for split in ("valid", "test"):
        assert uids(part.frames[split]) == uids(whole.frames[split])
    assert part.checksum == whole.checksum
    assert "8 structures (5 train, 1 valid, 2 test)" in part.summary()[0]


def test_a_subset_without_an_element_of_the_test_set_is_refused(tmp_path):
    other = state("a", 0)
    other.symbols[0] = "S"
    test = state("t", 0, "test")
    test.symbols[0] = "S"
    system = save(tmp_path, [*FRAMES, other, test])
    with pytest.raises(BenchError, match=r"1 of its training structures: t-0 .* has S, which no"):
        load_dataset(SystemConfig("mine", path=system.path, train_size=1), seed=0)
    with pytest.raises(BenchError, match=r"without group=a: t-0 .* has S, which no"):
        load_dataset(SystemConfig("mine", path=system.path, leave_out="group=a"))


def splits():
    """Three geometries at three charges in training, two in validation, one in the test set."""
    found = {"train": [], "valid": [], "test": []}
    for group, split in zip("abcdef", ("train", "train", "train", "valid", "valid", "test")):
        for charge in (-1.0, 0.0, 2.0):
            atoms = state(group, f"{charge:+g}", split)
            atoms.info |= {"total_charge": charge, "trajectory": f"t_{group}", "subset": "bulk"}
            found[split].append(atoms)
    return found


@pytest.mark.parametrize(
    ("words", "train", "valid"),
    [
        ("", 9, 6),
        ("charge=-1", 6, 4),
        ("charge=-1.0 charge=2", 3, 2),
        ("group=a", 6, 6),
        ("trajectory=t_[ab]", 3, 6),
    ],
)
def test_what_is_left_out_is_neither_trained_on_nor_chooses_weights(words, train, valid):
    whole = splits()
    kept = without(whole, words, system="mine")
    assert (len(kept["train"]), len(kept["valid"])) == (train, valid)
    assert kept["test"] == whole["test"] and len(whole["train"]) == 9
    if "charge" in words:
        charges = {atoms.info["total_charge"] for s in ("train", "valid") for atoms in kept[s]}
        assert -1.0 not in charges and 0.0 in charges


def test_charges_have_the_names_by_which_they_are_left_out():
    assert charge_name(0) == "charge=0"
    assert charge_name(0, 1.0, 2, -1) == "charge=0,+1,+2,-1"
    kept = without(splits(), charge_name(-1), system="mine")
    assert {atoms.info["total_charge"] for atoms in kept["train"]} == {0.0, 2.0}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("charge=1", r"charge=1: no .*\n.*charge=\+2.*charge=-1.*charge=0\."),
        ("charge=minus", "no training structure"),
        ("grup=a", r"Did you mean 'group=\.\.\.'"),
        ("group=d", "no training structure"),  # of validation alone
        ("group=ab", r"Allowed: group=a, group=b, group=c\."),
        ("subset=bulk", "leaves no train structure of mine"),
        ("group=a group=b group=c", "leaves no train structure"),
    ],
)
def test_words_that_leave_out_nothing_or_all_are_refused(words, told):
    with pytest.raises(BenchError, match=told):
        without(splits(), words, system="mine")


def test_a_part_of_the_rest_is_taken_after_something_is_left_out(tmp_path):
    system = save(tmp_path, [*FRAMES, state("v", 0, "valid"), state("t", 0, "test")])
    part = load_dataset(
        SystemConfig("mine", path=system.path, train_size=5, leave_out="group=g3"), seed=1
    )
    rest = [atoms for atoms in FRAMES if atoms.info["group"] != "g3"]
    assert uids(part.frames["train"]) == taken(5, seed=1, frames=rest)
