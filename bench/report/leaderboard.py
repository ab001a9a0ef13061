"""Many runs as a table: rows experiments, columns metrics, mean ± standard deviation over seeds."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from bench.report.digits import digits
from bench.report.groups import select, summarise
from bench.runs.collection import Collection
from bench.runs.validation import SEEN

NOT_THERE, COUNTS = "–", "n"
ROUNDING = 1e-6  # relative: seeds that differ by less differ by rounding alone


@dataclass(frozen=True)
class Cell:
    """One number of the table.

    Attributes:
        text: mean, and where there are several seeds ± their standard deviation and their number.
        best: whether it is the column's best, its interval overlapping no other's.
    """

    text: str
    best: bool = False


@dataclass(frozen=True)
class Leaderboard:
    """The table of one system.

    Attributes:
        title: system and what a cell holds.
        heading: what a row is, then metrics with subset and unit.
        rows: label and cells.
        counts: of each column, on how many structures, series, pairs or triples its numbers stand.
    """

    title: str
    heading: list[str]
    rows: list[tuple[str, list[Cell]]]
    counts: list[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A table for a terminal, aligned lines for a file or a pipe."""
        if not console.is_terminal:
            yield Text(self.plain())
            return
        table = Table(title=self.title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
        for number, heading in enumerate(self.heading):
            table.add_column(heading, justify="right" if number else "left")
        for label, cells in self.rows:
            table.add_row(label, *(Text(c.text, style="bold" if c.best else "") for c in cells))
        table.add_row(COUNTS, *self.counts, style="dim")
        yield table

    def plain(self) -> str:
        """Aligned text; the best are starred."""
        lines = [self.heading]
        lines += [[name, *(c.text + ("*" if c.best else "") for c in cs)] for name, cs in self.rows]
        lines += [[COUNTS, *self.counts]]
        widths = [max(map(len, column)) for column in zip(*lines)]
        first, *others = widths
        body = [
            "  ".join([line[0].ljust(first), *(c.rjust(w) for c, w in zip(line[1:], others))])
            for line in lines
        ]
        return "\n".join([self.title, *(line.rstrip() for line in body)])

    def markdown(self) -> str:
        """A table of Markdown; the best are bold."""
        bold = [[name, *(_bold(cell, "**") for cell in cells)] for name, cells in self.rows]
        rule = ["---", *(["---:"] * (len(self.heading) - 1))]
        last = [f"*{COUNTS}*", *self.counts]
        lines = ["| " + " | ".join(line) + " |" for line in [self.heading, rule, *bold, last]]
        return "\n".join([f"**{self.title}**", "", *lines, ""])

    def latex(self) -> str:
        """A ``tabular`` of booktabs; the best are bold."""
        lines = [r"\begin{tabular}{l" + "r" * (len(self.heading) - 1) + "}", r"\toprule"]
        lines += [" & ".join(map(_tex, self.heading)) + r" \\", r"\midrule"]
        for name, cells in self.rows:
            texts = [_tex(c.text) for c in cells]
            marked = [rf"\textbf{{{t}}}" if c.best else t for t, c in zip(texts, cells)]
            lines.append(" & ".join([_tex(name), *marked]) + r" \\")
        lines += [r"\midrule", " & ".join(["$n$", *map(_tex, self.counts)]) + r" \\"]
        return "\n".join([f"% {self.title}", *lines, r"\bottomrule", r"\end{tabular}", ""])


def leaderboards(
    found: Collection, *, metrics: Sequence[str] = (), subsets: Sequence[str] = ("all",)
) -> list[Leaderboard]:
    """A table for each system and version of its data.

    Args:
        found: runs with their numbers.
        metrics: names or patterns; the headline unless given.
        subsets: likewise; all test structures unless given.
    """
    return boards_of(select(summarise(found), metrics=metrics, subsets=subsets))


def boards_of(numbers: pd.DataFrame) -> list[Leaderboard]:
    """The same of rows of ``bench.report.groups.summarise``, as a table of CSV has them, too."""
    return [
        _leaderboard(str(system), rows)
        for (system, _), rows in numbers.groupby(["system", "data_checksum"], sort=True)
    ]


def _leaderboard(system: str, rows: pd.DataFrame) -> Leaderboard:
    varying = [axis for axis in ("preset", "changed") if rows[axis].nunique() > 1]
    rows = rows.assign(label=[_label(row, varying) for row in rows.to_dict("records")])
    columns = list(dict.fromkeys(zip(rows["name"], rows["subset"], rows["unit"])))
    labels = sorted(rows["label"].unique())
    table, counts = [], []
    for name, subset, _ in columns:
        column = rows[(rows["name"] == name) & (rows["subset"] == subset)]
        table.append(cells(column.set_index("label").reindex(labels)))
        counts.append(_counted(column["n"].dropna()))
    several = len({subset for _, subset, _ in columns}) > 1
    heading = [
        f"{name}{f' {subset}' if several else ''} [{unit or '1'}]" for name, subset, unit in columns
    ]
    seen = [subset for subset in SEEN if (rows["subset"] == subset).any()]
    splits = " and ".join([*seen, *([] if rows["subset"].isin(SEEN).all() else ["test"])])
    return Leaderboard(
        f"{system}, {splits} structures: mean ± standard deviation (seeds); "
        f"{COUNTS}: structures, series or pairs behind a number",
        ["model", *heading],
        [(label, [column[k] for column in table]) for k, label in enumerate(labels)],
        counts,
    )


def _counted(known: pd.Series[float]) -> str:
    """The least to the most; a log of validation errors does not say how many there were."""
    ends = sorted({known.min(), known.max()}) if len(known) else []
    return "–".join(f"{n:.0f}" for n in ends) or NOT_THERE


def _label(row: Mapping[Hashable, Any], varying: Sequence[str]) -> str:
    return " ".join([row["model"], *(row[axis] for axis in varying if row[axis])])


def cells(column: pd.DataFrame) -> list[Cell]:
    """A column's numbers as text; the best is marked where no other's interval overlaps its.

    Args:
        column: rows of ``bench.report.groups.summarise``, one a model; NaN where it has no number.
    """
    mean = column["mean"].to_numpy(dtype=float)
    better = column["better"].dropna()
    best = -1
    if len(better) and better.iloc[0] != "none" and np.isfinite(mean).sum() > 1:
        sign = 1.0 if better.iloc[0] == "lower" else -1.0
        best = int(np.nanargmin(sign * mean))
        low, high = (column[end].to_numpy(dtype=float) for end in ("low", "high"))
        others = np.isfinite(mean) & (np.arange(len(mean)) != best)
        apart = (low > high[best]) | (high < low[best])  # False where an interval is unknown
        best = best if apart[others].all() else -1
    return [Cell(_number(row), k == best) for k, row in enumerate(column.to_dict("records"))]


def _number(row: Mapping[Hashable, Any]) -> str:
    mean, std, seeds = row["mean"], row["std"], row["seeds"]
    if not np.isfinite(mean):
        return NOT_THERE
    if not np.isfinite(std):
        return digits(mean)
    if std < ROUNDING * abs(mean):
        std = 0.0
    return f"{digits(mean)} ± {digits(std, 1)} ({seeds:.0f})"


def _bold(cell: Cell, mark: str) -> str:
    return f"{mark}{cell.text}{mark}" if cell.best else cell.text


def _tex(text: str) -> str:
    signs = {"_": r"\_", "±": r"$\pm$", "Å": r"\AA{}", "²": r"$^2$", "³": r"$^3$", "–": "--"}
    for sign, written in signs.items():
        text = text.replace(sign, written)
    return text


def as_text(boards: Sequence[Leaderboard], kind: str, found: Collection) -> str:
    """Tables in one of ``FORMATS`` but the terminal's; CSV has every number of every group."""
    if kind == "csv":
        return str(summarise(found).to_csv(index=False, float_format="%.8g"))  # as in metrics.json
    written = [b.markdown() if kind == "markdown" else b.latex() for b in boards]
    return "\n".join(written)
