"""``bench show``: what would run, where, and for how long."""

from types import SimpleNamespace

import ase
import pytest
import yaml

from bench.commands import show
from bench.config.compose import compose
from bench.data import dataset as dataset_room
from bench.data.dataset import Dataset
from bench.errors import BenchError
from bench.runs.folder import RunFolder, Status
from bench.runs.identity import identify
from bench.speed import estimate as estimate_room

CHECKSUM = "d" * 64


def dataset(train=10, valid=0, test=0, *, atoms=100):
    frames = {
        split: [ase.Atoms(f"H{atoms}")] * n
        for split, n in [("train", train), ("valid", valid), ("test", test)]
    }
    return Dataset("made_up", {}, CHECKSUM, frames)


@pytest.fixture
def shown(monkeypatch, tmp_path, capsys):
    """What is printed for settings, with a made-up dataset."""
    monkeypatch.setattr(dataset_room, "dataset_checksum", lambda system: CHECKSUM)
    monkeypatch.setattr(dataset_room, "load_dataset", lambda system, seed: dataset())
    monkeypatch.setattr(
        estimate_room, "estimate", lambda config, data: f"{len(data.frames['train'])} steps"
    )
    monkeypatch.chdir(tmp_path)

    def call(*argv):
        assert show.main([*argv]) == 0
        settings, _, rest = capsys.readouterr().out.partition("\nrun id")
        lines = [line.split(maxsplit=1) for line in f"id{rest}".splitlines()]
        return yaml.safe_load(settings), SimpleNamespace(**dict(lines))

    return call


def test_the_settings_compose_to_the_same_run_again(shown, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.config.rules.find_spec", lambda name: name)  # as if wandb were there
    argv = ["model=scf_response", "seed=7", "training.mode=direct", "wandb=offline"]
    settings, said = shown(*argv)
    assert settings["training"]["mode"] == "direct" and settings["wandb"] == "offline"
    assert (settings["model"]["name"], settings["seed"]) == ("scf_response", 7)
    identity = identify(compose(argv), CHECKSUM)
    assert said.id == identity.run_id
    assert said.folder == f"results/runs/pt_water/scf_response/{said.id}"
    assert said.status == "not started" and said.estimate == "10 steps"
    assert list(tmp_path.iterdir()) == []


def test_the_status_of_a_run_that_is_there(shown):
    config = compose(["seed=3"])
    folder = RunFolder.of(config, identify(config, CHECKSUM).run_id)
    folder.write_status(Status.diverged, "loss nan")
    assert shown("seed=3")[1].status == "diverged"
    assert shown("seed=4")[1].status == "not started"


def test_mistakes_are_found_before_data_are_read(monkeypatch):
    monkeypatch.setattr(
        dataset_room, "load_dataset", lambda system, seed: pytest.fail("data were read")
    )
    with pytest.raises(BenchError, match="model=scf_qek does not exist"):
        show.main(["model=scf_qek"])
