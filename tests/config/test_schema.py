"""Composition: precedence, the user's own choices, and rules beyond types."""

from dataclasses import replace

import pytest

from bench.config.catalogue import GROUPS, choices
from bench.config.compose import compose, each_choice
from bench.config.rules import check
from bench.config.schema import Ensemble, Mode, RunConfig, Wandb
from bench.errors import BenchError


def test_defaults():
    config = compose()
    assert (config.model.name, config.system.name) == ("scf_qeq", "pt_water")
    assert (config.preset, config.seed, config.results_dir) == ("quick", 0, "results/runs")
    assert config.wandb is Wandb.off and config.training.mode is Mode.auto


def test_the_preset_wins_over_its_group_and_the_command_line_over_both():
    group = RunConfig().model.num_channels
    preset = compose(["preset=smoke"]).model.num_channels
    typed = compose(["model.num_channels=12", "preset=smoke"]).model.num_channels
    assert len({group, preset, typed}) == 3 and typed == 12


EVERY = [(group, name) for group in GROUPS for name in choices(group)]


@pytest.mark.parametrize(("group", "name"), EVERY)
def test_every_choice_composes_and_says_what_it_is(group, name):
    config = compose([f"{group}={name}"])
    chosen = {"model": config.model.name, "system": config.system.name, "preset": config.preset}
    assert chosen.get(group, name) == name
    assert choices(group)[name]


def test_the_paper_preset_is_the_papers():
    model = compose(["preset=paper"]).model
    assert (model.smearing_width, model.l_max, model.num_interactions) == (1.5, 1, 2)
    assert (model.feature_widths, model.num_channels) == ([1.5, 3.0], 128)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_users_own_conf_is_searched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "conf/system/mine.yaml", "name: mine\ndescription: my slab\npath: data/mine\n")
    assert choices("system")["mine"] == "my slab"
    config = compose(["system=mine"])
    assert (config.system.name, config.system.path) == ("mine", "data/mine")


def test_a_folder_with_spaces_is_searched_too(tmp_path, monkeypatch):
    folder = tmp_path / "my, own = data"
    write(folder / "conf/system/mine.yaml", "name: mine\n")
    monkeypatch.chdir(folder)
    assert compose(["system=mine"]).system.name == "mine"


def test_a_typo_in_the_users_own_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "conf/system/mine.yaml", "name: mine\npaht: data/mine\n")
    with pytest.raises(BenchError, match=r"system\.paht does not exist.*\n.*'system\.path'"):
        compose(["system=mine"])


def test_a_sweep_is_checked_value_by_value_without_its_product():
    lists = list(each_choice(["model=short_range,scf_qeq", "seed=range(0,3)", "preset=smoke"]))
    assert lists == [
        ["model=short_range", "seed=0", "preset=smoke"],
        ["model=scf_qeq", "seed=0", "preset=smoke"],
        ["model=short_range", "seed=1", "preset=smoke"],
        ["model=short_range", "seed=2", "preset=smoke"],
    ]


def test_an_override_of_a_list_is_no_sweep():
    assert list(each_choice(["model.feature_widths=[1.0,2.0]"])) == [
        ["model.feature_widths=[1.0,2.0]"]
    ]


@pytest.mark.parametrize(
    "override",
    [
        "training.epochs=0",
        "model.max_iterations=-5",
        "training.batch_size=0",
        "training.learning_rate=-0.1",
        "training.learning_rate=nan",
        "training.loss.forces=-1",
        "training.loss.forces=inf",
        "training.ema_decay=1.0",
        "training.direct_fraction=1.1",
        "training.optimizer=sgd",
        "training.schedule=step",
        "model.mixing=0",
        "model.mixing=1.5",
        "model.smearing_width=0",
        "model.l_max=2",
        "model.feature_widths=[1.5,-3]",
        "model.radial_mlp=[]",
        "seed=-1",
        "training.loss.dipole=-0.5",
        "dtype=float16",
        "device=gpu",
        "model.ensemble=constant_fermi_level",
        "model.fermi_level=1.0",
    ],
)
def test_values_that_no_run_can_use_are_refused_with_their_key(override):
    key, value = override.split("=")
    with pytest.raises(BenchError) as refusal:
        compose([override])
    assert refusal.value.problem.startswith(f"{key}={value[:4]}")


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1"])
def test_devices(device):
    assert compose([f"device={device}"]).device == device


def test_the_fermi_level_goes_with_its_ensemble():
    config = compose(["model.ensemble=constant_fermi_level", "model.fermi_level=-1.5"])
    assert config.model.ensemble is Ensemble.constant_fermi_level
    assert config.model.fermi_level == -1.5


def test_wandb_must_be_installed_where_it_is_asked_for(monkeypatch):
    monkeypatch.setattr("bench.config.rules.find_spec", lambda name: None)
    check(compose())
    with pytest.raises(BenchError, match="wandb=offline"):
        check(replace(compose(), wandb=Wandb.offline))
