"""What is refused before Hydra sees it, and sweeps value by value."""

import pytest

from bench.config.catalogue import choices
from bench.config.compose import check_overrides, compose, each_choice, search_path
from bench.errors import BenchError
from bench.runs.collection import changed
from bench.runs.identity import plain

SELF_CONSISTENT = [
    "scf_energy_functional",
    "scf_fixed_point",
    "scf_levels",
    "scf_qeq",
    "scf_response",
]


def refusal_of(function, *arguments):
    with pytest.raises(BenchError) as refusal:
        function(*arguments)
    return refusal.value


@pytest.mark.parametrize(
    "override",
    [
        "model=scf_qeq",
        "model.axes.density=mine",
        "training.loss.forces=3",
        "training.loss={forces: 3}",
        "hydra.sweep.dir=there",
        "hydra/launcher=basic",
        "+hydra.job.mine=1",
        "++seed=1",
    ],
)
def test_what_exists_is_let_through(override):
    check_overrides([override])


@pytest.mark.parametrize(
    ("override", "problem", "mend"),
    [
        (
            "training.loss.dipoles=3",
            "training.loss.dipoles does not exist",
            "'training.loss.dipole'",
        ),
        ("forces=3", "the key forces does not exist", "'training.loss.forces'"),
        ("model.epochs=3", "the key model.epochs does not exist", "'training.epochs'"),
        ("sed=3", "the key sed does not exist", "'seed'"),
        ("+model.mixing=1", "model.mixing exists already", "Write model.mixing=1"),
        ("+model=scf_qeq", "model exists already", "Write model=scf_qeq"),
        ("~training.loss", "keys cannot be removed", "Leave it out"),
        ("seed", "seed is no setting", "seed=VALUE"),
        ("model=Polar", "model=Polar does not exist", "'polar'"),
        ("training=fast", "training=fast does not exist", "Allowed: default."),
        ("hydra.swep.dir=x", "Hydra has no key swep", "'sweep'"),
    ],
)
def test_what_does_not_exist_is_told_the_nearest(override, problem, mend):
    error = refusal_of(check_overrides, [override])
    assert problem in error.problem and mend in error.mend


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("training.epochs=1.5", ["training.epochs=1.5", "Integer"]),
        ("model.radial_mlp=[8,9.5]", ["model.radial_mlp", "9.5"]),
        ("model.feature_widths=2.0", ["model.feature_widths=2.0", "list"]),
        ("model.metallic=perhaps", ["model.metallic=perhaps", "bool"]),
        ("model.update=cubic", ["model.update=cubic", "linear, mlp, many_body"]),
        ("seed=[1", ["seed=[1", "cannot be read"]),
    ],
)
def test_values_of_the_wrong_type_are_told_with_their_key(override, words):
    error = refusal_of(compose, [override])
    assert all(word in str(error) for word in words), error


def budget_of(*words):
    training = compose(list(words)).training
    return training.steps, training.epochs


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], (1040, None)),
        (["system=sio2_vacancy"], (1560, None)),
        (["system=sio2_vacancy", "preset=standard"], (2600, None)),
        (["system=sio2_vacancy", "training.epochs=3"], (None, 3)),
        (["training.epochs=3"], (None, 3)),
        (["training.epochs=3", "preset=smoke"], (None, 3)),
        (["training.steps=7"], (7, None)),
        (["training.steps=7", "training.epochs=null"], (7, None)),
        (["training.steps=null", "training.epochs=3"], (None, 3)),
        (["training.epochs=null"], (1040, None)),
    ],
)
def test_a_budget_that_is_typed_takes_the_place_of_the_presets(words, expected):
    assert budget_of(*words) == expected


