"""The mirror is told what a run writes and never ends it."""

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest

from bench.config.compose import compose
from bench.config.schema import Wandb
from bench.runs.folder import RunFolder
from bench.runs.wandb_mirror import mirrored

ROW = {"step": 1, "mode": "implicit", "valid_loss": 0.5, "scf_iterations": None}
METRICS = {"metrics": [{"name": "forces_rmse", "subset": "all", "unit": "meV/Å", "value": 42.0}]}


class FakeRun:
    def __init__(self):
        self.logged, self.summary, self.finished = [], {}, False

    def log(self, row):
        self.logged.append(row)

    def finish(self):
        self.finished = True


@pytest.fixture
def wandb(monkeypatch):
    """A module named wandb that keeps what it is told."""
    module = ModuleType("wandb")
    module.runs = []

    def init(**settings):
        module.runs.append(SimpleNamespace(settings=settings, run=FakeRun()))
        return module.runs[-1].run

    module.init = init
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "pt_water" / "scf_qeq" / "0123456789")


def config(mode):
    return replace(compose(), wandb=mode)


def test_off_touches_nothing(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)  # importing it would fail
    with mirrored(folder, config(Wandb.off)) as mirror:
        mirror.row(ROW)
        mirror.metrics(METRICS)
    assert not folder.path.exists()


@pytest.mark.parametrize("mode", [Wandb.offline, Wandb.online])
def test_the_run_has_the_same_name_and_configuration(folder, wandb, mode):
    with mirrored(folder, config(mode)):
        pass
    ((settings, run),) = ((each.settings, each.run) for each in wandb.runs)
    assert (settings["id"], settings["mode"], settings["resume"]) == (
        "0123456789",
        mode.name,
        "allow",
    )
    assert settings["config"]["model"]["name"] == "scf_qeq"
    assert run.finished


def test_a_row_is_sent_without_its_empty_cells(folder, wandb):
    with mirrored(folder, config(Wandb.offline)) as mirror:
        mirror.row(ROW)
        mirror.row({**ROW, "step": 2, "scf_iterations": 7.0})
    assert wandb.runs[0].run.logged == [
        {"step": 1, "mode": "implicit", "valid_loss": 0.5},
        {"step": 2, "mode": "implicit", "valid_loss": 0.5, "scf_iterations": 7.0},
    ]


def test_metrics_keep_subset_and_unit(folder, wandb):
    with mirrored(folder, config(Wandb.offline)) as mirror:
        mirror.metrics(METRICS)
    assert wandb.runs[0].run.summary == {"all/forces_rmse [meV/Å]": 42.0}


def test_a_failing_mirror_is_told_once_and_the_run_goes_on(folder, wandb, monkeypatch, capsys):
    def fail(self, row):
        raise ConnectionError("no network")

    monkeypatch.setattr(FakeRun, "log", fail)
    with mirrored(folder, config(Wandb.online)) as mirror:
        mirror.row(ROW)
        mirror.row(ROW)
        mirror.metrics(METRICS)
    assert capsys.readouterr().err.count("no network") == 1


def test_a_mirror_that_cannot_start_is_told_once(folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with mirrored(folder, config(Wandb.offline)) as mirror:
        mirror.row(ROW)
    assert capsys.readouterr().err.count("the run goes on without its mirror") == 1


def test_the_error_of_a_run_passes_through(folder, wandb):
    with pytest.raises(ZeroDivisionError), mirrored(folder, config(Wandb.offline)):
        _ = 1 / 0
    assert wandb.runs[0].run.finished
