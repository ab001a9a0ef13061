"""``bench figures``: what a study shows, drawn from its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.config.key import key
from bench.config.options import call
from bench.errors import BenchError, nearest
from bench.report.paper.registry import FIGURES


@dataclass
class Figures:
    """Figures over many runs, from what lies in their folders: PNG, PDF and a caption as text.

    bench figures                                    all that the runs allow; the others with why
    bench figures field_response design_space runs=results/study
    bench figures run=FOLDER                         one run's own figures, in its folder, with PDF

    One of each per system and preset, in OUT/SYSTEM/PRESET. Means and 95 % intervals over seeds.
    """

    names: list[str] = key([], "which; none: all", positional=True, optional=True)
    runs: list[str] = key(["results/runs"], "folders of runs, searched with all below")
    out: str = key("results/figures", "folder to write to")
    run: str = key("", "folder of one run, whose own figures are drawn anew")


def main(argv: Sequence[str]) -> int:
    """Draw the figures."""
    return call(argv, Figures, draw, verb="bench figures", more=_names)


def draw(options: Figures) -> int:
    """Write the figures, and tell which there are and which there are not."""
    if options.run:
        return _draw_run(options)
    for name in options.names:
        if name not in FIGURES:
            raise BenchError(f"bench figures: {name} does not exist.", nearest(name, FIGURES))
    from bench.report.paper.draw import write_figures
    from bench.report.paper.scene import none_found, scenes
    from bench.runs.collection import collect

    found = scenes(collect(map(Path, options.runs)))
    if not found:
        raise none_found(options.runs)
    written = write_figures(found, options.names or list(FIGURES), Path(options.out))
    _tell(written.files, written.skipped)
    if not written.files:
        raise BenchError("The runs allow none of these figures.", "The reasons are above.")
    return 0


def _draw_run(options: Figures) -> int:
    """The figures that every run has of itself, all of them."""
    if options.names:
        raise BenchError(
            f"bench figures run={options.run}: names are of figures over many runs.",
            "Leave out the names, or run=.",
        )
    from bench.report.figures import draw_figures
    from bench.runs.folder import RunFolder

    drawn = draw_figures(RunFolder(Path(options.run)))
    _tell(drawn.files, drawn.skipped)
    return 0


def _tell(files: Sequence[Path], skipped: Mapping[str, str]) -> None:
    for path in files:
        if path.suffix == ".png":
            print(path)
    for name, reason in skipped.items():
        print(f"no {name}: {reason}")


def _names() -> str:
    width = max(map(len, FIGURES))
    lines = [f"  {name:<{width}}  {figure.shows}" for name, figure in FIGURES.items()]
    return "\n".join(["figures:", *lines])
