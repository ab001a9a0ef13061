"""What points cost, from results/speed and the runs of the study, or *not measured*.

A page asks for it where it stands: ``<!-- cost: point scf_qeq -->``, the table of a point;
``<!-- cost: points -->``, of all; ``<!-- cost: training -->``, ratios by size, and likewise the
other parts of ``bench speed``; ``<!-- cost: accuracy -->``, time to accuracy.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.config.catalogue import axes, choices
from bench.report.groups import summarise
from bench.report.paper.cost import CPU_SECONDS, with_costs
from bench.runs.collection import collect
from bench.speed.files import read
from bench.speed.marks import last_marks, reached, read_marks, seconds_to
from bench.speed.options import VARIANTS, Speed
from docs.hooks.tables import table

if TYPE_CHECKING:  # tests of what is made do without it
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

RESULTS = Path(__file__).parents[2] / "results"
SPEED, RUNS = RESULTS / "speed", RESULTS / "study" / "runs"
NOT_MEASURED = "not measured"
USUAL = Speed()  # its number type and threads; others stay in the files
SIZE = USUAL.atoms[0]  # atoms of a slab, where a table has one size alone
PARTS = {
    "training": "training step",
    "inference": "energy and forces",
    "memory": "peak memory of a training step",
    "share": "share behind the backbone",
}
LEGEND = (
    "CPU time and memory on four slabs of platinum with water, relative to mace-torch's model with "
    "the same backbone (the share: to the point's own training step), 95 % interval in brackets; "
    "CPU time of runs of the study, evaluation included: [cost]({speed})."
)
Rows = dict[tuple[str, int], dict[Hashable, Any]]
_ASKED = re.compile(r"^<!-- cost: (?P<what>[\w ]+) -->$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The figures of the costs beside the pages."""
    from mkdocs.structure.files import File

    for path in sorted(SPEED.glob("*.png")):
        files.append(File.generated(config, f"speed/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """The page with the costs it asks for.

    Raises:
        KeyError: it asks for what nothing here makes.
    """
    markdown = markdown.replace("](../results/speed/", "](speed/")
    return _ASKED.sub(lambda asked: MADE[asked["what"]](), markdown)


def measured(part: str) -> Rows:
    """Rows of the file of a part, of the usual number type and threads, by name and atoms."""
    return _measured(part, SPEED)


@cache
def _measured(part: str, folder: Path) -> Rows:
    rows = read(folder / f"{part}.csv", part).to_dict("records")
    usual = (USUAL.dtype, USUAL.threads)
    return {
        (str(row["name"]), int(row["atoms"])): row
        for row in rows
        if part == "solvers" or (row["dtype"], row["threads"]) == usual
    }


@cache
def runs(place: Path) -> list[dict[Hashable, Any]]:
    """Mean CPU seconds of the runs in a place, for each experiment."""
    numbers = summarise(with_costs(collect([place] if place.is_dir() else [])))
    found = numbers[numbers["name"] == CPU_SECONDS].sort_values(["changed", "preset", "system"])
    return found.to_dict("records")


def sizes(part: str) -> list[int]:
    """Atoms of the slabs that a part was measured on."""
    return sorted({atoms for _, atoms in measured(part)})


def shown(part: str, name: str, atoms: int, *, interval: bool = True) -> str:
    """A cell: the ratio with its interval, of memory with MiB."""
    row = measured(part).get((name, atoms))
    if row is None:
        nothing = part == "share" and name in axes() and axes()[name]["density"] == "none"
        return "nothing" if nothing else NOT_MEASURED
    ratio = f"{row['ratio']:.2f}"
    if not interval:
        return ratio
    beside = f"{row['peak [MiB]']:.0f} MiB" if part == "memory" else _interval(row, 2)
    return f"{ratio} ({beside})"


def _interval(row: Mapping[Hashable, Any], digits: int) -> str:
    return f"{row['low']:.{digits}f} to {row['high']:.{digits}f}"


def of_point(name: str) -> Callable[[], str]:
    """The section of a point and its variants: a column for each, a row for each cost."""

    def told() -> str:
        names = [name, *(variant for variant, (base, _) in VARIANTS.items() if base == name)]
        rows = [
            [f"{title}, {atoms} atoms", *(shown(part, one, atoms) for one in names)]
            for part, title in PARTS.items()
            for atoms in sizes(part) or [SIZE]
        ]
        rows += _runs_of(names)
        heading = ["", *(f"`{one}`" for one in names)]
        legend = LEGEND.format(speed="../speed.md")
        return f"## Cost\n\n{table(heading, rows, numbers=True)}\n\n{legend}"

    return told


def _runs_of(names: Sequence[str]) -> list[list[str]]:
    """Rows of the study's runs of a point; its variants were not run."""
    blank = [""] * (len(names) - 1)
    rows = [
        [f"{_run(row)} [CPU s]", f"{row['mean']:.0f}", *blank]
        for row in runs(RUNS)
        if row["model"] == names[0]
    ]
    return rows or [["a run [CPU s]", NOT_MEASURED, *blank]]


def _run(row: Mapping[Hashable, Any]) -> str:
    """What was run, as a heading; settings that most of the study's runs have are not told."""
    changed = "" if row["changed"] == _usual() else row["changed"] or "with today's defaults"
    return f"{row['preset']} run, {row['system']} {changed}".strip()


def _usual() -> str:
    """The settings of most runs, which need not be today's defaults."""
    counts = Counter(row["changed"] for row in runs(RUNS))
    return str(counts.most_common(1)[0][0]) if counts else ""


def points() -> str:
    """All points at one size, and the study's runs with the settings of most of them."""
    found = [row for row in runs(RUNS) if row["changed"] == _usual()]
    usual = {(_run(row), row["model"]): row["mean"] for row in found}
    kinds = list(dict.fromkeys(kind for kind, _ in usual))
    heading = ["", *PARTS.values(), *(f"{kind} [CPU s]" for kind in kinds)]
    rows = [
        [
            f"[`{name}`]({name}.md)",
            *(shown(part, name, SIZE, interval=False) for part in PARTS),
            *(f"{usual[kind, name]:.0f}" if (kind, name) in usual else "–" for kind in kinds),
        ]
        for name in choices("model")
    ]
    legend = LEGEND.format(speed="../speed.md").replace(", 95 % interval in brackets", "")
    return f"{table(heading, rows, numbers=True)}\n\n{SIZE} atoms.  {legend}"


def by_size(part: str) -> Callable[[], str]:
    """A part of ``bench speed``: a row for each contender, a column for each size."""

    def told() -> str:
        if not sizes(part):
            return f"Not measured: `bench speed part={part} models=all out=results/speed`."
        heading = ["", *(f"{atoms} atoms" for atoms in sizes(part))]
        rows = [
            [f"`{name}`", *(shown(part, name, atoms) for atoms in sizes(part))]
            for name in _cheapest_first(part)
        ]
        return table(heading, rows, numbers=True)

    return told


def _cheapest_first(part: str) -> list[str]:
    """Names by their ratio at the usual size, or at the first that there is."""
    ratios: dict[str, float] = {}
    for (name, atoms), row in sorted(measured(part).items(), key=lambda item: item[0][1]):
        if name not in ratios or atoms == SIZE:
            ratios[name] = row["ratio"]
    return sorted(ratios, key=ratios.__getitem__)


def _of_ratio(item: tuple[object, Mapping[Hashable, Any]]) -> float:
    return float(item[1]["ratio"])


def solvers() -> str:
    """Ways to a density and its gradients, with their errors."""
    rows = [
        [
            name,
            str(atoms),
            f"{row['ratio']:.1f} ({_interval(row, 1)})",
            f"{row['iterations']:.0f}",
            f"{row['kept [MiB]']:.0f}",
            f"{row['density error [e]']:.0e}",
            f"{100 * row['gradient error']:.2g} %",
        ]
        for (name, atoms), row in sorted(measured("solvers").items(), key=_of_ratio)
    ]
    if not rows:
        return "Not measured: `bench speed part=solvers out=results/speed`."
    heading = "update: way", "atoms", "CPU time, ratio", "steps", "kept [MiB]", "error [e]"
    return table([*heading, "gradient's error"], rows, numbers=True)


def accuracy() -> str:
    """Where each program's training ends, and when it has the force error of the slowest."""
    path = SPEED / "time_to_accuracy.csv"
    if not path.is_file():
        return "Not measured: `bench speed part=accuracy out=results/speed`."
    marks = read_marks(path)
    target = reached(marks)
    heading = ["program", "steps", "CPU time [s]", "forces RMSE [meV/Å]", "energy RMSE [meV/atom]"]
    rows = [
        [
            f"`{program}`",
            str(last.step),
            f"{last.seconds:.0f}",
            f"{last.forces:.0f}",
            f"{last.energy:.1f}",
            _seconds(seconds_to(marks, program, target)),
        ]
        for program, last in last_marks(marks).items()
    ]
    return table([*heading, f"CPU time to {target:.0f} meV/Å [s]"], rows, numbers=True)


def _seconds(value: float) -> str:
    return "not reached" if isnan(value) else f"{value:.0f}"


MADE: dict[str, Callable[[], str]] = {
    **{part: by_size(part) for part in (*PARTS, "matrices", "polar")},
    **{f"point {name}": of_point(name) for name in choices("model")},
    "points": points,
    "solvers": solvers,
    "accuracy": accuracy,
}
