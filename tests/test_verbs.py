"""Verbs of one word and of two: what is done, and what is told where there is none."""

import sys
from types import ModuleType

import pytest

from bench.errors import BenchError
from bench.verbs import Verb, dispatch


@pytest.fixture
def call(monkeypatch):
    """Dispatches to a module that returns its words as an exit code's stand-in."""
    module = ModuleType("made_up_verb")
    module.main = lambda words: len(words)
    monkeypatch.setitem(sys.modules, "made_up_verb", module)
    names = ("list", "sample slab", "sample vacancy")
    verbs = {name: Verb("made_up_verb", f"does {name}") for name in names}
    return lambda *words: dispatch(words, verbs, command="bench toy", about="A toy.", more="End.")


@pytest.mark.parametrize(
    ("words", "left"),
    [(["list"], 0), (["list", "a", "b"], 2), (["sample", "slab"], 0), (["sample", "slab", "x"], 1)],
)
def test_the_rest_of_the_words_goes_to_the_verb(call, words, left):
    assert call(*words) == left


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"]])
def test_alone_it_tells_what_there_is(call, words, capsys):
    assert call(*words) == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: bench toy VERB [KEY=VALUE ...]\n\nA toy.")
    assert "  sample vacancy  does sample vacancy" in text and text.endswith("End.\n")


@pytest.mark.parametrize(
    ("words", "problem", "mend"),
    [
        (["lst"], "bench toy lst does not exist.", "Did you mean 'list'? Allowed: list, sample"),
        (["sample"], "bench toy sample does not exist.", "Did you mean 'sample slab'?"),
        (["sample", "slb"], "bench toy sample slb does not exist.", "Did you mean 'sample slab'?"),
        (["slab"], "bench toy slab does not exist.", "Did you mean 'sample slab'?"),
        (["help"], "bench toy help does not exist.", "Allowed"),
    ],
)
def test_what_is_no_verb_is_told(call, words, problem, mend):
    with pytest.raises(BenchError) as refusal:
        call(*words)
    assert refusal.value.problem == problem and refusal.value.mend.startswith(mend)
