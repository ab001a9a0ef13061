"""A study beside what is there of it."""

from pathlib import Path

import pytest

from bench.cli import main
from bench.config.compose import combinations, compose
from bench.config.study import sweeps
from bench.runs.cells import cells, of_study, places_of
from bench.runs.collection import collect
from bench.runs.folder import Status
from tests.runs.test_collection import write_run

STUDY = """# two modes
hydra:
  sweeper:
    params:
      results_dir: kept
      seed: 0,1
      system: pt_water,al_water
      model: scf_qeq
      preset: smoke
      training.mode: implicit,auto
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a study of one's own, three of whose runs are there, and one beside it."""
    place = tmp_path_factory.mktemp("study")
    (place / "conf/study").mkdir(parents=True)
    (place / "conf/study/mine.yaml").write_text(STUDY)
    (place / "conf/preset_on_system").mkdir()
    on_aluminium = "# @package _global_\ntraining:\n  steps: 11\n  epochs: null\n"
    (place / "conf/preset_on_system/smoke_al_water.yaml").write_text(on_aluminium)
    common = ["model=scf_qeq", "preset=smoke", "training.mode=implicit"]
    write_run(place / "kept", "aa", *common)
    write_run(place / "kept", "bb", *common, "seed=1", status=Status.failed, reason="no space")
    write_run(place / "kept", "cc", *common[:2], "system=al_water", "seed=1", "training.steps=11")
    write_run(place / "kept", "dd", *common, "model.r_max=6.0")
    return place


@pytest.fixture
def own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where one works."""
    monkeypatch.chdir(folder)
    return folder


def test_every_cell_is_what_its_composed_run_will_be(own: Path) -> None:
    """Composing leaves seed and system out, whose places in a run's settings are known."""
    for cell, words in zip(cells("mine"), combinations(sweeps("mine")[0]), strict=True):
        config = compose(words)
        found = (config.system.name, config.model.name, config.preset, config.seed)
        mode = config.training.mode.name
        assert cell == (*found, f"training.mode={mode}" if mode != "auto" else "")


def test_what_nobody_has_begun_is_a_row_and_what_is_no_cell_is_none(own: Path) -> None:
    runs = of_study("mine", collect([Path("kept")])).runs
    assert runs["status"].value_counts().to_dict() == {"not started": 5, "done": 2, "failed": 1}
    assert runs["id"].dropna().tolist() == ["aa", "bb", "cc"]  # in the order of the study
    assert runs["reason"].dropna().tolist() == ["", "no space", ""]


def test_status_of_a_study_is_that_of_its_own_folder(own: Path, capsys) -> None:
    assert places_of("mine") == ["kept"]
    assert main(["status", "study=mine"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "5 not started, 2 done, 1 failed" and len(said) == 1 + 8 + 2
    assert [line.split()[0] for line in said[-4:-2]] == ["done", "done"]
    assert main(["status", "study=smoke"]) == 0  # nothing of it is there, not even its folder
    assert capsys.readouterr().out.endswith("\n4 not started\n")


def test_a_place_that_was_typed_has_to_be_there(own: Path, capsys) -> None:
    assert main(["status", "study=mine", "elsewhere"]) == 2
    assert "elsewhere does not exist" in capsys.readouterr().err
