"""Which structures are the same, which differ, and how they are split."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from bench.errors import BenchError
from bench.reference.import_identity import (
    Member,
    assign_splits,
    name_and_group,
    spin_states,
    without_repeats,
)
from bench.reference.import_values import convert
from tests.reference.imported import stated, water

HERE = Path("mine.xyz")


def members(sources, **options):
    says = stated(**options)
    return [Member(i, a, convert(a, says, f"structure {i}")) for i, a in enumerate(sources)]


def triplet():
    """The geometry of ``water(0)``, 0.98 eV higher."""
    atoms = water(0)
    atoms.info["DFT_energy"] += 0.98
    return atoms


def test_singlet_and_triplet_are_two_structures_where_the_spin_is_mapped():
    sources = [water(0), triplet()]
    for atoms, spin in zip(sources, (1, 3)):
        atoms.info["spin"] = spin
    made = members(sources, map={"multiplicity": "spin"})
    kept, repeats = without_repeats(made, HERE)
    assert (len(kept), repeats) == (2, [])
    (line,) = spin_states(kept)
    assert "2 structures differ from another in multiplicity alone" in line


@pytest.mark.parametrize(
    ("key", "values"),
    [("spin", (1, 3)), ("functional", ("PBE", "r2SCAN")), ("eext", (0.0, 0.1))],
)
def test_equal_states_with_other_labels_are_refused_with_what_else_differs(key, values):
    sources = [water(0), water(1), triplet()]
    sources[0].info[key], sources[2].info[key] = values
    with pytest.raises(BenchError) as error:
        without_repeats(members(sources), HERE)
    assert error.value.problem == (
        "mine.xyz: structures 0 and 2 are equal in geometry, total charge, field and multiplicity, "
        "but not in REF_energy (-17 and -16.02)."
    )
    assert f"{key} ({values[0]} and {values[1]})" in error.value.mend


def test_labels_that_one_of_them_lacks_are_different_labels():
    sources = [water(0), water(0)]
    sources[1].info["mu"] = np.ones(3)
    with pytest.raises(BenchError, match=r"REF_dipole \(one has none\)"):
        without_repeats(members(sources, map={"dipole": "mu"}), HERE)


def test_exact_repeats_are_dropped_and_listed():
    sources = [water(0), water(1), water(0), water(0, field=0.1), water(0, charge=1.0), water(1)]
    sources[5].info["DFT_energy"] += 1e-7  # the same number with fewer decimals
    kept, repeats = without_repeats(members(sources), HERE)
    assert [member.index for member in kept] == [0, 1, 3, 4]
    assert repeats == ["2 (as 0)", "5 (as 1)"]


def test_steps_of_a_relaxation_are_no_repeats():
    """Near its end atoms move by 1e-5 Å: other structures with other energies, of one group."""
    sources = [water(0), water(0)]
    sources[1].positions[0, 0] += 2e-5
    sources[1].info["DFT_energy"] -= 1e-4
    kept, repeats = without_repeats(members(sources), HERE)
    assert (len(kept), repeats) == (2, [])


def test_names_carry_the_index_in_the_file_and_groups_are_geometries():
    made = members([water(0), water(1), water(0, field=0.1)])[1:]
    name_and_group(made, "mine")
    assert [m.frame.info["uid"] for m in made] == ["mine00001", "mine00002"]
    assert made[0].frame.info["group"] != made[1].frame.info["group"]
    again = members([water(0), water(0, field=0.1)])
    name_and_group(again, "mine")
    assert len({m.frame.info["group"] for m in again}) == 1


def frames_of(sizes):
    """A frame for each member of trajectories of these sizes, each a geometry of its own."""
    made = []
    for trajectory, size in enumerate(sizes):
        for number in range(size):
            info = {"trajectory": f"t{trajectory}", "group": f"g{trajectory}.{number}"}
            made.append(Atoms("H", info=info))
    return made


@pytest.mark.parametrize(
    "sizes",
    [range(1, 40), [1] * 300, [100, *[1] * 100], [50, 3, 30, 7, 1, 9, 20, 10, 5, 15]],
    ids=["growing", "equal", "one large", "few"],
)
@pytest.mark.parametrize("seed", range(3))
def test_fractions_are_met_by_structures_not_by_trajectories(sizes, seed):
    frames = frames_of(sizes)
    assign_splits(frames, valid=0.1, test=0.2, seed=seed)
    counts = Counter(atoms.info["split"] for atoms in frames)
    assert counts["test"] / len(frames) == pytest.approx(0.2, abs=0.02)
    assert counts["valid"] / len(frames) == pytest.approx(0.1, abs=0.02)
    splits = {(a.info["trajectory"], a.info["split"]) for a in frames}
    assert len(splits) == len(list(sizes))


@pytest.mark.parametrize("sizes", [[90, 5, 5], [1, 1, 1], [40, 40, 1]])
def test_of_three_trajectories_each_split_gets_one_and_training_the_largest(sizes):
    frames = frames_of(sizes)
    assign_splits(frames, valid=0.1, test=0.2, seed=0)
    counts = Counter(atoms.info["split"] for atoms in frames)
    assert sorted(counts.values()) == sorted(sizes) and counts["train"] == max(sizes)


def test_trajectories_that_share_a_geometry_stay_together():
    """Two runs from one starting geometry: its group would be in two splits."""
    for seed in range(10):
        frames = frames_of([5] * 10)
        frames[5].info["group"] = frames[0].info["group"]
        assign_splits(frames, valid=0.2, test=0.3, seed=seed)
        assert len({atoms.info["split"] for atoms in frames[:10]}) == 1


def test_no_validation_split_when_none_is_asked_for():
    frames = frames_of([1] * 10)
    assign_splits(frames, valid=0.0, test=0.2, seed=0)
    assert Counter(a.info["split"] for a in frames) == {"train": 8, "test": 2}


def test_all_or_no_splits_are_given():
    frames = frames_of([1] * 10)
    frames[3].info["split"] = "test"
    with pytest.raises(BenchError, match="1 of 10 structures have a split"):
        assign_splits(frames, valid=0.1, test=0.2, seed=0)
