"""The README's sentences, picture and table of the study: ``python -m docs.readme``."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.config.key import key
from bench.config.options import call
from bench.errors import BenchError
from bench.report.leaderboard import cells
from bench.storage import write_text
from docs.hooks.sentences import PRESET, on_page_markdown
from docs.hooks.study import STUDY, study
from docs.hooks.tables import table

ROOT = Path(__file__).parents[1]
COLUMNS = (
    ("pt_water", "forces_rmse", "Pt forces"),
    ("pt_water", "dipole_slope_rmse", "Pt dM/dE"),
    ("al_water", "forces_rmse", "Al forces"),
    ("al_water", "dipole_slope_rmse", "Al dM/dE"),
    ("sio2_vacancy", "forces_rmse", "SiO₂ forces"),
    ("sio2_vacancy", "charge_difference_rmse", "SiO₂ E(Q) − E(0)"),
)
ORDER = (  # along the design space
    "short_range",
    "global_embedding",
    "fixed_charge",
    "local_charges",
    "les",
    "split_charges",
    "polar",
    "scf_qeq",
    "scf_energy_functional",
    "scf_fixed_point",
    "scf_response",
    "scf_levels",
)
SENTENCES = """
`local_charges` do not respond to a field. Trained on responses, `scf_levels` and `scf_response`
miss aluminium's slopes by {{ study al_water scf_response,scf_levels dipole_slope_rmse .2f }} e
Å²/V; on platinum water polarises {{ claim pt_water scf_levels polarises .1f }} times as much as by
DFT ({{ claim pt_water scf_qeq polarises .1f }} by `scf_qeq`). On quartz `scf_levels` has the best
forces and charge states, and alone keeps an ion's charge from distant molecules. Platinum's
forces differ by seeds alone; energies in fields (`preset=standard`) by {{ study
pt_water scf_fixed_point@standard energy_rmse/field_series .0f }} (`scf_fixed_point`, whose water
conducts) to {{ study pt_water short_range@standard energy_rmse/field_series .0f }} meV/atom.
"""
WIDTH = 99
LEGEND = """
RMSE on [the study](docs/study.md)'s test structures, {seeds}, `{settings}`: forces; dipole by
field; energies of charge states. Dash: not predicted. {best}
"""
BEST = "Bold: no other's 95 % interval overlaps."
NO_BEST = "Each column's best overlaps another's 95 % interval."


@dataclass
class Readme:
    """Fill the README's places for sentences, a picture and a table of the study."""

    preset: str = key(PRESET, "whose runs the table shows")
    study: str = key(str(STUDY), "folder of tables by bench table out=NAME.csv, and of figures")
    picture: str = key("", "PNG within the repository; empty: the place stays as it is")
    file: str = key(str(ROOT / "README.md"), "that is filled")


def main(words: Sequence[str]) -> int:
    """Fill the places."""
    return call(words, Readme, fill, verb="python -m docs.readme")


def fill(options: Readme) -> int:
    """Write the README."""
    path = Path(options.file)
    text = filled(path.read_text(encoding="utf-8"), "sentences", sentences())
    text = filled(text, "table", study_table(options))
    if options.picture:
        place = Path(options.picture).resolve().relative_to(ROOT)
        text = filled(text, "picture", f"![The study: {place.stem.replace('_', ' ')}]({place})")
    print(write_text(path, text))
    return 0


def sentences() -> str:
    """What the study shows."""
    return _lines(on_page_markdown(SENTENCES.replace("\n", " ")))


def _lines(text: str) -> str:
    """In lines of the README's length."""
    return textwrap.fill(" ".join(text.split()), WIDTH, break_on_hyphens=False)


def filled(text: str, name: str, content: str) -> str:
    """The text with other content between ``<!-- study NAME -->`` and ``<!-- end -->``.

    Raises:
        BenchError: there is no such place.
    """
    place = re.compile(rf"(<!-- study {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not place.search(text):
        raise BenchError(f"The text has no <!-- study {name} --> with an <!-- end -->.")
    return place.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)


def study_table(options: Readme) -> str:
    """Models as rows, ``COLUMNS`` as columns, units in the first row: lines stay short.

    Raises:
        BenchError: the study has no runs of this preset.
    """
    numbers = study(Path(options.study))
    rows = numbers[(numbers["preset"] == options.preset) & (numbers["subset"] == "all")]
    if rows.empty:
        raise BenchError(f"{options.study} has no numbers of preset={options.preset}.")
    changed = rows.groupby("changed")["model"].nunique().idxmax()  # what most models are run with
    rows = rows[rows["changed"] == changed]
    models = sorted(rows["model"].unique(), key=_place)
    found = {title: _column(rows, system, name, models) for system, name, title in COLUMNS}
    columns = {title: column for title, column in found.items() if column["mean"].notna().any()}
    seeds = sorted({int(n) for column in columns.values() for n in column["seeds"].dropna()})
    units = [column["unit"].dropna().iloc[0] for column in columns.values()]
    shown = [_cells(column) for column in columns.values()]
    lines = [["", *units]]
    lines += [[f"`{model}`", *(column[k] for column in shown)] for k, model in enumerate(models)]
    counted = "one seed"
    if seeds[-1] > 1:
        several = " to ".join(map(str, dict.fromkeys([seeds[0], seeds[-1]])))
        counted = f"mean ± deviation over {several} seeds"
    settings = f"preset={options.preset} {changed}".strip()
    text = table(["model", *columns], lines, numbers=True)
    legend = LEGEND.format(seeds=counted, settings=settings, best=BEST if "**" in text else NO_BEST)
    return f"{text}\n\n{_lines(legend)}"


def _place(model: str) -> tuple[int, str]:
    return (ORDER.index(model) if model in ORDER else len(ORDER), model)


def _column(rows: pd.DataFrame, system: str, name: str, models: Sequence[str]) -> pd.DataFrame:
    found = rows[(rows["system"] == system) & (rows["name"] == name)]
    return found.set_index("model").reindex(list(models))


def _cells(column: pd.DataFrame) -> list[str]:
    """Numbers with the deviation's digits, without the number of seeds."""
    texts = [cell.text.partition(" (")[0].replace(" ± ", "±") for cell in cells(column)]
    best = [cell.best for cell in cells(column)]
    return [f"**{text}**" if one else text for text, one in zip(texts, best)]


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchError as error:
        sys.exit(f"error: {error}")
