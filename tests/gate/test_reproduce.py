"""Runs computed again, by a stand-in for training: agrees, differs, stale, missing."""

from pathlib import Path

import pytest

from bench.cli import main
from bench.errors import RunFailed
from bench.gate import reproduce
from bench.gate.reproduce import differing
from bench.models.registry import completed
from bench.runs.identity import identify
from tests.runs.test_collection import COUNT, RMSE, write_run

STUDY = "hydra: {sweeper: {params: {model: les, preset: smoke, seed: '0,1'}}}\n"


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A run that is kept under results/study; what a new one gives, or the error it ends with."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reproduce, "dataset_checksum", lambda system: "d" * 64)
    folder = write_run(Path("results/study"), "aa", "model=les", "preset=smoke")
    folder.write_config(completed(folder.read_config()))
    code = identify(folder.read_config(), "d" * 64).code_version
    folder.write_provenance({**folder.read_provenance(), "code_version": code})
    gives = {"value": 42.0}

    def compute(config, identity, new, console):
        if "error" in gives:
            raise gives["error"]
        record = {**RMSE, "value": gives["value"]}
        new.write_metrics({**folder.read_metrics(), "metrics": [record, COUNT]})

    monkeypatch.setattr(reproduce, "compute", compute)
    return folder, gives


@pytest.mark.parametrize(("value", "code", "word"), [(42.4, 0, "agrees"), (43.0, 1, "differs")])
def test_within_the_tolerance_or_which_numbers_are_not(kept, capsys, value, code, word):
    folder, gives = kept
    gives["value"] = value
    assert main(["reproduce", f"run={folder.path}", "tolerance=0.02"]) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{word}: {folder.path}: 2 numbers, {code} beyond 2 %"
    assert lines[1:-1] == (["  forces_rmse[all]: 42 → 43 meV/Å"] if code else [])
    assert lines[-1] == f"1 {word}"


@pytest.mark.parametrize("key", ["code_version", "data_checksum"])
def test_what_code_or_data_have_left_behind_is_stale(kept, capsys, key):
    folder, _ = kept
    folder.write_provenance({**folder.read_provenance(), key: "another"})
    assert main(["reproduce", f"run={folder.path}"]) == 3
    said = capsys.readouterr().out
    assert said.startswith(f"stale: {folder.path}: {key.partition('_')[0]} changed since")
    assert main(["reproduce", f"run={folder.path}", "anyway=true"]) == 0


def test_a_run_that_fails_now_differs(kept, capsys):
    folder, gives = kept
    gives["error"] = RunFailed("ValueError: odd")
    assert main(["reproduce", f"run={folder.path}"]) == 1
    assert "differs" in (said := capsys.readouterr().out) and "ValueError: odd" in said


def test_a_run_whose_files_are_gone_is_missing(kept, capsys):
    folder, _ = kept
    (folder.path / "metrics.json").unlink()
    assert main(["reproduce", f"run={folder.path}"]) == 1
    assert f"missing: {folder.path}: " in capsys.readouterr().out
    assert main(["reproduce", "run=nowhere"]) == 1


def test_a_figure_stands_on_its_runs(kept, capsys):
    assert main(["reproduce", "figure=design_space", "runs=results/study"]) == 0
    assert capsys.readouterr().out.endswith("1 agrees\n")
    assert main(["reproduce", "figure=design_spac"]) == 2
    assert "design_space" in capsys.readouterr().err


def test_only_what_is_in_the_figure_is_computed_again(kept, capsys):
    """One system's runs allow the figure, the other's do not; how long they took is said first."""
    allowed = []
    for system in ("sio2_vacancy", "al_water"):
        for seed in (0, 1):
            words = ("model=les", "preset=smoke", f"system={system}", f"seed={seed}")
            folder = write_run(Path("results/study"), f"{system}{seed}", *words)
            if system == "sio2_vacancy":
                records = [{**RMSE, "name": "charge_difference_rmse", "unit": "eV"}]
                folder.write_metrics({**folder.read_metrics(), "metrics": records})
                allowed.append(str(folder.path))
    main(["reproduce", "figure=charge_states", "runs=results/study"])
    first, *others, counts = capsys.readouterr().out.splitlines()
    assert first.startswith("2 runs, some 1 min of CPU time")
    assert [line.split(": ")[:2] for line in others] == [["stale", path] for path in allowed]
    assert counts == "2 stale"
    assert main(["reproduce", "figure=training_size", "runs=results/study"]) == 2
    assert "No run allows training_size." in capsys.readouterr().err


def test_a_study_names_what_is_missing(kept, capsys, tmp_path):
    place = tmp_path / "conf/study"
    place.mkdir(parents=True)
    (place / "mine.yaml").write_text(STUDY)
    assert main(["reproduce", "study=mine"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("agrees: results/study/")
    assert lines[1].startswith("missing: model=les preset=smoke seed=1: no finished run in")
    assert lines[-1] == "1 agrees, 1 missing"


@pytest.mark.parametrize("words", [[], ["run=a", "study=b"]])
def test_one_thing_at_a_time(words, capsys):
    assert main(["reproduce", *words]) == 2
    assert "one of run=, figure= and study=" in capsys.readouterr().err


def test_near_zero_the_interval_is_the_measure():
    """A bias of 0.001 ± 1 may change by 0.02 of its half width."""
    before = [{**RMSE, "name": "bias", "value": 0.001, "ci95": [-1.0, 1.0]}]
    assert differing(before, [{**before[0], "value": 0.02}], 0.02) == []
    assert len(differing(before, [{**before[0], "value": 0.03}], 0.02)) == 1
    assert differing(before, [], 0.02) == ["bias[all]: 0.001 meV/Å → absent"]
