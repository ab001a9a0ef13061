"""``bench data propose``: a committee's choice joins recipe and plan."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from ase.io import read, write

from bench.commands.data import main
from bench.errors import BenchError
from bench.reference.plan import read_recipe
from bench.reference.store import Store
from bench.runs.folder import RunFolder, Status
from bench.testing.small import build, small_config
from tests.reference.planned import slab
from tests.trained import write_run

PAGE = Path(__file__).parents[2] / "docs/data.md"
RECIPE = """# how it began
prefix: al
trajectories:
  t0: train
  t1: test
blocks:
- {trajectory: t0, step: 0, subset: interface, fields: [0.1]}
"""


def frames(count, *, shift=0.0):
    """Water that turns up from frame to frame."""
    made = [slab() for _ in range(count)]
    for place, atoms in enumerate(made):
        atoms.positions[-1, 2] += 0.05 * place + shift
        atoms.info = {"step": 10 * place}
    return made


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two untrained seeds, in a folder of finished runs."""
    place = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        folder = write_run(place / str(seed), build(small_config("scf_qeq"), seed=seed))
        RunFolder(folder).write_status(Status.done)
    return place


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "datasets/al_water")
    (store.folder / "trajectories").mkdir(parents=True)
    (store.folder / "recipe.yaml").write_text(RECIPE)
    store.write_plan([slab("al0000", "g0", 0.1)])
    for name in ("t0", "t1"):
        write(store.folder / f"trajectories/{name}.xyz", frames(4), format="extxyz")
    return store


def propose(runs, *words):
    return main(["propose", "system=al_water", f"runs={runs}", *words])


def test_a_training_trajectory_without_a_file_has_no_frames(store, runs, capsys):
    path = store.folder / "recipe.yaml"
    path.write_text(path.read_text().replace("  t0: train", "  shaken: train\n  t0: train"))
    assert propose(runs, "number=1") == 0
    assert "t0" in capsys.readouterr().out


def test_the_best_frames_join_recipe_and_plan(store, runs, capsys):
    assert propose(runs, "number=2", "fields=0.0,0.2") == 0
    output = capsys.readouterr().out
    assert "forces ± [eV/Å]" in output and "dipole ± [e Å]" in output
    assert "charge difference" not in output  # one charge alone
    assert "median of all" in output and "5 structures planned, 4 new" in output
    text = (store.folder / "recipe.yaml").read_text()
    assert text.startswith(RECIPE) and "# where 2 runs disagree" in text
    blocks = read_recipe(store.folder / "recipe.yaml").blocks
    assert len(blocks) == 3
    assert {b["trajectory"] for b in blocks} == {"t0"} and all(b["step"] for b in blocks[1:])
    plan = store.plan()
    assert [a.info["uid"] for a in plan] == [f"al000{k}" for k in range(5)]
    assert [a.info["field"] for a in plan[1:]] == [0.0, 0.2, 0.0, 0.2]
    assert {a.info["split"] for a in plan} == {"train"}
    chosen = {a.info["step"] for a in plan[1:]}
    assert propose(runs, "number=9") == 0  # what is planned is not proposed again
    blocks = read_recipe(store.folder / "recipe.yaml").blocks
    assert {b["step"] for b in blocks} == {0, 10, 20, 30} and len(blocks) == 4
    assert chosen < {10, 20, 30}


def test_the_example_of_the_page_runs(store, runs, tmp_path, capsys):
    (line,) = re.findall(r"^bench data (propose .*)$", PAGE.read_text(), re.MULTILINE)
    place = tmp_path / "results/runs/al_water"
    place.mkdir(parents=True)
    (place / "scf_qeq").symlink_to(runs)
    assert main(shlex.split(line)) == 0
    assert "7 structures planned, 6 new" in capsys.readouterr().out


def test_the_table_alone_changes_nothing(store, runs, capsys):
    before = {path: path.read_bytes() for path in store.folder.rglob("*.*") if path.is_file()}
    assert propose(runs, "number=3", "charges=0,1", "write=false") == 0
    assert "charge difference ± [eV]" in capsys.readouterr().out
    after = {path: path.read_bytes() for path in store.folder.rglob("*.*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize("flow", [False, True])
def test_a_new_file_becomes_a_training_trajectory(store, runs, tmp_path, flow):
    if flow:
        text = RECIPE.replace("\n  t0: train\n  t1: test\n", " {t0: train, t1: test}\n")
        (store.folder / "recipe.yaml").write_text(text)
    made = frames(3, shift=0.4)
    for atoms in made:
        atoms.info = {}
    write(tmp_path / "new.xyz", made, format="extxyz")
    assert propose(runs, "number=1", "files=new.xyz", "every=2") == 0
    recipe = read_recipe(store.folder / "recipe.yaml")
    assert recipe.splits == {"t0": "train", "t1": "test", "new": "train"}
    block = recipe.blocks[-1]
    assert block["trajectory"] == "new" and block["step"] in (0, 2)
    kept = read(store.folder / "trajectories/new.xyz", ":")
    assert [a.info["step"] for a in kept] == [0, 1, 2]
    np.testing.assert_allclose(kept[2].positions, made[2].positions, atol=1e-7)
    assert store.plan()[-1].info["trajectory"] == "new"


def test_a_recipe_that_cannot_be_extended_by_a_line_is_left_alone(store, runs, tmp_path):
    text = "trajectories: !!map\n  t0: train\nprefix: al\nblocks:\n"
    text += "- {trajectory: t0, step: 0, subset: interface}\n"
    (store.folder / "recipe.yaml").write_text(text)
    write(tmp_path / "new.xyz", frames(2), format="extxyz")
    with pytest.raises(BenchError, match=r"nothing was changed.\nWrite new: train into it"):
        propose(runs, "number=1", "files=new.xyz")
    assert (store.folder / "recipe.yaml").read_text() == text
    assert not (store.folder / "trajectories/new.xyz").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["number=0"], "number=0 must be positive"),
        (["number=1", "subset=vacanci"], r"subset=vacanci is not known.\nDid you mean 'vacancy'"),
        (["number=1", "files=none.xyz"], r"none.xyz does not exist"),
        (["number=1", "files=bad.xyz"], r"bad.xyz cannot be read"),
        (["number=1", "files=t0.xyz"], r"al_water has another trajectory of this name"),
        (
            ["number=1", "files=datasets/al_water/trajectories/t1.xyz"],
            "t1 is no training trajectory",
        ),
    ],
)
def test_mistakes_are_told(store, runs, tmp_path, words, message):
    (tmp_path / "bad.xyz").write_text("two\n")
    write(tmp_path / "t0.xyz", frames(2), format="extxyz")
    with pytest.raises(BenchError, match=message):
        propose(runs, *words)


def test_what_is_no_run_is_named(store, tmp_path):
    with pytest.raises(BenchError, match=r"nowhere.*does not exist"):
        propose("nowhere", "number=1")


def test_one_run_is_no_committee(store, runs):
    with pytest.raises(BenchError, match="two runs or more"):
        propose(runs / "0", "number=1")
