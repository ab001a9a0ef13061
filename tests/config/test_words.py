"""A folder's name is what was typed, whatever letters it has."""

from pathlib import Path

import pytest

from bench.config.compose import compose, each_choice
from bench.config.words import as_typed, quoted, text_keys
from bench.errors import BenchError

NAMES = [
    "Größe",
    "日本/é",
    "a=b",
    "a (2)",
    "a(b",
    "a b",
    " a ",
    "[x]",
    "{x}",
    "a,b",
    "a#b;c",
    "a'b",
    'a"b',
    'a\\"b',
    "a\\",
    "a:b@c%20$x",
    "123",
    "1e5",
    "true",
    "null",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_may_have_any_name(name):
    assert compose([f"results_dir={name}"]).results_dir == name
    assert compose([f"system.path={name}", "model.description=x=y"]).system.path == name


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "a b"))
    assert compose(["results_dir=~/runs"]).results_dir == str(tmp_path / "a b" / "runs")
    assert compose(["results_dir=a~"]).results_dir == "a~"


def test_quotes_and_interpolations_are_the_users():
    assert compose(['results_dir="a (2)"']).results_dir == "a (2)"
    assert compose(["results_dir='a, b'"]).results_dir == "a, b"
    assert compose(["results_dir=runs/${seed}", "seed=3"]).results_dir == "runs/3"
    with pytest.raises(BenchError, match=r"^Interpolation key 'x' not found$"):
        compose(["results_dir=a${x}"])


def test_a_sweep_over_folders_is_a_sweep():
    assert as_typed(["results_dir=a,b"], sweeps=True) == ["results_dir=a,b"]
    assert as_typed(["results_dir=a,b"]) == ['results_dir="a,b"']
    assert list(each_choice(["results_dir=a,b"])) == [["results_dir=a"], ["results_dir=b"]]


@pytest.mark.parametrize("word", ["seed=1", "model=les", "training.epochs=(3)", "-m", "nonsense"])
def test_other_words_stay_as_they_are(word):
    assert as_typed([word]) == [word]


def test_the_keys_that_are_texts():
    assert {"results_dir", "system.path", "device", "model.description"} <= text_keys()
    assert text_keys().isdisjoint({"seed", "training.epochs", "model", "training.mode"})


@pytest.mark.parametrize("name", ['we"ird', "it's", "a\\b", "a,b", "ä ö", "[x]", "${x}", "a=b"])
def test_a_working_folder_may_have_any_name(name, tmp_path, monkeypatch):
    (tmp_path / name / "conf" / "model").mkdir(parents=True)
    (tmp_path / name / "conf" / "model" / "mine.yaml").write_text("name: les\nr_max: 3.0\n")
    monkeypatch.chdir(tmp_path / name)
    assert compose(["model=mine"]).model.r_max == 3.0
    assert Path.cwd().name == name


def test_a_text_in_quotes_by_hand():
    assert quoted('a "b" c') == r'"a \"b\" c"'
