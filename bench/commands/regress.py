"""``bench regress``: whether the code still gives the numbers that it gave."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.config.key import key
from bench.config.options import call
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.report.compare import Verdict


@dataclass
class Regress:
    """Train a few small cells and compare them with their baselines; a minute or two of CPU time.

    bench regress                  judge every cell, and the cost of a training step
    bench regress update=true      measure the baselines anew, and show what changes

    The seed is the baseline's, so that unchanged code differs by rounding alone; how much that is
    was measured with disturbed first weights and stands beside the numbers, as does what another
    seed changes. Exit code: 0 nothing is worse, 1 something is, 3 other data or settings. What is
    better fails nothing and is told.
    """

    cells: list[str] = key([], "which; none: all", positional=True, optional=True)
    baselines: str = key("results/baselines", "folder of cells.yaml and the numbers")
    update: bool = key(False, "measure the baselines anew")
    cost: bool = key(True, "also time training steps against mace-torch's")
    out: str = key("", "new folder that keeps the runs; empty: none is kept")
    all: bool = key(False, "show what did not change, too")


def main(argv: Sequence[str]) -> int:
    """Train and judge; the verdict is the exit code."""
    return call(argv, Regress, run, verb="bench regress")


def run(options: Regress) -> int:
    """Print a table for each cell as it is judged, and at the end the verdict."""
    from bench.gate.cells import read_cells
    from bench.gate.judging import worst
    from bench.gate.regress import regress, renew

    baselines = Path(options.baselines)
    cells = read_cells(baselines, options.cells)
    verdicts, better = [], 0
    with _place(options.out) as place:
        for judgement in (renew if options.update else regress)(cells, baselines, Path(place)):
            print("\n".join(judgement.lines(everything=options.all)), end="\n\n", flush=True)
            verdicts.append(judgement.comparison.verdict)
            better += int((judgement.comparison.changed["verdict"] == "better").sum())
    if options.cost:
        verdicts.append(_cost(baselines, options.update))
    code = worst(verdicts)
    print("baselines written" if options.update else f"verdict: {ENDS[code]}")
    if better and code == 0 and not options.update:
        print(f"BETTER: {better} of the numbers (+). Unless it is meant, look for why; {RENEW}")
    return 0 if options.update else code


RENEW = "if it is, bench regress update=true makes them the baselines."
ENDS = {0: "nothing is worse", 1: "worse", 3: "not comparable"}


def _place(out: str) -> TemporaryDirectory[str] | nullcontext[str]:
    """Where the runs are written: a new folder, or one that is gone afterwards."""
    if not out:
        return TemporaryDirectory()
    if Path(out).is_dir() and any(Path(out).iterdir()):
        raise BenchError(f"out={out} is there and not empty.", "Give a new folder.")
    return nullcontext(out)


def _cost(baselines: Path, update: bool) -> Verdict:
    """Time training steps; print, and write where asked."""
    from bench.gate.cost import judge_costs, measure_costs, read_costs, write_costs
    from bench.report.compare import Verdict

    costs = measure_costs()
    lines, worse = judge_costs(read_costs(baselines), costs)
    print("\n".join(lines), end="\n\n")
    if update:
        write_costs(baselines, costs)
    return Verdict.worse if worse else Verdict.same
