"""The results on the pages of models: from the tables of results/study, or nothing.

``bench table PLACE out=results/study/NAME.csv`` writes such a table; ``xz`` may pack it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench.report.groups import AXES, select
from bench.report.leaderboard import boards_of, cells
from bench.runs import validation
from docs.hooks.tables import table

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

STUDY = Path(__file__).parents[2] / "results" / "study"
COLUMNS = [*AXES, "name", "subset", "unit", "better"]
COLUMNS += ["mean", "std", "seeds", "n", "low", "high"]
_PART = re.compile(r"system\.leave_out=(.*?)(?: (?=\w+\.\w)|$)")  # up to the next key
COMPARED = [f"{name}_rmse" for name in ("energy", "forces", "dipole_slope", "charge_difference")]
_ASKED = re.compile(r"^<!-- results: (?P<model>\w+) -->$", re.MULTILINE)
_CHOSEN = re.compile(r"^<!-- validation: (?P<name>\w+) -->$", re.MULTILINE)
_SEEN = re.compile(r"^<!-- seen: (?P<name>\w+) -->$", re.MULTILINE)
_LEFT_OUT = re.compile(r"^<!-- left out: (?P<name>\w+) -->$", re.MULTILINE)
_PRESETS = re.compile(r"^<!-- presets: (?P<longer>\w+) -->$", re.MULTILINE)
_CLAIMS = re.compile(r"^<!-- claims -->$", re.MULTILINE)
_TABLE = re.compile(r"^<!-- table: (?P<name>\w+) -->$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The study's figures beside the pages: the repository keeps them with the study's numbers."""
    from mkdocs.structure.files import File

    for path in sorted((STUDY / "figures").rglob("*.png")):
        place = f"figures/{path.relative_to(STUDY / 'figures')}"
        files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """The page with a model's results, or a whole table, where it asks for them."""
    markdown = _CHOSEN.sub(lambda asked: validation_of(STUDY / f"{asked['name']}.csv"), markdown)
    markdown = _SEEN.sub(lambda asked: seen_of(STUDY / f"{asked['name']}.csv"), markdown)
    markdown = _LEFT_OUT.sub(lambda asked: left_out_of(STUDY / f"{asked['name']}.csv"), markdown)
    markdown = _PRESETS.sub(lambda asked: presets_of(asked["longer"], study()), markdown)
    markdown = _CLAIMS.sub(lambda _: claims_of(STUDY / "claims.csv"), markdown)
    markdown = _TABLE.sub(lambda asked: table_of(STUDY / f"{asked['name']}.csv"), markdown)
    markdown = markdown.replace("](../results/study/figures/", "](figures/")
    return _ASKED.sub(lambda asked: results_of(asked["model"], study()), markdown)


def table_of(path: Path) -> str:
    """A table as it is in its file; what it leaves empty stays so."""
    rows = pd.read_csv(path, dtype=str).fillna("")
    return table([*rows], rows.to_numpy().tolist())


def claims_of(path: Path) -> str:
    """What the study says of models, of ``bench table claims=true``: a table for each claim."""
    rows = pd.read_csv(path, dtype=str).fillna("")
    parts = []
    for (claim, quantity, unit), said in rows.groupby(["claim", "quantity", "unit"], sort=False):
        values = {(row["model"], row["system"]): _interval(row) for _, row in said.iterrows()}
        systems = list(dict.fromkeys(said["system"]))
        lines = [
            [f"`{model}`", *(values.get((model, system), "–") for system in systems)]
            for model in dict.fromkeys(said["model"])
        ]
        shown = quantity if unit == "1" else f"{quantity} [{unit}]"
        parts += [f"**{claim}**: {shown}; `{said['command'].iloc[0]}`"]
        parts += [table(["", *systems], lines, numbers=True)]
    return "\n\n".join(parts)


def _interval(row: pd.Series) -> str:
    ends = f" ({row['low']} to {row['high']})" if row["low"] else ""
    return f"{row['value']}{ends}"


def validation_of(path: Path) -> str:
    """Errors on validation structures, a table a system, of ``bench table split=valid``."""
    return _boards(_rows(path), validation.HEADLINE, [validation.SUBSET])


def seen_of(path: Path) -> str:
    """Errors on training and test structures, of ``bench table split=train``."""
    return _boards(_rows(path), COMPARED, [validation.TRAINING, "all"])


