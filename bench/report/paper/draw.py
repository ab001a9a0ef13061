"""Figures over many runs, written as PNG and PDF with their captions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import matplotlib as mpl

from bench.report.drawing import NoData, save, styled
from bench.report.paper.caption import Drawing, caption
from bench.report.paper.registry import FIGURES
from bench.report.paper.scene import Scene
from bench.storage import write_text


@dataclass(frozen=True)
class Written:
    """What ``write_figures`` did.

    Attributes:
        files: written.
        skipped: place and name of a figure to the reason why there is none.
    """

    files: list[Path]
    skipped: dict[str, str]


@contextmanager
def plainly_styled(*, hashsalt: str = "") -> Iterator[None]:
    """The style of all figures; a ``$`` in somebody's name of a model is no mathematics.

    Args:
        hashsalt: of names within an SVG, which keeps text as text; the same gives the same file.
    """
    with (
        styled(),
        mpl.rc_context(
            {"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": hashsalt}
        ),
    ):
        yield


def drawing(scene: Scene, name: str) -> Drawing:
    """One figure of a scene; to be made and saved within ``plainly_styled``.

    Raises:
        NoData: the runs do not allow it; the text says why.
    """
    return cast(Drawing, FIGURES[name].load()(scene))


def write_figures(scenes: Iterable[Scene], names: Sequence[str], out: Path) -> Written:
    """Write ``<out>/<system>/<preset>/<name>.png``, ``.pdf`` and ``.txt``, the caption.

    Args:
        scenes: of every system, version of its data and preset.
        names: of ``FIGURES``.
        out: folder.
    """
    files: list[Path] = []
    skipped: dict[str, str] = {}
    for scene in scenes:
        for name in names:
            path = out / scene.place / name
            try:
                files += _write(scene, name, path)
            except NoData as reason:
                skipped[f"{scene.place}/{name}"] = str(reason)
    return Written(files, skipped)


def _write(scene: Scene, name: str, path: Path) -> list[Path]:
    with plainly_styled():
        made = drawing(scene, name)
        files = save(made.figure, path)
    return [*files, write_text(path.with_suffix(".txt"), caption(scene, made))]
