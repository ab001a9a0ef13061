"""Whatever a person may type or hand over, and what may come of it: it works, or one sentence."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st

from bench.cli import main
from bench.errors import BenchError
from tests.fuzz.conftest import CASES, OUTCOMES

WORDS = (
    "null None true nan inf -inf 1e999 -1 0 1,2 [1,2] [ ] ${seed} ${oc.env:HOME} ??? ' \" \\ = "
    "a=b + ~ @ ö 名 1.0D+00 1+ neutral off ../.. ~/x # % * -h --"
)
ODD_TEXTS = (*WORDS.split(), "", " ", "a b", "{a: 1}", "\t", "\n")
texts = st.sampled_from(ODD_TEXTS) | st.text(max_size=12)
numbers = st.floats().map(str) | st.integers(-(10**20), 10**20).map(str)
values = texts | numbers


def cases(share: float) -> settings:
    """Settings of a test that tries this share of all cases."""
    return settings(max_examples=max(1, round(share * CASES)))


def told_by_call(call: Callable[[], object]) -> None:
    """A function works, or refuses with a sentence."""
    try:
        call()
    except BenchError as error:
        assert str(error).strip(), "a refusal without a word"
        OUTCOMES["refused"] += 1
    else:
        OUTCOMES["accepted"] += 1


def told_by_command(words: list[str]) -> None:
    """A command ends with code 0 or 1, or with code 2 and a sentence."""
    shown, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(said):
        code = main(words)
    text = shown.getvalue() + said.getvalue()
    assert "Traceback" not in text
    assert code in (0, 1, 2), code
    if code == 2:
        assert said.getvalue().startswith("error: "), text
    OUTCOMES["accepted" if code == 0 else "refused"] += 1
