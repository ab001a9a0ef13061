"""All figures of a run, drawn from what lies in its folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from bench.errors import BenchError
from bench.evaluate.selection import headline
from bench.report.added_charge_figure import added_charge_figure
from bench.report.born_figure import born_figure
from bench.report.charge_figure import charge_figure
from bench.report.drawing import FORMATS, NoData, save, styled
from bench.report.field_figure import field_figure
from bench.report.formation_figure import formation_figure
from bench.report.learning import learning_curves
from bench.report.parity_figure import parity_figure
from bench.report.profile_figure import profile_figure
from bench.runs.folder import RunFolder
from bench.train.log import TrainingLog


@dataclass(frozen=True)
class Drawn:
    """What ``draw_figures`` did.

    Attributes:
        files: written, in the folder ``figures``.
        skipped: name of a figure to the reason why there is none.
    """

    files: list[Path]
    skipped: dict[str, str]


def draw_figures(folder: RunFolder, formats: Sequence[str] = FORMATS) -> Drawn:
    """Write every figure that has data.

    Args:
        folder: of a run with metrics and predictions.
        formats: of the files; a PDF costs as much as the drawing.

    Raises:
        BenchError: they lack.
    """
    files: list[Path] = []
    skipped: dict[str, str] = {}
    with styled():
        for name, draw in _figures(folder).items():
            try:
                files += save(draw(), folder.figure(name), formats)
            except NoData as reason:
                skipped[name] = str(reason)
    return Drawn(files, skipped)


def _figures(folder: RunFolder) -> dict[str, Callable[[], Figure]]:
    """Name to the function that draws it."""
    run = folder.read_metrics()["run"]
    title = f"{run['system']}, {run['model']}"
    frames = headline(folder.read_predictions())
    return {
        "learning_curves": lambda: learning_curves(_log(folder), title),
        "parity": lambda: parity_figure(frames, title),
        "induced_dipole": lambda: field_figure(frames, title),
        "induced_profiles": lambda: profile_figure(frames, title),
        "born_charges": lambda: born_figure(frames, title),
        "charge_states": lambda: charge_figure(frames, title),
        "added_charge": lambda: added_charge_figure(frames, title),
        "formation_energy": lambda: formation_figure(frames, title),
    }


def _log(folder: RunFolder) -> TrainingLog:
    try:
        return folder.read_log()
    except BenchError as error:
        raise NoData(error.problem) from error
