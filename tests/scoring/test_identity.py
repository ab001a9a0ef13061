"""What makes two outsiders' runs two: code and weights; what does not: what lies beside them."""

import sys

import pytest

from bench.errors import BenchError
from bench.scoring.identity import files_among, of_calculator, of_file

FACTORY = "def make(path=None):\n    return {}\n"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of somebody's in the current folder, and how to write it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(text):
        (tmp_path / "somebodys.py").write_text(text)
        sys.modules.pop("somebodys", None)

    write(FACTORY.format(1))
    yield write
    sys.modules.pop("somebodys", None)


def test_code_and_weights_count_and_other_files_do_not(module, tmp_path):
    (tmp_path / "weights").write_text("1")
    arguments = {"path": "weights"}
    first = of_calculator("somebodys:make", arguments)
    assert len(first) == 10 and of_calculator("somebodys:make", arguments) == first
    (tmp_path / "notes").write_text("new")
    assert of_calculator("somebodys:make", arguments) == first
    (tmp_path / "weights").write_text("2")
    second = of_calculator("somebodys:make", arguments)
    module(FACTORY.format(2))
    assert len({first, second, of_calculator("somebodys:make", arguments)}) == 3


def test_files_are_found_in_lists_and_words_are_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    found = files_among({"paths": ["a", "b", "c"], "device": "cpu", "layers": 3, "one": "a"})
    assert [path.name for path in found] == ["a", "b", "a"]


def test_a_file_is_its_content(tmp_path):
    for name, text in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / name).write_text(text)
    one, same, other = (of_file(tmp_path / name) for name in "abc")
    assert one == same != other
    with pytest.raises(BenchError, match="does not exist"):
        of_file(tmp_path / "d")
