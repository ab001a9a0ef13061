"""Pages that the build makes: everything that the code has stands there."""

import re

import pytest

from bench.commands import VERBS
from bench.commands.complete import options_of
from bench.commands.data import VERBS as DATA
from bench.config.key import entries
from bench.config.schema import RunConfig
from bench.evaluate.registry import METRICS
from bench.models.registry import point_names
from bench.probes.registry import PROBES
from docs.hooks.reference import MADE, on_page_markdown
from tests.docs.commands import ROOT


def first_cells(text):
    """Of every row of the tables in a text."""
    return [line.split("|")[1].strip(" `") for line in text.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize(
    "name", [*sorted(VERBS.keys() - {"data"}), *(f"data {name}" for name in DATA)]
)
def test_a_verb_has_its_section_with_every_option(name):
    module = {**VERBS, **{f"data {name}": verb for name, verb in DATA.items()}}[name].module
    (section,) = re.findall(rf"^## `bench {name}`\n(.*?)(?=^## |\Z)", MADE["verbs"](), re.M | re.S)
    for kind in options_of(module):
        if kind is RunConfig:
            assert "(keys.md)" in section
        else:
            names = {e.name for e in entries(kind()) if not e.key.rest}
            assert names <= {cell.removesuffix(".NAME") for cell in first_cells(section)}


def test_every_key_stands_once_with_unit_and_range():
    text = MADE["keys"]()
    cells = [cell.removesuffix(".NAME") for cell in first_cells(text)]
    names = [entry.name for entry in entries(RunConfig())]
    assert sorted(set(cells) - {"key", "---"}) == sorted(names)
    assert all(cells.count(name) == 1 for name in names)
    (row,) = [line for line in text.splitlines() if line.startswith("| `training.ema_decay`")]
    assert row == (
        "| `training.ema_decay` | `0.99` | of the weights' running average, a step; "
        "zero or more, below 1 |"
    )


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("metrics", METRICS),
        ("probes", PROBES),
        ("models", [f"[`{name}`](../design_space/{name}.md)" for name in point_names()]),
        ("systems", ["pt_water", "al_water", "sio2_vacancy"]),
    ],
)
def test_every_name_stands_in_its_table(what, names):
    assert {*names} <= {*first_cells(MADE[what]())}


def test_presets_say_what_they_set():
    assert "| `quick` |" in MADE["presets"]() and "`training.steps=1040`" in MADE["presets"]()


def test_a_model_says_what_it_predicts_and_takes():
    text = MADE["point scf_levels"]()
    assert "`fermi_level`" in text and "`model.smearing_width`" in text and "`implicit`" in text
    assert "`model.r_max`" not in text
    assert "nothing is self-consistent" in MADE["point short_range"]()


@pytest.mark.parametrize("name", point_names())
def test_the_page_of_a_model_is_complete(name):
    page = (ROOT / "docs" / "design_space" / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# `{name}`: ")
    for part in ("What it can do", "What it costs", "How it fails"):
        assert f"**{part}" in page
    overview = (ROOT / "docs" / "design_space" / "index.md").read_text(encoding="utf-8")
    assert f"({name}.md)" in overview
    for part in (f"made: point {name}", f"results: {name}", f"cost: point {name}"):
        assert f"<!-- {part} -->" in page


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("model.smearing_width", "1.5"),
        ("bench.evaluate.added_charge.NEAR", "3"),
        ("bench.density.constants.COULOMB_CONSTANT", "14.3996453535"),
    ],
)
def test_a_number_in_a_sentence_is_the_codes(name, text):
    assert on_page_markdown(f"about {{{{ {name} }}}} Å") == f"about {text} Å"


def test_a_number_that_does_not_exist_stops_the_build():
    with pytest.raises(KeyError):
        on_page_markdown("{{ model.r_mux }}")
    with pytest.raises(AttributeError):
        on_page_markdown("{{ bench.evaluate.added_charge.FAR }}")


def test_a_page_gets_what_it_asks_for_and_no_more():
    page = on_page_markdown("before\n\n<!-- made: systems -->\n\nafter")
    assert page.startswith("before\n\n| `system=` |") and page.endswith("\n\nafter")
    with pytest.raises(KeyError, match="nothing"):
        on_page_markdown("<!-- made: nothing -->")
