"""Classes from outside of the package: where they are found, and what is told where not."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.config.compose import compose
from bench.config.key import key
from bench.config.schema import ModelConfig, RunConfig
from bench.errors import BenchError
from bench.models.base import Point, own_options
from bench.models.local_charges import LocalCharges
from bench.models.registry import class_of, completed
from bench.outside import load_class, sources
from bench.runs.identity import code_version, identify

MINE = f"{__name__}.Mine"


@dataclass
class Options:
    reach: float = key(1.5, "how far", "Å", above=0)
    parts: list[int] = key([1, 2], "of it", least=0)


class Mine(LocalCharges):
    Options = Options
    own: Options


class Unfinished(Point):
    pass


def config(point: str = MINE, **options: object) -> ModelConfig:
    return ModelConfig(name="mine", point=point, options=options)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder with an importable package, forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    package = tmp_path / "strangers"
    (package / "tests").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "model.py").write_text("from bench.models.les import Les\n\nclass Mine(Les): pass\n")
    (package / "tests" / "test_model.py").write_text("assert True\n")
    (tmp_path / "broken.py").write_text("import not_there\n")
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("strangers", "broken")]:
        del sys.modules[name]


def test_the_current_folder_is_searched(folder: Path) -> None:
    found = load_class("strangers.model.Mine")
    assert issubclass(found, Point) and sys.modules["strangers"].__file__.startswith(str(folder))
    assert class_of(config("strangers.model.Mine")) is found


def test_what_the_folder_has_hides_no_library(folder: Path) -> None:
    (folder / "ase.py").write_text("class Atoms: pass\n")
    assert load_class("ase.atoms.Atoms").__module__ == "ase.atoms"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("Mine", "model.point=Mine is no class.\nWrite package.module.Class."),
        ("strangers/model.py", "is no class"),
        ("strangrs.model.Mine", "strangrs.model cannot be imported from"),
        ("strangers.modl.Mine", "No module named 'strangers.modl'"),
        ("broken.Mine", "No module named 'not_there'\npython -c 'import broken' must work."),
        ("strangers.model.Mien", "has no class Mien.\nDid you mean 'Mine'?"),
        ("strangers.model.__name__", "has no class __name__"),
    ],
)
def test_what_cannot_be_loaded_is_told(folder: Path, path: str, said: str) -> None:
    with pytest.raises(BenchError) as refusal:
        load_class(path)
    assert f"model.point={path}" in refusal.value.problem and said in str(refusal.value)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("collections.abc.Mapping", "is no point.\nLet it inherit from bench.models.base.Point"),
        (f"{__name__}.Unfinished", "does not define density."),
    ],
)
def test_a_class_that_is_no_point_is_told(path: str, said: str) -> None:
    with pytest.raises(BenchError) as refusal:
        class_of(config(path))
    assert said in str(refusal.value)


# Options


def test_options_are_typed_checked_and_completed() -> None:
    assert own_options(Mine, config()) == Options()
    assert own_options(Mine, config(reach=2)) == Options(reach=2.0)
    run = completed(RunConfig(model=config(parts=[3])))
    assert run.model.options == {"reach": 1.5, "parts": [3]}
    ours = RunConfig(model=ModelConfig(name="les"))
    assert completed(ours) is ours


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rech": 1.0}, "model.options.rech does not exist.\nDid you mean 'reach'?"),
        ({"reach": "far"}, "model.options.reach=far cannot be used: Value 'far'"),
        ({"reach": -1.0}, "model.options.reach=-1.0 must be positive, in Å."),
    ],
)
def test_an_option_that_the_class_does_not_know_is_told(options: dict, said: str) -> None:
    with pytest.raises(BenchError) as refusal:
        own_options(Mine, config(**options))
    assert said in str(refusal.value)


def test_a_class_without_options_takes_none() -> None:
    with pytest.raises(BenchError, match=r"model\.options\.reach does not exist"):
        own_options(LocalCharges, config(reach=1.0))


# From the command line


@pytest.fixture
def written(folder: Path) -> Path:
    file = folder / "conf" / "model" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(f"name: mine\npoint: {MINE}\noptions:\n  reach: 2.0\n")
    return file


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {"reach": 2.0}),
        (["model.options.reach=3"], {"reach": 3}),
        (["model.options.parts=[4]"], {"reach": 2.0, "parts": [4]}),
        (["+model.options.parts=[4]"], {"reach": 2.0, "parts": [4]}),
    ],
)
def test_options_come_from_the_file_and_from_words(written, words, options) -> None:
    assert compose(["model=mine", *words]).model.options == options


def test_a_name_that_is_taken_and_options_of_our_own_points(written: Path) -> None:
    with pytest.raises(BenchError, match=r"model\.name=polar, which is another model's"):
        compose(["model=mine", "model.name=polar"])
    with pytest.raises(BenchError, match=r"model\.options=\{'reach': 1\} are of a class"):
        compose(["model=polar", "model.options.reach=1"])


# Identity


def run_id(point: str, **options: object) -> str:
    return identify(completed(RunConfig(model=config(point, **options))), "d" * 64).run_id


def test_the_code_of_its_package_counts_as_ours_does(folder: Path) -> None:
    path, file = "strangers.model.Mine", folder / "strangers" / "model.py"
    assert [f.name for f in sources(path)] == ["__init__.py", "model.py"]
    before = run_id(path)
    file.write_text(f'"""Words."""\n{file.read_text()}  # and more\n')
    (folder / "strangers" / "tests" / "test_model.py").write_text("assert 1 + 1 == 2\n")
    assert run_id(path) == before
    file.write_text(file.read_text() + "\nNUMBER = 2\n")
    assert run_id(path) != before


def test_the_meaning_of_an_option_does_not_count_but_its_default_does(folder: Path) -> None:
    path, file = "strangers.model.Mine", folder / "strangers" / "model.py"
    found = set()
    for default, meaning in ((1.0, "how far"), (1.0, "how far it goes"), (2.0, "how far")):
        file.write_text(f"from bench.config.key import key\nreach = key({default}, '{meaning}')\n")
        found.add(code_version(outside=sources(path)))
    assert len(found) == 2


def test_a_single_file_counts_and_what_is_nowhere_is_told(folder: Path) -> None:
    assert sources("broken.Mine") == [folder / "broken.py"]
    with pytest.raises(BenchError, match="there is no package strangrs"):
        sources("strangrs.model.Mine")


def test_a_default_counts_like_the_same_value_typed() -> None:
    assert run_id(MINE) == run_id(MINE, reach=1.5) != run_id(MINE, reach=1.6)
