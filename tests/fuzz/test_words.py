"""Words on the command line: any key with any value, misspelt keys, Hydra's own signs."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from hypothesis import given
from hypothesis import strategies as st

from bench.config.compose import compose
from bench.config.schema import RunConfig
from tests.fuzz.cases import cases, told_by_call, told_by_command, values

CHOICES = ("model", "system", "preset", "training")


def keys_of(value: object, prefix: str = "") -> list[str]:
    """All keys of a configuration, dotted."""
    found = []
    for item in fields(value):  # type: ignore[arg-type]
        inner = getattr(value, item.name)
        found.append(prefix + item.name)
        found += keys_of(inner, f"{prefix}{item.name}.") if is_dataclass(inner) else []
    return found


KEYS = keys_of(RunConfig())
keys = st.sampled_from([*KEYS, *CHOICES]) | st.text(max_size=10)
signs = st.sampled_from(["", "", "", "", "+", "++", "~"])
words = st.builds(lambda sign, key, value: f"{sign}{key}={value}", signs, keys, values)


@cases(0.3)
@given(st.lists(words, max_size=3))
def test_settings_are_composed_or_refused(given_words):
    told_by_call(lambda: compose(given_words))


VERBS = ("run", "show", "list", "table", "compare", "status", "export", "check", "speed", "data")
PARTS = ("plan", "build", "audit", "import", "sample", "generate", "validate", "proatoms")


@cases(0.1)
@given(st.sampled_from(VERBS), st.lists(values | words, max_size=3))
def test_verbs_explain_themselves_or_refuse_beside_anything(verb, given_words):
    told_by_command([verb, *given_words, "--help"])


@cases(0.1)
@given(st.sampled_from(["table", "compare", "status", "export"]), st.lists(words, max_size=3))
def test_verbs_over_runs_refuse_what_is_no_option(verb, given_words):
    told_by_command([verb, *given_words])


@cases(0.05)
@given(st.sampled_from(PARTS), st.lists(values, max_size=2))
def test_verbs_of_data_refuse_what_is_no_option(part, given_words):
    told_by_command(["data", part, *[f"no_such_option={value}" for value in given_words or [""]]])
