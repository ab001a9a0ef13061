"""The numbers of a run as a table in the terminal, with units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from bench.evaluate.registry import (
    ACCURACY,
    BEYOND,
    CHARGE_CURVATURE,
    CHARGE_DIFFERENCE,
    CHARGE_SPREAD,
    CHARGE_STATES,
    FIELD_RESPONSE,
    RELAXED,
    VACANCY_CHARGE,
    Family,
)
from bench.report.digits import digits
from bench.report.notes import absences, response_lines, solve_lines, warnings
from bench.runs.folder import RunFolder
from bench.runs.records import MetricsFile, RecordDict

HEADINGS = ("", "unit", "MAE", "RMSE", "95 % of RMSE", "of mean", "n")
CAPTION = "of mean: RMSE of the training mean; n: structures, series, pairs or triples"
BEYOND_CAPTION = "beyond: in fields that training has not seen"
OVERALL = "all {} structures"
SPLITS = {"train": "training", "valid": "validation"}  # of which a run is told; else its tests
BY_CHARGE = (CHARGE_DIFFERENCE, CHARGE_SPREAD, CHARGE_CURVATURE, VACANCY_CHARGE)
MOST_ABSENT = 4  # names on a line; metrics.json has them all
IN_SUBSETS = ("energy", "forces", "dipole", "charges")  # the run's metrics have the others


@dataclass(frozen=True)
class Row:
    """One quantity's errors as text, in the order of ``HEADINGS``."""

    cells: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """Rows under one heading: a subset of the test set, or a kind of response."""

    title: str
    rows: list[Row]


@dataclass(frozen=True)
class MetricsTable:
    """What a run prints at its end: drawn in a terminal, aligned plain text elsewhere.

    Attributes:
        title: system, model, preset and seed.
        warnings: what must not be overlooked.
        sections: the numbers.
        notes: health of the solves, slopes of the series, what is absent and why.
    """

    title: str
    warnings: list[str]
    sections: list[Section]
    notes: list[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A table for a terminal, lines for a file or a pipe."""
        if not console.is_terminal:
            yield Text("\n".join(self.lines()))
            return
        yield from (Text(line, style="bold red") for line in self.warnings)
        yield self._table()
        yield from (Text(line, style="dim") for line in [*self.captions, *self.notes])

    def lines(self) -> list[str]:
        """The whole as plain text."""
        rows = [HEADINGS, *(row.cells for section in self.sections for row in section.rows)]
        widths = [max(len(row[k]) for row in rows) for k in range(len(HEADINGS))]
        body = [_aligned(HEADINGS, widths)]
        for section in self.sections:
            body += [section.title, *(_aligned(row.cells, widths) for row in section.rows)]
        return [*self.warnings, self.title, *body, *self.captions, *self.notes]

    @property
    def captions(self) -> list[str]:
        """What the words of the table mean, of those that are in it."""
        labels = [row.cells[0] for section in self.sections for row in section.rows]
        return [CAPTION, *([BEYOND_CAPTION] if any("beyond" in text for text in labels) else [])]

    def _table(self) -> Table:
        table = Table(
            title=self.title,
            title_justify="left",
            title_style="bold",
            box=box.SIMPLE_HEAD,
            show_edge=False,
            padding=(0, 1, 0, 0),  # what fits into 80 columns
        )
        for column, heading in enumerate(HEADINGS):
            table.add_column(heading, justify="left" if column < 2 else "right", no_wrap=True)
        for section in self.sections:
            table.add_row(Text(section.title, style="bold"))
            for row in section.rows:
                table.add_row(*(Text(cell) for cell in row.cells))
        return table


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    left = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2])]
    right = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:])]
    return "  ".join([*left, *right]).rstrip()


def metrics_table(folder: RunFolder) -> MetricsTable:
    """The main metrics of a finished run.

    Raises:
        BenchError: as ``RunFolder.read_metrics``.
    """
    return tabulate(folder.read_metrics())


def tabulate(metrics: MetricsFile) -> MetricsTable:
    """Errors overall and by subset, then field response and charge states."""
    run = metrics["run"]
    named = (f"{run[key]}" for key in ("system", "model") if key in run)
    details = [f"{key} {run[key]}" for key in ("preset", "seed") if key in run]
    split = SPLITS.get(run.get("split", ""), "test")
    details += [] if split == "test" else [f"{split} structures, no test"]
    return MetricsTable(
        title=", ".join([*named, *details]),
        warnings=warnings(metrics),
        sections=[section for section in _sections(metrics["metrics"], split) if section.rows],
        notes=[
            *solve_lines(metrics),
            *response_lines(metrics),
            *absences(metrics, most=MOST_ABSENT),
        ],
    )


def _sections(records: Sequence[RecordDict], split: str) -> list[Section]:
    subsets = [
        Section(subset, _rows(records, [ACCURACY[name] for name in IN_SUBSETS], [subset]))
        for subset in _parts(records)
    ]
    return [
        Section(OVERALL.format(split), _rows(records, ACCURACY.values(), ["all"])),
        *subsets,
        Section("field response", _rows(records, FIELD_RESPONSE, ["all", BEYOND])),
        Section("charge states", _charge_rows(records)),
        Section("relaxed at each charge", _rows(records, RELAXED, ["all"])),
    ]


def _parts(records: Sequence[RecordDict]) -> list[str]:
    """Subsets with forces; one that holds the whole test set would only repeat it."""
    sizes = {r["subset"]: r["n"] for r in records if r["name"] == "forces_rmse"}
    return [subset for subset, n in sizes.items() if n != sizes.get("all")]


def _charge_rows(records: Sequence[RecordDict]) -> list[Row]:
    """Of all charges where there are several, then, of what matters most, of each."""
    rows = []
    for family in CHARGE_STATES:
        subsets = [r["subset"] for r in records if r["name"] == f"{family.name}_rmse"]
        shown = subsets[1:] if len(subsets) == 2 else subsets
        shown = shown if family in BY_CHARGE else subsets[:1]
        rows += _rows(records, [family], shown)
    return rows


def _rows(
    records: Sequence[RecordDict], families: Iterable[Family], subsets: Sequence[str]
) -> list[Row]:
    by_key = {(r["name"], r["subset"]): r for r in records}
    return [
        _row(family, subset, by_key)
        for family in families
        for subset in subsets
        if (f"{family.name}_rmse", subset) in by_key
    ]


def _row(family: Family, subset: str, by_key: dict[tuple[str, str], RecordDict]) -> Row:
    rmse = by_key[f"{family.name}_rmse", subset]
    mae = by_key[f"{family.name}_mae", subset]
    mean = by_key.get((f"{family.name}_rmse_of_mean", subset))
    interval = "–".join(map(digits, rmse["ci95"])) if rmse["ci95"] else "–"
    return Row(
        (
            f"  {_label(family, subset)}",
            rmse["unit"],
            digits(mae["value"]),
            digits(rmse["value"]),
            interval,
            digits(mean["value"]) if mean else "–",
            str(rmse["n"]),
        )
    )


def _label(family: Family, subset: str) -> str:
    """``energy``, ``dipole beyond`` the training fields, or ``difference +1`` of charge states."""
    if subset == BEYOND and family in FIELD_RESPONSE:
        return f"{family.name.replace('_', ' ')} beyond".removeprefix("induced ")
    if family not in CHARGE_STATES:
        return family.name.replace("_", " ")
    charge = "" if subset == "all" else f" {subset.removeprefix('charge=')}"
    return family.name.removeprefix("charge_").replace("_", " ") + charge