def test_steps_take_the_place_of_a_presets_epochs(tmp_path, monkeypatch):
    (tmp_path / "conf" / "preset").mkdir(parents=True)
    text = "# @package _global_\ntraining:\n  epochs: 9\n  steps: null\n"
    (tmp_path / "conf" / "preset" / "mine.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert budget_of("preset=mine") == (None, 9)
    assert budget_of("preset=mine", "training.steps=7") == (7, None)


def test_a_preset_may_be_another_on_one_system(tmp_path, monkeypatch):
    (tmp_path / "conf" / "preset_on_system").mkdir(parents=True)
    text = "# @package _global_\ntraining:\n  steps: 11\n  epochs: null\n"
    (tmp_path / "conf" / "preset_on_system" / "smoke_al_water.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    smoke, there = "preset=smoke", "system=al_water"
    assert budget_of(smoke, there) == (11, None)
    assert budget_of(smoke) == budget_of(smoke, "system=pt_water") == (16, None)
    assert budget_of(there) == (1040, None)
    assert budget_of(smoke, there, "training.steps=7") == (7, None)
    assert budget_of(smoke, there, "training.epochs=3") == (None, 3)
    assert changed(plain(compose([smoke, there]))) == {}
    assert changed(plain(compose([smoke, there, "training.steps=16"]))) == {"training.steps": 16}


@pytest.mark.parametrize(
    "words", [["training.steps=7", "training.epochs=3"], ["training.steps=null"]]
)
def test_exactly_one_budget_decides(words):
    error = refusal_of(compose, words)
    assert "exactly one" in error.problem and "training.steps=" in error.mend


# Sweeps


def test_without_settings_there_is_one_choice():
    assert list(each_choice([])) == [[]]


@pytest.mark.parametrize(
    ("sweep", "names"),
    [
        ("model=polar,les", ["polar", "les"]),
        ("model=choice(polar,les)", ["polar", "les"]),
        ("model=glob(scf_*)", SELF_CONSISTENT),
        ("model=glob([p*,l*],exclude=*charges)", ["les", "polar"]),
        ("model=glob(*)", sorted(choices("model"))),
    ],
)
def test_every_way_to_sweep_names_is_checked(sweep, names):
    check_overrides([sweep])
    assert list(each_choice([sweep])) == [[f"model={name}"] for name in names]


def test_the_first_value_stands_beside_the_others():
    lists = list(each_choice(["seed=1,2", "model=glob(scf_r*)", "training.epochs=range(3,9,3)"]))
    rest = ["model=scf_response"]
    assert lists == [
        ["seed=1", *rest, "training.epochs=3"],
        ["seed=2", *rest, "training.epochs=3"],
        ["seed=1", *rest, "training.epochs=6"],
    ]


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        ("model=glob(qeq*)", ["model=glob(qeq*) matches nothing", "Allowed: fixed_charge"]),
        ("seed=glob(1*)", ["seed=glob(1*) matches nothing", "no group of choices"]),
        ("seed=interval(0,1)", ["seed=interval(0,1) has no values"]),
        ("system=pt_water,pt_watr", ["system=pt_watr does not exist", "'pt_water'"]),
    ],
)
def test_a_sweep_over_nothing_is_refused(sweep, words):
    def check():
        check_overrides([sweep])
        return list(each_choice([sweep]))

    error = refusal_of(check)
    assert all(word in str(error) for word in words), error


# The user's own folder


def test_the_users_folder_is_searched_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert search_path([]) == []
    (tmp_path / "conf").mkdir()
    assert search_path(["seed=1"]) == [f'hydra.searchpath=["file://{tmp_path}/conf"]']
    assert search_path(["seed=1", "hydra.searchpath=[file:///else]"]) == []


def test_a_users_model_is_the_point_it_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "model").mkdir(parents=True)
    file = tmp_path / "conf" / "model" / "stiff.yaml"
    file.write_text("name: scf_qeq\ndescription: narrow Gaussians\nsmearing_width: 0.8\n")
    model = compose(["model=stiff", "model.l_max=0"]).model
    assert (model.name, model.smearing_width, model.l_max) == ("scf_qeq", 0.8, 0)
    file.write_text("name: scf_qeq\nsmearing_width: -0.8\n")
    assert "model.smearing_width=-0.8" in refusal_of(compose, ["model=stiff"]).problem
