"""``bench evaluate``: the numbers of a run again, or of anybody's calculator or predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config.key import key
from bench.config.options import call
from bench.console import make_console
from bench.errors import BenchError

if TYPE_CHECKING:
    from rich.console import Console

    from bench.runs.folder import RunFolder

RUN = "of a run"


@dataclass
class Evaluate:
    """The numbers of a run once more.

    bench evaluate run=FOLDER                    from its stored predictions, without the model
    bench evaluate run=FOLDER predict=true       from its checkpoint
    bench evaluate run=FOLDER system=OTHER       another system's test set, or file=MINE.extxyz

    The numbers of other structures are written into the run's folder, below evaluations/; its own
    metrics.json changes only where the data are the same.
    """

    run: str = key("", "folder of a finished run, or of several", group=RUN)
    predict: bool = key(False, "predict again, with the weights of its best epoch", group=RUN)
    file: str = key("", "extxyz with the data sets' keys, instead of its test set", group=RUN)
    system: str = key("", "whose test set is predicted")
    device: str = key("cpu", "where the model computes", choices=("cpu", "cuda", "cuda:0"))
    figures: bool = key(True, "draw them, too")


def main(argv: Sequence[str]) -> int:
    """Evaluate and print the table."""
    return call(argv, Evaluate, evaluate, verb="bench evaluate")


def evaluate(options: Evaluate) -> int:
    """Print the table of what was evaluated and, as the last line, its folder."""
    console = make_console()
    for folder in _evaluated(options, console):
        _show(folder, console, figures=options.figures)
    return 0


def _evaluated(options: Evaluate, console: Console) -> list[RunFolder]:
    """The folders whose numbers are new."""
    from bench.runs.folder import RunFolder

    if not options.run:
        raise BenchError("bench evaluate: run=... is missing.", "See bench evaluate --help")
    path = Path(options.run)
    if options.file and options.system:
        raise BenchError(f"file={options.file} and system={options.system}: one of them.")
    if not (options.predict or options.file or options.system):
        return _rescored(path)
    from bench.scoring import trained

    run = RunFolder(path)
    if not (options.file or options.system):
        return [trained.again(run, device=options.device, console=console)]
    if options.file:
        structures = trained.structures_in(Path(options.file))
    else:
        structures = trained.tests_of(trained.system_named(options.system))
    return [trained.elsewhere(run, structures, device=options.device, console=console)]


def _rescored(path: Path) -> list[RunFolder]:
    """Every finished run in a place, its metrics redone; the run itself where it is one."""
    from bench.evaluate.rescore import rescore
    from bench.runs.folder import RunFolder, Status, run_folders

    found = list(run_folders(path))
    if found in ([], [RunFolder(path)]):
        rescore(path)
        return [RunFolder(path)]
    done = [folder for folder in found if folder.status is Status.done]
    for folder in done:
        rescore(folder.path)
    return done


def _show(folder: RunFolder, console: Console, *, figures: bool) -> None:
    from bench.report.figures import draw_figures
    from bench.report.table import metrics_table

    if figures:
        draw_figures(folder)
    console.print(metrics_table(folder))
    console.print(str(folder.path))
