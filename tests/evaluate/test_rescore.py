"""Metrics redone from the disk: what is kept, what goes, what a missing file says."""

import json

import pytest
from ase.io import write

from bench.errors import BenchError
from bench.evaluate.registry import METRICS, MetricInfo
from bench.evaluate.rescore import rescore, rescored
from bench.runs.folder import RunFolder, Status
from tests.evaluate.predicted import MEANS, frame

FILES = ("metrics.json", "predictions.extxyz", "training_means.json")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Two structures whose energies are 2 and 4 meV per atom off; old metrics of every kind."""
    folder = tmp_path / "run"
    RunFolder(folder).write_status(Status.done)
    cost = MetricInfo("cost", "s/atom", "lower", "made up", from_predictions=False)
    monkeypatch.setitem(METRICS, "cost", cost)
    write(folder / "predictions.extxyz", [frame(energy=(0.0, e)) for e in (0.004, -0.008)])
    (folder / "training_means.json").write_text(json.dumps(MEANS.to_dict()))
    old = {
        "run": {"id": "abc", "seconds": 12.5},
        "metrics": [{"name": name, "value": -1.0} for name in ("cost", "energy_mae", "renamed")],
        "absent": {"cost[bulk]": "no timing", "energy_mae": "untrue", "renamed[bulk]": "gone"},
    }
    (folder / "metrics.json").write_text(json.dumps(old))
    return folder


def test_numbers_are_new_and_only_what_predictions_cannot_give_is_old(run):
    content = rescored(run)
    values = {m["name"]: m["value"] for m in content["metrics"] if m.get("subset", "all") == "all"}
    assert values["energy_mae"] == pytest.approx(3.0, rel=1e-9)
    assert values["energy_rmse"] == pytest.approx(10**0.5, rel=1e-9)
    assert values["cost"] == -1.0 and "renamed" not in values
    assert content["run"] == {"id": "abc", "seconds": 12.5}
    assert content["absent"]["cost[bulk]"] == "no timing"
    assert not {"energy_mae", "renamed[bulk]"} & set(content["absent"])


def test_twice_is_once(run):
    first = rescore(run).read_text()
    assert rescore(run).read_text() == first


@pytest.mark.parametrize("name", FILES)
def test_an_unfinished_run_is_told_by_its_missing_file(run, name):
    (run / name).unlink()
    with pytest.raises(BenchError, match="Finish the run:") as error:
        rescore(run)
    assert f"{run / name} does not exist" in error.value.problem
    assert not (run / name).exists()


def test_predictions_that_cannot_be_scored_leave_the_old_file(run):
    before = (run / "metrics.json").read_bytes()
    write(run / "predictions.extxyz", [frame(REF_energy=float("nan"))])
    with pytest.raises(BenchError, match="REF_energy is not finite"):
        rescore(run)
    assert (run / "metrics.json").read_bytes() == before
