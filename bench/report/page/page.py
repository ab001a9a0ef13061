"""The page: every system's leaderboard, figures, health, probes and provenance in one file."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.report.drawing import NoData
from bench.report.page.board import Board, Row, boards, unreadable
from bench.report.page.details import Details, details
from bench.report.paper.caption import caption
from bench.report.paper.draw import drawing, plainly_styled
from bench.report.paper.registry import FIGURES
from bench.report.paper.scene import Scene, scenes
from bench.runs.collection import Collection

HERE = Path(__file__).parent
COUNTED = ("scf_unconverged_count", "scf_unstable_count", "non_finite_count")  # none is healthy
PIXELS_PER_INCH = 96


@dataclass(frozen=True)
class Picture:
    """A figure as the page holds it: a drawing within the page, its size in pixels, its caption."""

    name: str
    shows: str
    source: str
    width: int
    height: int
    caption: str


@dataclass(frozen=True)
class Part:
    """One system and version of its data.

    Attributes:
        anchor: of links to it.
        heading: system, with the version of its data where there are several.
        board: its table.
        rows: with what they unfold to.
        figures: preset to its figures.
    """

    anchor: str
    heading: str
    board: Board
    rows: list[tuple[Row, Details]]
    figures: dict[str, list[Picture]]

    @property
    def filters(self) -> dict[str, list[str]]:
        """What rows can be chosen by, where they differ in it: name to its values."""
        values = {
            name: sorted({row.filtered[name] for row, _ in self.rows})
            for name in (self.rows[0][0].filtered if self.rows else {})
        }
        return {name: found for name, found in values.items() if len(found) > 1}

    @property
    def healthy(self) -> list[Row]:
        """The rows that have self-consistency to tell of."""
        return [row for row, _ in self.rows if row.has_health]

    @property
    def probes(self) -> list[str]:
        """Every probe that some run was asked."""
        return list(dict.fromkeys(name for _, more in self.rows for name in more.probes))


def render(found: Collection, page: Path, *, title: str) -> str:
    """The page as text.

    Every text of a run is escaped; no script but the page's own is allowed to run, and nothing is
    fetched.

    Args:
        found: runs with their numbers.
        page: where it will be written, which links to folders of runs are relative to.
        title: of the page.
    """
    parts = _parts(found, page)
    counts = found.runs["status"].value_counts()
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (
        (HERE / name).read_text(encoding="utf-8") for name in ("report.css", "report.js")
    )
    return environment.get_template("report.html.j2").render(
        title=title,
        summary=f"{len(found.runs)} runs: "
        + ", ".join(f"{count} {status}" for status, count in counts.items()),
        parts=parts,
        lost=unreadable(found),
        configurations={row.key: more.config for part in parts for row, more in part.rows},
        counted=COUNTED,
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
    )


def _hash(text: str) -> str:
    """As a content security policy has it."""
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _parts(found: Collection, page: Path) -> list[Part]:
    drawn = scenes(found)
    tables = boards(found)
    systems = [board.system for board in tables]
    parts = []
    for board in tables:
        heading = board.system
        if systems.count(board.system) > 1:
            heading = f"{board.system}, data {board.checksum[:10] or 'unknown'}"
        figures = {
            scene.preset: _pictures(scene)
            for scene in drawn
            if (scene.system, scene.checksum) == (board.system, board.checksum)
        }
        rows = [(row, details(row, page)) for row in board.rows]
        anchor = f"{board.system}-{board.checksum[:6]}"
        parts.append(Part(anchor, heading, board, rows, figures))
    return parts


def _pictures(scene: Scene) -> list[Picture]:
    """Every figure that the runs allow."""
    found = []
    for name, figure in FIGURES.items():
        try:
            found.append(_picture(scene, name, figure.shows))
        except NoData:
            continue
    return found


def _picture(scene: Scene, name: str, shows: str) -> Picture:
    with plainly_styled(hashsalt=name):
        made = drawing(scene, name)
        file = BytesIO()
        made.figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    width, height = (round(PIXELS_PER_INCH * size) for size in made.figure.get_size_inches())
    source = "data:image/svg+xml;base64," + b64encode(file.getvalue()).decode()
    return Picture(name, shows, source, width, height, caption(scene, made).strip())
