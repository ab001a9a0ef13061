"""Words of ``bench data``: what is refused, and how the message helps."""

import pytest

from bench.config.options import REQUIRED, parse_options, whole_numbers
from bench.errors import BenchError

DEFAULTS = {"system": REQUIRED, "workers": 2, "reach": 1.5, "keep": False, "out": None}


def parse(*words, **more):
    return parse_options(["system=al", *words], DEFAULTS, verb="generate", **more)


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        ([], "workers", 2),
        (["workers=-3"], "workers", -3),
        (["reach=2"], "reach", 2.0),
        (["keep=true", "keep=false"], "keep", False),
        (["out=a=b c"], "out", "a=b c"),
        (["out="], "out", ""),
        (["workers=1", "workers=4"], "workers", 4),
    ],
)
def test_values_have_the_type_of_their_default(words, key, value):
    found = parse(*words)[key]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("word", "problem", "mend"),
    [
        ("workers", "generate: 'workers' is no key=value.", "Did you mean 'workers'?"),
        ("wrokers=1", "generate: 'wrokers' is no option.", "Did you mean 'workers'?"),
        ("workers=1.5", "generate: workers='1.5' is no int.", ""),
        ("reach=far", "generate: reach='far' is no float.", ""),
        ("keep=yes", "generate: keep='yes'.", "Allowed: true, false."),
        ("map.energy=E", "generate: 'map.energy' is no option.", "Allowed: keep, out"),
    ],
)
def test_messages_hold_the_word_and_a_way_out(word, problem, mend):
    with pytest.raises(BenchError) as refused:
        parse(word)
    assert refused.value.problem == problem
    assert refused.value.mend.startswith(mend)


def test_prefixes_take_text_that_no_default_knows():
    found = parse("map.energy=E total", "map.charge=", prefixes=("map.",))
    assert (found["map.energy"], found["map.charge"]) == ("E total", "")
    with pytest.raises(BenchError, match=r"'mop\.x' is no option"):
        parse("mop.x=1", prefixes=("map.",))


def test_a_missing_option_is_told_with_all_options():
    with pytest.raises(BenchError, match=r"system=\.\.\. is missing") as refused:
        parse_options([], DEFAULTS, verb="generate")
    assert refused.value.mend == "Options: system, workers, reach, keep, out."


def test_defaults_stay_as_they_are():
    before = dict(DEFAULTS)
    parse("workers=7", "out=x")
    assert before == DEFAULTS


@pytest.mark.parametrize(
    ("word", "mend"),
    [
        ("workers=0", "Allowed: 1 or more."),
        ("workers=-1", "Allowed: 1 or more."),
        ("reach=2.5", "Allowed: 0 to 2."),
        ("reach=-0.5", "Allowed: 0 to 2."),
    ],
)
def test_numbers_out_of_range_are_refused(word, mend):
    ranges = {"workers": (1, None), "reach": (0, 2)}
    with pytest.raises(BenchError, match=word) as refused:
        parse(word, ranges=ranges)
    assert refused.value.mend == mend
    assert parse("workers=1", "reach=2", ranges=ranges)["reach"] == 2.0


def test_a_required_number():
    with pytest.raises(BenchError, match=r"waters=\.\.\. is missing"):
        parse_options([], {"waters": int}, verb="sample")
    with pytest.raises(BenchError, match="waters='two' is no int"):
        parse_options(["waters=two"], {"waters": int}, verb="sample")
    assert parse_options(["waters=2"], {"waters": int}, verb="sample") == {"waters": 2}


@pytest.mark.parametrize("text", ["3x3", "3x0x1", "3x-1x1", "3x3x", "3 3 1", "axbxc"])
def test_whole_numbers_are_counted(text):
    assert whole_numbers("3x12x1", 3, "k_points") == [3, 12, 1]
    with pytest.raises(BenchError, match=f"k_points: '{text}' is not 3 positive numbers"):
        whole_numbers(text, 3, "k_points")
