"""``bench reproduce``: whether the numbers of a run, a figure or a study can be had again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.config.key import key
from bench.config.options import call
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.gate.reproduce import Reproduction
    from bench.runs.folder import RunFolder


@dataclass
class Reproduce:
    """Compute again what a row of a table or a figure stands on, and compare every number.

    bench reproduce run=results/runs/pt_water/scf_qeq/ID
    bench reproduce figure=field_response runs=results/study
    bench reproduce study=NAME runs=results/study      takes as long as the study

    agrees: every number within the tolerance; differs: with the numbers that do not; stale: code or
    data have changed since; missing: its files, or no run of these settings. Exit code: 0 all
    agree, 1 something differs or is missing, 3 the rest is stale.
    """

    run: str = key("", "folder of a run")
    figure: str = key("", "name of a figure, of bench figures --help")
    study: str = key("", "name of a study, conf/study/NAME.yaml")
    runs: list[str] = key(["results/study"], "folders of the runs of figure or study")
    tolerance: float = key(0.02, "relative change that still agrees", least=0)
    anyway: bool = key(False, "compute what is stale, too")


def main(argv: Sequence[str]) -> int:
    """Compute again and compare; the verdict is the exit code."""
    return call(argv, Reproduce, run, verb="bench reproduce")


def run(options: Reproduce) -> int:
    """A line for each run as it is done, those of numbers that differ, and how many ended how."""
    from bench.gate.reproduce import Outcome, Reproduction, again

    asked = _asked(options)
    if isinstance(asked, list) and len(asked) > 1:
        print(_announced(asked), flush=True)
    count: Counter[Outcome] = Counter()
    with TemporaryDirectory() as place:
        for number, one in enumerate(asked):
            found = (
                one
                if isinstance(one, Reproduction)
                else again(
                    one,
                    Path(place) / str(number),
                    tolerance=options.tolerance,
                    anyway=options.anyway,
                )
            )
            print(f"{found.outcome.value}: {found.what}: {found.reason}")
            print("".join(f"  {line}\n" for line in found.numbers), end="", flush=True)
            count[found.outcome] += 1
    print(", ".join(f"{number} {outcome.value}" for outcome, number in count.items()))
    if count[Outcome.differs] or count[Outcome.missing]:
        return 1
    return 3 if count[Outcome.stale] else 0


def _announced(folders: Sequence[RunFolder]) -> str:
    """How many runs there are, and what they have cost, before hours are spent on them."""
    from bench.runs.collection import collect

    minutes = collect(folder.path for folder in folders).runs["cpu_seconds"].sum() / 60
    told = f"some {max(minutes, 1):.0f} min of CPU time when they were trained"
    return f"{len(folders)} runs, {told}; what is stale is not computed unless anyway=true"


def _asked(options: Reproduce) -> Iterable[RunFolder | Reproduction]:
    """The runs that the words name."""
    from bench.gate.reproduce import of_figure, of_study
    from bench.runs.folder import RunFolder

    named = [name for name in (options.run, options.figure, options.study) if name]
    if len(named) != 1:
        raise BenchError("bench reproduce takes one of run=, figure= and study=.")
    if options.run:
        return [RunFolder(Path(options.run))]
    if options.figure:
        return of_figure(options.figure, options.runs)
    return of_study(options.study, options.runs)
