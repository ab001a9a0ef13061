"""Frames are ranked by what models disagree on and by what is not labelled yet."""

import numpy as np
import pytest
from ase import Atoms

from bench.errors import BenchError
from bench.reference.plan import Recipe, read_recipe
from bench.reference.propose import (
    Candidate,
    States,
    append_to_recipe,
    candidates,
    choose,
    committee_spreads,
    measure_spreads,
)
from bench.reference.store import Store
from tests.reference.planned import slab


def test_spreads_are_standard_deviations_between_models():
    """Two models that differ by 2 in one of four numbers: variance 2 there, mean variance 1/2."""
    one = {"forces": np.zeros((1, 2, 2)), "dipole": np.array([[0.3]])}
    other = {"forces": np.array([[[2.0, 0.0], [0.0, 0.0]]])}
    assert committee_spreads([one, other]) == {"forces": pytest.approx(0.5**0.5)}
    three = [{"dipole": np.array([x])} for x in (0.1, 0.2, 0.3)]
    assert committee_spreads(three) == {"dipole": pytest.approx(0.1)}


def dimer(length):
    return Atoms("H2", [[0, 0, 0], [length, 0, 0]], cell=[9, 9, 9], pbc=True)


def proposals(lengths, spreads):
    return [
        Candidate(dimer(r), "t0", step, {"forces": s})
        for step, (r, s) in enumerate(zip(lengths, spreads))
    ]


def test_what_is_labelled_is_not_proposed_before_what_is_new():
    found = proposals([1.0, 1.5, 2.0], [0.1, 0.1, 0.1])
    assert [c.step for c in choose(found, [dimer(1.0), dimer(1.6)], 2)] == [2, 1]
    assert found[0].score == 0.0


def test_of_equally_new_frames_the_one_in_dispute_comes_first():
    found = proposals([2.0, 2.0, 2.0], [0.1, 0.3, 0.2])
    first, second = choose(found, [dimer(1.0)], 2)
    assert first.step == 1
    assert second.novelty == pytest.approx(0.0, abs=1e-12)  # like what was chosen already


def test_two_alike_are_not_both_chosen_while_another_region_waits():
    found = proposals([2.0, 2.001, 3.0], [0.3, 0.29, 0.1])
    assert [c.step for c in choose(found, [dimer(1.0)], 2)] == [0, 2]


def test_without_labels_disagreement_alone_decides():
    found = proposals([1.0, 2.0], [0.1, 0.3])
    assert choose(found, [], 1)[0].step == 1


RECIPE = """prefix: al
trajectories: {t0: train, t1: test, t2: train}
blocks:
# what there is
- {trajectory: t0, step: 0, subset: interface}
"""


def frames(name):
    made = [slab() for _ in range(3)]
    for step, atoms in enumerate(made):
        atoms.info = {"step": 10 * step, "trajectory": name}
        atoms.positions[-1, 0] += 0.2 * step
    return made


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return read_recipe(tmp_path / "recipe.yaml")


def test_candidates_are_unplanned_frames_of_training_trajectories(recipe):
    planned = [slab(trajectory="t0", step=0, subset="interface")]
    found = candidates(recipe, planned, States("interface"), frames)
    assert [(c.trajectory, c.step) for c in found] == [
        ("t0", 10), ("t0", 20), ("t2", 0), ("t2", 10), ("t2", 20),
    ]  # fmt: skip
    metal = candidates(recipe, planned, States("bare_metal"), frames, ["t2"])
    assert len(metal) == 3 and set(metal[0].atoms.symbols) == {"Al"}


def test_a_test_trajectory_is_never_chosen_by_the_models(recipe):
    with pytest.raises(BenchError, match=r"t1 is no training trajectory.*\n.*t0, t2"):
        candidates(recipe, [], States("interface"), frames, ["t1"])


def test_nothing_left_is_told():
    recipe = Recipe("al", {"t0": "train"}, [])
    planned = [slab(trajectory="t0", step=s, subset="interface") for s in (0, 10, 20)]
    with pytest.raises(BenchError, match=r"in the plan.\nSample new ones"):
        candidates(recipe, planned, States("interface"), frames)


def test_a_committee_of_one_is_refused():
    with pytest.raises(BenchError, match="two runs or more"):
        next(measure_spreads([], [], States("interface")))


def test_the_recipe_grows_at_its_end_and_keeps_its_comments(recipe, tmp_path):
    store = Store(tmp_path)
    states = States("interface", fields=(0.0, 0.2), charges=(0, 1))
    append_to_recipe(store, [Candidate(dimer(1.0), "t2", 20)], states, "disagreement of 3 runs")
    text = (tmp_path / "recipe.yaml").read_text()
    assert text.startswith(RECIPE) and "# disagreement of 3 runs" in text
    assert read_recipe(tmp_path / "recipe.yaml").blocks[-1] == {
        "trajectory": "t2", "step": 20, "subset": "interface", "fields": [0.0, 0.2],
        "charges": [0, 1],
    }  # fmt: skip


def test_a_recipe_that_cannot_grow_by_lines_is_left_alone(tmp_path):
    text = "prefix: al\nblocks: [{trajectory: t0, step: 0, subset: interface}]\n"
    text += "trajectories: {t0: train}\n"
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(BenchError, match="nothing was changed"):
        append_to_recipe(Store(tmp_path), [Candidate(dimer(1.0), "t0", 5)], States("interface"), "")
    assert (tmp_path / "recipe.yaml").read_text() == text
    assert list(tmp_path.iterdir()) == [tmp_path / "recipe.yaml"]
