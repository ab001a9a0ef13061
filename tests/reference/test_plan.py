"""Plans: stable uids, splits by trajectory, cuts, and refusals."""

import numpy as np
import pytest
import yaml

from bench.errors import BenchError
from bench.reference.plan import cut, make_plan, read_recipe, trajectory_loader
from tests.reference.planned import slab


def frame(step, name):
    """A slab of its own for every step of every trajectory."""
    atoms = slab(step=step, trajectory=name)
    atoms.positions += np.random.default_rng([step, ord(name)]).normal(0, 0.02, (len(atoms), 3))
    return atoms


FRAMES = {name: [frame(step, name) for step in (0, 20)] for name in ("a", "b", "c")}
BLOCKS = [
    {"trajectory": "a", "step": 20, "subset": "interface", "fields": [0.0, 0.1]},
    {"trajectory": "b", "step": 0, "subset": "bare_metal", "fields": [0.0]},
    {"trajectory": "c", "step": 0, "subset": "water_only", "fields": [0.0, -0.2], "split": "valid"},
]


def recipe(tmp_path, blocks=BLOCKS, **splits):
    path = tmp_path / "recipe.yaml"
    splits = {"a": "train", "b": "test", "c": "train"} | splits
    path.write_text(yaml.safe_dump({"prefix": "al", "trajectories": splits, "blocks": blocks}))
    return read_recipe(path)


def test_a_new_plan(tmp_path):
    plan = make_plan(recipe(tmp_path), [], FRAMES.__getitem__)
    assert [a.info["uid"] for a in plan] == [f"al{i:04d}" for i in range(5)]
    assert [a.info["field"] for a in plan] == [0.0, 0.1, 0.0, 0.0, -0.2]
    assert [a.info["split"] for a in plan] == ["train", "train", "test", "valid", "valid"]
    assert [a.info["k_points"] for a in plan] == ["3x3x1"] * 3 + ["1x1x1"] * 2
    assert [a.get_chemical_formula() for a in plan] == ["H2Al2O"] * 2 + ["Al2"] + ["H2O"] * 2


def test_an_extended_plan_keeps_its_uids(tmp_path):
    first = make_plan(recipe(tmp_path), [], FRAMES.__getitem__)
    more = [{"trajectory": "b", "step": 20, "subset": "interface", "fields": [0.3]}, *BLOCKS[::-1]]
    second = make_plan(recipe(tmp_path, more), first, FRAMES.__getitem__)
    assert [a.info["uid"] for a in second] == [
        "al0005",
        "al0003",
        "al0004",
        "al0002",
        "al0000",
        "al0001",
    ]
    old = {a.info["uid"]: a for a in first}
    for atoms in second[1:]:
        assert np.array_equal(atoms.positions, old[atoms.info["uid"]].positions)


def test_a_group_gets_the_states_that_it_lacks(tmp_path):
    block = {"trajectory": "a", "step": 0, "subset": "vacancy", "charges": [0, 2]}
    first = make_plan(recipe(tmp_path, [block]), [], FRAMES.__getitem__)
    more = block | {"charges": [0, 1, 2, -1]}
    second = make_plan(recipe(tmp_path, [more]), first, FRAMES.__getitem__)
    charges = {a.info["uid"]: a.info["total_charge"] for a in second}
    assert charges == {"al0000": 0, "al0001": 2, "al0002": 1, "al0003": -1}
    assert {a.info["group"] for a in second} == {"g0"}
    assert all(np.array_equal(a.positions, first[0].positions) for a in second)


def test_groups_by_name_and_the_unnamed_last(tmp_path):
    first = make_plan(recipe(tmp_path), [], FRAMES.__getitem__)
    second = make_plan(recipe(tmp_path, [{"group": "g2"}]), first, FRAMES.__getitem__)
    assert [a.info["group"] for a in second] == ["g2", "g2", "g0", "g0", "g1"]


