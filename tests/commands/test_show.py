"""``bench show``: what would run, where, and for how long."""

from dataclasses import replace
from types import SimpleNamespace

import ase
import pytest
import yaml

from bench.commands import show
from bench.config.compose import compose
from bench.config.schema import RunConfig
from bench.data.dataset import Dataset
from bench.errors import BenchError
from bench.runs.folder import RunFolder, Status
from bench.runs.identity import identify

CHECKSUM = "d" * 64


def dataset(train=10, valid=0, test=0, *, atoms=100):
    frames = {
        split: [ase.Atoms(f"H{atoms}")] * n
        for split, n in [("train", train), ("valid", valid), ("test", test)]
    }
    return Dataset("made_up", {}, CHECKSUM, frames)


def run(*, epochs=1, dtype="float32", **model):
    config = RunConfig(dtype=dtype)
    config.training.epochs = epochs
    return replace(config, model=replace(config.model, name="scf_qeq", **model))


def cost(config, data=None):
    """Seconds beside the constant share."""
    return show.estimate(config, data or dataset()) - show.OVERHEAD


def test_the_measured_case():
    """1 ms and 0.09 ms a channel, per atom and step: 1000 atoms, 50 epochs, 32 channels."""
    assert cost(run(epochs=50)) == pytest.approx(50 * 1000 * 3.88e-3)


@pytest.mark.parametrize(
    ("options", "factor"),
    [
        ({"epochs": 7}, 7.0),
        ({"num_channels": 64}, 6.76 / 3.88),
        ({"num_interactions": 1}, 0.3),
        ({"num_interactions": 3}, 1.7),
        ({"r_max": 10.0}, 0.45 + 0.55 * 8),
        ({"r_max": 2.5}, 0.45 + 0.55 / 8),
        ({"dtype": "float64"}, 1.7),
        ({"l_max": 0, "tolerance": 1e-4}, 1.0),
    ],
    ids=str,
)
def test_cost_by_option(options, factor):
    assert cost(run(**options)) / cost(run()) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("data", "steps"),
    [
        (dataset(5, 0, 0), 3 * 500),
        (dataset(5, 2, 0), 3 * (500 + 0.33 * 200)),
        (dataset(5, 0, 4), 3 * 500 + 0.33 * 400),
        (dataset(1, 0, 0, atoms=1), 3),
        (dataset(0, 0, 0), 0),
    ],
)
def test_validation_is_every_epoch_and_the_test_set_once(data, steps):
    assert cost(run(epochs=3), data) == pytest.approx(steps * 3.88e-3)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "about 1 s"),
        (12.4, "about 12 s"),
        (89.4, "about 89 s"),
        (90.0, "about 2 min"),
        (600.0, "about 10 min"),
        (5399.0, "about 90 min"),
        (5400.0, "about 1.5 h"),
        (360000.0, "about 100.0 h"),
    ],
)
def test_durations_are_round(seconds, words):
    assert show._duration(seconds) == words


@pytest.fixture
def shown(monkeypatch, tmp_path, capsys):
    """What is printed for settings, with a made-up dataset."""
    monkeypatch.setattr(show, "dataset_checksum", lambda system: CHECKSUM)
    monkeypatch.setattr(show, "load_dataset", lambda system: dataset())
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
    assert said.status == "not started" and "on one core" in said.estimate
    assert list(tmp_path.iterdir()) == []


def test_the_status_of_a_run_that_is_there(shown):
    config = compose(["seed=3"])
    folder = RunFolder.of(config, identify(config, CHECKSUM).run_id)
    folder.write_status(Status.diverged, "loss nan")
    assert shown("seed=3")[1].status == "diverged"
    assert shown("seed=4")[1].status == "not started"


def test_mistakes_are_found_before_data_are_read(monkeypatch):
    monkeypatch.setattr(show, "load_dataset", lambda system: pytest.fail("data were read"))
    with pytest.raises(BenchError, match="model=scf_qek does not exist"):
        show.main(["model=scf_qek"])
