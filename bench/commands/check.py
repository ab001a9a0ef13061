"""``bench check``: what is known of a model's physics without any label.

Everything is evaluated in float64 and at constant charge, whatever the model was trained in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from bench.config.compose import compose
from bench.config.key import key
from bench.config.options import call
from bench.config.schema import Ensemble
from bench.console import make_console
from bench.data.dataset import load_dataset
from bench.errors import BenchError, nearest
from bench.inference.load import load_model
from bench.models.base import Point
from bench.models.registry import build_model
from bench.probes.registry import PROBES
from bench.probes.result import Measurement, ProbeResult, Verdict
from bench.probes.subject import Subject
from bench.runs.folder import RunFolder
from bench.storage import write_json

SCHEMA_VERSION = 1
_COLOURS = {
    Verdict.passed: "green",
    Verdict.failed: "bold red",
    Verdict.finding: "yellow",
    Verdict.not_applicable: "dim",
}


@dataclass(frozen=True)
class Checked:
    """A model with where it came from.

    Attributes:
        model: in float64.
        trained: whether its weights are those of a run.
        origin: one line: which weights, and which training set it was measured on.
    """

    model: Point
    trained: bool
    origin: str


@dataclass
class Check:
    """Probe a model's physics without labels: numbers, bars and verdicts.

    bench check model=scf_qeq               with initial weights, for the elements of pt_water
    bench check model=scf_qeq system=sio2_vacancy preset=smoke
    bench check run=results/runs/pt_water/scf_qeq/ID     trained; writes probes.json there
    bench check model=polar probes=chain,screening out=polar.json

    A finding is a number beyond its bar where that kind of model is known to be; the exit code is 1
    only where there is a failure.
    """

    run: str = key("", "folder of a trained run; without it the first weights")
    probes: list[str] = key([], "which; none: all", optional=True)
    out: str = key("", "file of the results; with run= probes.json there")
    settings: list[str] = key([], "without run=, any of bench run --help", rest=True, optional=True)


def main(argv: Sequence[str]) -> int:
    """Probe one model; 1 where a probe fails."""
    return call(argv, Check, check, verb="bench check", more=_questions)


def _questions() -> str:
    width = max(map(len, PROBES))
    lines = (f"  {name:<{width}}  {probe.question}" for name, probe in PROBES.items())
    return "\n".join(["probes:", *lines])


def check(options: Check) -> int:
    """Print the results and write them where asked."""
    names = _probe_names(options.probes)
    run = Path(options.run)
    checked = trained(run, options.settings) if options.run else untrained(options.settings)
    console = make_console(markup=True)
    results = run_probes(checked, names, console)
    console.print(checked.origin, markup=False, soft_wrap=True)
    console.print(table(results))
    for result in results:
        if result.reason:
            line = f"{result.verdict.value}, {result.probe}: {result.reason}"
            console.print(line, markup=False, soft_wrap=True, style=_COLOURS[result.verdict])
    if file := options.out or (options.run and RunFolder(run).probes):
        console.print(str(write(Path(file), checked, results)), markup=False, soft_wrap=True)
    return int(any(result.verdict is Verdict.failed for result in results))


def _probe_names(chosen: Sequence[str]) -> list[str]:
    names = [name.replace("_", " ") for name in chosen] or list(PROBES)
    for name in names:
        if name not in PROBES:
            raise BenchError(f"probes={name} does not exist.", nearest(name, PROBES))
    return names


def untrained(overrides: Sequence[str]) -> Checked:
    """A point with initial weights, measured on the training set of its system.

    Raises:
        BenchError: settings or data that ``bench run`` would refuse.
    """
    config = replace(compose(overrides), dtype="float64", device="cpu")
    dataset = load_dataset(config.system)
    model = build_model(config, dataset)
    origin = (
        f"{config.model.name} with initial weights (seed {config.seed}), float64; facts measured "
        f"on the {len(dataset.frames['train'])} training structures of {dataset.name}"
    )
    return Checked(_at_constant_charge(model), False, origin)


def trained(folder: Path, overrides: Sequence[str] = ()) -> Checked:
    """The point of a run.

    Raises:
        BenchError: no trained run, or settings beside the name of its model.
    """
    config = RunFolder(folder).read_config()
    beside = [text for text in overrides if text != f"model={config.model.name}"]
    if beside:
        raise BenchError(
            f"{' '.join(beside)} cannot be given with run={folder}, which is a run of "
            f"model={config.model.name} system={config.system.name}.",
            "Leave it out: the run has its own configuration.",
        )
    model = load_model(folder, dtype="float64")
    origin = f"{config.model.name} of {folder}, trained on {config.system.name}, in float64"
    return Checked(_at_constant_charge(model), True, origin)


def _at_constant_charge(model: Point) -> Point:
    """Probes compare structures of equal charge."""
    model.config = replace(model.config, ensemble=Ensemble.constant_charge, fermi_level=None)
    return model


def run_probes(checked: Checked, names: Sequence[str], console: Console) -> list[ProbeResult]:
    """The results, in the order of the names."""
    subject = Subject.of(checked.model, trained=checked.trained)
    steps = track(names, "probing", console=console, transient=True)
    return [PROBES[name].run(subject) for name in steps]


def table(results: Sequence[ProbeResult]) -> Table:
    """A row for each number, under a row for each probe with its verdict."""
    counts = Counter(result.verdict.value for result in results)
    summary = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, caption=summary, caption_justify="left")
    for heading, justify in (("probe", "left"), ("value", "right"), ("unit", "left")):
        grid.add_column(heading, justify=justify)  # type: ignore[arg-type]
    grid.add_column("at most", justify="right")
    grid.add_column("verdict")
    for result in results:
        colour, verdict = _COLOURS[result.verdict], result.verdict.value
        title = f"[bold]{result.probe}[/bold] {escape(result.material)}"
        grid.add_row(title, "", "", "", f"[{colour}]{verdict}[/{colour}]")
        for measurement in result.measurements:
            grid.add_row(*_cells(measurement))
    return grid


def _cells(measurement: Measurement) -> tuple[str, str, str, str, str]:
    bar = "" if measurement.bar is None else f"{measurement.bar:g}"
    mark = "" if measurement.within else "[yellow]beyond[/yellow]"
    name, value = f"  {escape(measurement.name)}", f"{measurement.value:.3g}"
    return name, value, measurement.unit, bar, mark


def write(file: Path, checked: Checked, results: Sequence[ProbeResult]) -> Path:
    """Write the results as JSON; returns the path."""
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "model": checked.model.config.name,
        "trained": checked.trained,
        "origin": checked.origin,
        "probes": [result.to_dict() for result in results],
    }
    return write_json(file, content)