def test_some_states_of_a_group_may_come_later(tmp_path):
    block = {"trajectory": "a", "step": 0, "subset": "vacancy", "charges": [0, 1, 2]}
    first = make_plan(recipe(tmp_path, [block, BLOCKS[1]]), [], FRAMES.__getitem__)
    now = [{"group": "g0", "charges": [0, 2]}, {"group": "g1"}]
    second = make_plan(recipe(tmp_path, now), first, FRAMES.__getitem__)
    states = [(a.info["group"], a.info["total_charge"]) for a in second]
    assert states == [("g0", 0), ("g0", 2), ("g1", 0), ("g0", 1)]


def test_charges_share_a_geometry(tmp_path):
    block = {"trajectory": "a", "step": 0, "subset": "vacancy", "charges": [0, 2, 1, -1]}
    plan = make_plan(recipe(tmp_path, [block]), [], FRAMES.__getitem__)
    assert [a.info["multiplicity"] for a in plan] == [1, 1, 2, 2]
    assert len({a.info["group"] for a in plan}) == 1


def test_a_frame_under_two_names_is_one_group_and_every_state_comes_once(tmp_path):
    series = {"trajectory": "a", "step": 20, "subset": "field_series", "fields": [0.1, 0.0, -0.1]}
    plan = make_plan(recipe(tmp_path, [*BLOCKS, series]), [], FRAMES.__getitem__)
    same = [a.info for a in plan if a.info["trajectory"] == "a"]
    assert [i["field"] for i in same] == [0.0, 0.1, -0.1]
    assert {(i["group"], i["subset"], i["split"]) for i in same} == {("g0", "interface", "train")}
    assert len(plan) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trajectory": "b", "step": 0, "subset": "interface", "split": "train"}, "nowhere else"),
        ({"trajectory": "a", "step": 0, "subset": "interface", "split": "test"}, "nowhere else"),
        ({"trajectory": "a", "step": 7, "subset": "interface"}, "no step 7"),
        ({"trajectory": "a", "step": 0, "subset": "interface", "feilds": [0]}, "fields"),
        ({"group": "g9"}, "no group 'g9'"),
        ({"trajectory": "a", "step": 0}, "block 0: subset is missing"),
        ({"trajectory": "a", "step": 0, "subset": "bare_metl"}, "Did you mean 'bare_metal'"),
        ({"trajectory": "a", "step": 0, "subset": "interface", "k_points": "3x3"}, "'3x3'"),
        ({"trajectory": "a", "step": 0, "subset": "interface", "fields": 0.1}, "A list of numbers"),
        ({"group": "g0", "split": "tset"}, "Did you mean 'test'"),
    ],
)
def test_mistakes_are_told(tmp_path, change, message):
    with pytest.raises(BenchError, match=message):
        make_plan(recipe(tmp_path, [change]), [], FRAMES.__getitem__)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trajectories: {}\nblocks: []", "prefix is missing"),
        ("prefix: al\ntrajectories: []\nblocks: []", "trajectories is missing or no dict"),
        ("prefix: [", "no YAML"),
        ("", "prefix is missing"),
    ],
)
def test_a_recipe_is_complete(tmp_path, text, message):
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(BenchError, match=message):
        read_recipe(tmp_path / "recipe.yaml")


def test_a_trajectory_needs_a_known_split(tmp_path):
    with pytest.raises(BenchError, match="valid"):
        recipe(tmp_path, a="validation")
    frames = {"d": [slab(step=0)]}
    block = {"trajectory": "d", "step": 0, "subset": "interface"}
    with pytest.raises(BenchError, match="no split for trajectory 'd'"):
        make_plan(recipe(tmp_path, [block]), [], frames.__getitem__)


def test_a_missing_trajectory_is_told(tmp_path):
    (tmp_path / "al_w4.xyz").write_text("")
    with pytest.raises(BenchError, match="al_w4"):
        trajectory_loader(tmp_path)("al_w5")


def test_cutting_keeps_atoms_in_place():
    whole = slab()
    metal, water = cut(whole, "bare_metal"), cut(whole, "water_only")
    assert len(metal) + len(water) == len(whole)
    scaled = np.vstack([metal.get_scaled_positions(), water.get_scaled_positions()])
    assert scaled == pytest.approx(cut(whole, "interface").get_scaled_positions())
