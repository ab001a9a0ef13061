"""What conf/ offers: the shipped folder, the user's beside it, and descriptions."""

import pytest

from bench.config.catalogue import GROUPS, axes, choices, folders, presets
from bench.config.schema import Axes
from bench.errors import BenchError
from bench.paths import shipped


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The user's ./conf, to write into."""
    monkeypatch.chdir(tmp_path)

    def write(name, text):
        path = tmp_path / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_only_the_shipped_folder_where_there_is_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert folders() == [shipped("conf")]
    monkeypatch.chdir(shipped("conf").parent)  # a checkout: ./conf is the shipped one
    assert folders() == [shipped("conf")]


@pytest.mark.parametrize("group", GROUPS)
def test_the_users_choices_come_beside_the_shipped_ones_in_order(own, group):
    before = choices(group)
    own(f"{group}/aaa.yaml", "description: mine\n")
    assert list(choices(group).items()) == [("aaa", "mine"), *before.items()]
    assert list(before) == sorted(before)


def test_a_shipped_choice_is_not_replaced_in_the_list(own):
    """Hydra searches the shipped folder first, so that is what would run."""
    shipped_line = choices("system")["pt_water"]
    own("system/pt_water.yaml", "description: mine\n")
    assert choices("system")["pt_water"] == shipped_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("description: a key\n", "a key"),
        ("# a comment\nname: x\n", "a comment"),
        ("# @package _global_\n# then words\n# and more\nname: x\n", "then words"),
        ("# a comment\ndescription: a key\n", "a key"),
        ("# @package _global_\nname: x\n", ""),
        ("name: x\n", ""),
        ("# nothing else\n", "nothing else"),
        ("", ""),
        ("description: 12\n", "12"),
        ("description:\n# words\n", "words"),
    ],
)
def test_a_description_is_the_key_or_the_first_comment(own, text, line):
    own("preset/mine.yaml", text)
    assert choices("preset")["mine"] == line


def test_a_preset_on_one_system_stands_behind_the_one_that_it_is_elsewhere(own):
    before = {*presets()}
    own("preset_on_system/smoke_al_water.yaml", "# @package _global_\n# longer\ntraining: {}\n")
    own("preset_on_system/smoke_nowhere.yaml", "# no system has this name\n")
    own("preset_on_system/al_water.yaml", "# of no preset\n")
    assert presets()["smoke system=al_water"] == "longer"
    assert [name for name in presets() if name.startswith("smoke")] == [
        "smoke",
        "smoke system=al_water",
    ]
    assert {*presets()} - before == {"smoke system=al_water"}


def test_other_files_and_groups_are_no_choices(own):
    own("system/notes.txt", "description: no\n")
    own("system/folder/deep.yaml", "description: no\n")
    assert "notes" not in choices("system") and "deep" not in choices("system")
    assert choices("no_group") == {}


def test_every_shipped_model_states_every_axis():
    found = axes()
    assert list(found) == list(choices("model"))
    for name, where in found.items():
        assert set(where) == set(vars(Axes())) and all(where.values()), name


@pytest.mark.parametrize("text", ["", "# words\n", "name: mine\n", "axes:\n"])
def test_a_model_without_axes_has_none(own, text):
    own("model/mine.yaml", text)
    assert axes()["mine"] == {}
    assert choices("model")["mine"] == ("words" if text.startswith("#") else "")


@pytest.mark.parametrize("text", ["name: [1\n", "- a\n- list\n", "a: b: c\n"])
@pytest.mark.parametrize("listed", [axes, lambda: choices("model")], ids=["axes", "choices"])
def test_a_file_that_is_no_mapping_is_named(own, text, listed):
    path = own("model/mine.yaml", text)
    with pytest.raises(BenchError, match=r"conf/model/mine\.yaml"):
        listed()
    assert path.is_file()
