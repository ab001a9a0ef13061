"""The README stays short, its links lead somewhere, and the study fills its places."""

import re

import pandas as pd
import pytest

from bench.errors import BenchError
from docs.hooks.study import COLUMNS
from docs.readme import Readme, fill, main, sentences, study_table
from tests.docs.commands import ROOT
from tests.docs.test_study import row

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_is_short():
    lines = README.splitlines()
    assert len(lines) <= 120
    assert [line for line in lines if len(line) > 100] == []


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)", README)
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_what_it_says_of_the_study_is_what_the_study_has_now():
    assert f"<!-- study sentences -->\n{sentences()}\n<!-- end -->" in README
    assert f"<!-- study table -->\n{study_table(Readme())}\n<!-- end -->" in README


@pytest.fixture
def options(tmp_path):
    """A small study and a README with places for it."""
    rows = [
        row("scf_qeq", 200.0, preset="quick"),
        row("short_range", 150.0, preset="quick"),
        row("short_range", 120.0, preset="standard"),
        row("scf_qeq", 100.0, preset="quick", changed="training.mode=direct"),
        row("scf_qeq", 3.0, name="charge_difference_rmse", system="sio2_vacancy", preset="quick"),
    ]
    pd.DataFrame(rows, columns=COLUMNS).to_csv(tmp_path / "all.csv", index=False)
    text = (
        "A\n<!-- study table -->\nearlier\n<!-- end -->\nB\n<!-- study picture -->\n<!-- end -->\n"
        "<!-- study sentences -->\n<!-- end -->\n"
    )
    (tmp_path / "README.md").write_text(text)
    return Readme(study=str(tmp_path), file=str(tmp_path / "README.md"))


def test_the_table_has_models_along_the_design_space_and_units(options):
    lines = study_table(options).splitlines()
    # a column without numbers is none
    assert lines[0] == "| model | Pt forces | SiO₂ E(Q) − E(0) |"
    assert lines[2] == "|  | meV/Å | meV/Å |"
    assert lines[3] == "| `short_range` | **150±1** | – |"
    assert lines[4] == "| `scf_qeq` | 200±1 | 3±1 |"
    legend = " ".join(lines[-3:])
    assert "over 3 seeds, `preset=quick`" in legend and "Bold: no other's" in legend


def test_places_are_filled_again_and_again(options, tmp_path):
    options.picture = str(ROOT / "datasets/pt_water/structure.png")
    assert fill(options) == 0 and fill(options) == 0
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("A\n<!-- study table -->\n| model |") and "earlier" not in text
    assert "](datasets/pt_water/structure.png)\n<!-- end -->" in text and "\nB\n" in text


def test_without_a_study_nothing_is_written(options):
    options.preset = "paper"
    with pytest.raises(BenchError, match="no numbers of preset=paper"):
        fill(options)
    with pytest.raises(BenchError, match="pictur"):
        main(["pictur=x.png"])
