"""Words into the dataclass of a verb's options: what is refused, and how the message helps."""

from dataclasses import dataclass
from enum import Enum

import pytest
from omegaconf import MISSING

from bench.config.key import key
from bench.config.options import call, parse
from bench.errors import BenchError


class Colour(Enum):
    red = "red"
    blue = "blue"


@dataclass
class Verb:
    """Does a thing.

    bench verb system=al
    """

    system: str = key(MISSING, "what it is done to")
    workers: int = key(2, "at a time", least=1)
    reach: float = key(1.5, "how far", "Å", least=0, most=2)
    keep: bool = key(False, "whether anything stays")
    colour: Colour = key(Colour.red, "of the thing")
    out: str = key("", "file")
    sizes: list[int] = key([54], "of the slabs", "atoms", above=0)
    parts: list[str] = key([], "of the thing", choices=("lid", "box"), optional=True)
    subsets: list[str] = key(["all"], "names or patterns")
    map: dict[str, str] = key({}, "the file's names")


def read(*words):
    return parse(["system=al", *words], Verb, verb="bench verb")


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ([], "workers", 2),
        (["workers=3"], "workers", 3),
        (["reach=2"], "reach", 2.0),
        (["reach=1e-3"], "reach", 0.001),
        (["keep=true", "keep=false"], "keep", False),
        (["colour=blue"], "colour", Colour.blue),
        (["out=a=b c (1).xyz"], "out", "a=b c (1).xyz"),
        (["out="], "out", ""),
        (["out=007"], "out", "007"),
        (["workers=1", "workers=4"], "workers", 4),
        (["sizes=24"], "sizes", [24]),
        (["sizes=24,54"], "sizes", [24, 54]),
        (["sizes=[24,54]"], "sizes", [24, 54]),
        (["parts=lid,box"], "parts", ["lid", "box"]),
        (["subsets=charge=*"], "subsets", ["charge=*"]),
        (["subsets=all,charge=+1"], "subsets", ["all", "charge=+1"]),
        (["subsets=['charge=0,+1']"], "subsets", ["charge=0,+1"]),
        (["map.energy=E total", "map.q="], "map", {"energy": "E total", "q": ""}),
    ],
)
def test_values_have_the_type_of_their_field(words, name, value):
    found = getattr(read(*words), name)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("word", "problem", "mend"),
    [
        ("workers", "bench verb: workers is no key=value.", "Did you mean 'workers'?"),
        ("wrokers=1", "bench verb: the key wrokers does not exist.", "Did you mean 'workers'?"),
        ("reach.x=1", "bench verb: the key reach.x does not exist.", "Did you mean 'reach'?"),
        ("map=x", "bench verb: the key map does not exist.", "Did you mean 'map'?"),
        ("workers=1.5", "bench verb: workers=1.5 cannot be used: Value '1.5'", ""),
        ("reach=far", "bench verb: reach=far cannot be used: Value 'far'", ""),
        ("keep=perhaps", "bench verb: keep=perhaps cannot be used", ""),
        ("colour=green", "bench verb: colour=green cannot be used: Invalid value 'green'", ""),
        ("workers=[1", "workers=[1 cannot be read", ""),
        ("workers=0", "bench verb: workers=0 must be 1 or more.", ""),
        ("reach=2.5", "bench verb: reach=2.5 must be zero or more, at most 2, in Å.", ""),
        (
            "sizes=24,0",
            "bench verb: sizes=[24, 0] must be a list of numbers, each positive, in atoms.",
            "",
        ),
        ("parts=lid,bx", "bench verb: parts=bx is not known.", "Did you mean 'box'?"),
    ],
)
def test_messages_hold_the_word_and_a_way_out(word, problem, mend):
    with pytest.raises(BenchError) as refused:
        read(word)
    assert refused.value.problem.startswith(problem)
    assert refused.value.mend.startswith(mend)


def test_what_is_required_is_asked_for():
    with pytest.raises(BenchError, match=r"bench verb: system=\.\.\. is missing") as refused:
        parse([], Verb, verb="bench verb")
    assert refused.value.mend == "See bench verb --help"


def test_defaults_stay_as_they_are():
    read("sizes=7", "map.energy=E")
    assert (read().sizes, read().map) == ([54], {})


@dataclass
class Places:
    """Takes words of other verbs."""

    file: str = key(MISSING, "to read", positional=True)
    run: str = key("", "folder")
    settings: list[str] = key([], "as for bench run", rest=True, optional=True)


def test_words_without_a_key_and_keys_of_others():
    found = parse(["a.xyz", "model.r_max=3", "run=here", "seed"], Places, verb="bench places")
    assert (found.file, found.run) == ("a.xyz", "here")
    assert found.settings == ["model.r_max=3", "seed"]
    assert parse(["file=b=c.xyz"], Places, verb="bench places").file == "b=c.xyz"


@dataclass
class Kinds:
    """Lists."""

    kinds: list[str] = key([], "of things", positional=True, optional=True, choices=("a", "b"))


def test_several_words_without_a_key():
    assert parse(["b", "a"], Kinds, verb="bench kinds").kinds == ["b", "a"]
    with pytest.raises(BenchError, match="bench kinds: kinds=c is not known"):
        parse(["b", "c"], Kinds, verb="bench kinds")


# Help


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_instead_of_work_whatever_else_was_typed(word, capsys):
    assert call(["workers=-1", word], Verb, lambda options: 5, verb="bench verb") == 0
    assert capsys.readouterr().out.startswith(
        "usage: bench verb system=... [KEY=VALUE ...]\n\nDoes a"
    )
    assert call(["system=al"], Verb, lambda options: options.workers, verb="bench verb") == 2


def test_help_states_value_unit_meaning_and_range_of_every_option(capsys):
    call(["-h"], Verb, lambda options: 0, verb="bench verb")
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    said = {words[0]: words[1] for words in lines if len(words) == 2}
    assert said["system=..."] == "what it is done to"
    assert said["workers=2"] == "at a time (1 or more)"
    assert said["reach=1.5"].split(maxsplit=1)[0] == "[Å]"
    assert said["reach=1.5"].endswith("how far (zero or more, at most 2)")
    assert said["keep=false"] == "whether anything stays"
    assert said["colour=red"] == "of the thing (red, blue)"
    assert said["sizes=[54]"].endswith("of the slabs (positive)")
    assert said["map.NAME=..."] == "the file's names"


def test_usage_of_words_without_a_key(capsys):
    call(["-h"], Places, lambda options: 0, verb="bench places")
    call(["-h"], Kinds, lambda options: 0, verb="bench kinds")
    usages = [line for line in capsys.readouterr().out.splitlines() if line.startswith("usage")]
    assert usages == ["usage: bench places FILE [KEY=VALUE ...]", "usage: bench kinds [KINDS ...]"]


def test_lines_are_as_wide_as_the_terminal_and_no_wider(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    call(["-h"], Verb, lambda options: 0, verb="bench verb")
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
