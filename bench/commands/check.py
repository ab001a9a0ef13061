"""``bench check``: what is known of a model's physics without any label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import track

from bench.config.compose import compose
from bench.config.key import key
from bench.config.options import call
from bench.console import make_console
from bench.errors import BenchError, nearest

if TYPE_CHECKING:
    from bench.probes.models import Checked


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
    from bench.probes.registry import PROBES

    width = max(map(len, PROBES))
    lines = (f"  {name:<{width}}  {probe.question}" for name, probe in PROBES.items())
    return "\n".join(["probes:", *lines])


def check(options: Check) -> int:
    """Print the results and write them where asked."""
    from bench.probes.registry import PROBES
    from bench.probes.result import Verdict
    from bench.probes.subject import Subject
    from bench.probes.table import COLOURS, table, write
    from bench.runs.folder import RunFolder

    names = _probe_names(options.probes)
    checked = _chosen(options)
    console = make_console(markup=True)
    subject = Subject.of(checked.model, trained=checked.trained)
    steps = track(names, "probing", console=console, transient=True)
    results = [PROBES[name].run(subject) for name in steps]
    console.print(checked.origin, markup=False, soft_wrap=True)
    console.print(table(results))
    for result in results:
        if result.reason:
            line = f"{result.verdict.value}, {result.probe}: {result.reason}"
            console.print(line, markup=False, soft_wrap=True, style=COLOURS[result.verdict])
    if file := options.out or (options.run and RunFolder(Path(options.run)).probes):
        console.print(str(write(Path(file), checked, results)), markup=False, soft_wrap=True)
    return int(any(result.verdict is Verdict.failed for result in results))


def _probe_names(chosen: Sequence[str]) -> list[str]:
    from bench.probes.registry import PROBES

    names = [name.replace("_", " ") for name in chosen] or list(PROBES)
    for name in names:
        if name not in PROBES:
            raise BenchError(f"probes={name} does not exist.", nearest(name, PROBES))
    return names


def _chosen(options: Check) -> Checked:
    """The model that the words name; beside a run they may only name its own."""
    from bench.probes.models import trained, untrained
    from bench.runs.folder import RunFolder

    if not options.run:
        return untrained(compose(options.settings))
    folder = Path(options.run)
    config = RunFolder(folder).read_config()
    beside = [text for text in options.settings if text != f"model={config.model.name}"]
    if beside:
        raise BenchError(
            f"{' '.join(beside)} cannot be given with run={folder}, which is a run of "
            f"model={config.model.name} system={config.system.name}.",
            "Leave it out: the run has its own configuration.",
        )
    return trained(folder, config)
