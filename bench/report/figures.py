"""All figures of a run, drawn from what lies in its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ase.io import read
from matplotlib.figure import Figure

from bench.report.charge_figure import charge_figure
from bench.report.drawing import NoData, styled
from bench.report.field_figure import field_figure
from bench.report.learning import learning_curves, read_log
from bench.report.parity_figure import parity_figure
from bench.report.table import load_metrics
from bench.runs.folder import RunFolder

# without a date, the same run gives the same file
FORMATS: dict[str, dict[str, None]] = {"png": {"Software": None}, "pdf": {"CreationDate": None}}


@dataclass(frozen=True)
class Drawn:
    """What ``draw_figures`` did.

    Attributes:
        files: written, in the folder ``figures``.
        skipped: name of a figure to the reason why there is none.
    """

    files: list[Path]
    skipped: dict[str, str]


def draw_figures(folder: Path) -> Drawn:
    """Write every figure that has data, as PNG and PDF.

    Args:
        folder: of a run with metrics.json and predictions.extxyz.

    Raises:
        BenchError: metrics.json is missing.
    """
    target = RunFolder(folder)
    files: list[Path] = []
    skipped: dict[str, str] = {}
    with styled():
        for name, draw in _figures(folder).items():
            try:
                files += _save(draw(), target, name)
            except NoData as reason:
                skipped[name] = str(reason)
    return Drawn(files, skipped)


def _figures(folder: Path) -> dict[str, Callable[[], Figure]]:
    """Name to the function that draws it."""
    run = load_metrics(folder)["run"]
    title = f"{run['system']}, {run['model']}"
    frames = read(folder / "predictions.extxyz", ":")
    return {
        "learning_curves": lambda: learning_curves(read_log(folder / "training_log.csv"), title),
        "parity": lambda: parity_figure(frames, title),
        "induced_dipole": lambda: field_figure(frames, title),
        "charge_states": lambda: charge_figure(frames, title),
    }


def _save(figure: Figure, target: RunFolder, name: str) -> list[Path]:
    return [
        target.write_with(f"figures/{name}.{suffix}", partial(figure.savefig, metadata=undated))
        for suffix, undated in FORMATS.items()
    ]