def left_out_of(path: Path) -> str:
    """Errors on test structures of models trained without a part of the set, and with all of it.

    Where the part is a subset of the test set as well, a charge state, errors are those on it.  All
    other settings are the same.

    Raises:
        ValueError: the study has no number of the model that nothing was left out of.
    """
    rows = _rows(path)
    rows = rows.assign(part=rows["changed"].str.extract(_PART, expand=False)).dropna(subset="part")
    rows["changed"] = rows["changed"].str.replace(_PART, "", regex=True).str.strip()
    own = rows["subset"] == rows["part"]
    whole_set = (rows["subset"] == "all") & ~rows["part"].isin(rows["part"][own])
    asked = select(rows[own | whole_set], metrics=COMPARED, subsets=["*"])
    alike = ["system", "model", "preset", "changed", "name", "subset"]
    whole = study(path.parent).set_index(alike)
    lines = []
    for _, row in asked.sort_values(["system", "model", "part"], kind="stable").iterrows():
        which = tuple(row[alike])
        if which not in whole.index:
            raise ValueError(f"{path}: nothing to compare with {which}.")
        both = pd.DataFrame([row, whole.loc[which]])
        texts = [f"**{cell.text}**" if cell.best else cell.text for cell in cells(both)]
        what = f"`{row['model']}` on `{row['system']}`, `{row['part']}`"
        lines.append([what, f"`{row['name']}` [{row['unit']}]", *texts])
    return table(["what is left out", "error", "without it", "with it"], lines)


def presets_of(longer: str, numbers: pd.DataFrame) -> str:
    """Errors of the points that have runs of a longer preset, there and with all others.

    Args:
        longer: name of the preset.
        numbers: of ``study``.
    """
    plain = numbers[numbers["changed"] == ""]
    keys = ["system", "model"]
    long = plain.loc[plain["preset"] == longer, keys].drop_duplicates()
    return _boards(plain.merge(long, on=keys), COMPARED, ["all", "field_series"])


def _rows(path: Path) -> pd.DataFrame:
    """Those of a table by ``bench table out=``, whose empty words are words."""
    return pd.read_csv(path, dtype={"changed": str}).fillna({"changed": "", "unit": ""})


def _boards(rows: pd.DataFrame, metrics: Sequence[str], subsets: Sequence[str]) -> str:
    chosen = select(rows, metrics=metrics, subsets=subsets)
    return "\n".join(board.markdown() for board in boards_of(chosen))


def study(folder: Path = STUDY) -> pd.DataFrame:
    """Every number of the study's tables, as ``bench.report.groups.summarise`` has them.

    Args:
        folder: of tables; without any the numbers are none.

    Raises:
        ValueError: two tables that do not agree on one number.
    """
    files = sorted([*folder.glob("*.csv"), *folder.glob("*.csv.xz")])
    found = [pd.read_csv(path, dtype={"changed": str}) for path in files]
    tables = [table for table in found if {*COLUMNS} <= {*table.columns}]
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    numbers = pd.concat(tables)[COLUMNS].fillna({"changed": "", "unit": ""})
    numbers = numbers.drop_duplicates(ignore_index=True)
    twice = numbers.duplicated([*AXES, "name", "subset"])
    if twice.any():
        raise ValueError(f"{folder}: two values of {numbers[twice].iloc[0].to_dict()}")
    return numbers


def results_of(model: str, numbers: pd.DataFrame) -> str:
    """The headline metrics of a model, a column for each system and setting; none without numbers.

    Args:
        model: name.
        numbers: of ``study``.
    """
    rows = select(numbers[numbers["model"] == model])
    if rows.empty:
        return ""
    metrics = list(dict.fromkeys(zip(rows["name"], rows["unit"])))
    columns = dict(tuple(rows.groupby(["system", "preset", "changed"], sort=True)))
    heading = ["", *(" ".join(map(str, which)).strip() for which in columns)]
    lines = []
    by_metric = [
        c.set_index("name").reindex([name for name, _ in metrics]) for c in columns.values()
    ]
    for k, (name, unit) in enumerate(metrics):
        texts = [cells(column.iloc[k : k + 1])[0].text for column in by_metric]
        lines.append([f"`{name}` [{unit}]", *texts])
    seeds = "Mean ± standard deviation over seeds (their number)"
    told = f"{seeds if rows['seeds'].max() > 1 else 'One seed'}; [metrics](../metrics.md)."
    return f"## Results\n\n{table(heading, lines, numbers=True)}\n\n{told}"
