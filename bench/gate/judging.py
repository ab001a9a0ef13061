"""Whether a cell still gives its baseline: beyond rounding, and beyond the noise of seeds."""

from __future__ import annotations

from dataclasses import dataclass

from bench.gate.baseline import Baseline
from bench.report.compare import NUMBER, Comparison, Verdict, judge, paired
from bench.report.comparison_table import lines

# Relative change that another processor, compiler or library may make beside the measured spread.
MACHINE = 1e-5


@dataclass(frozen=True)
class Judgement:
    """A cell beside its baseline.

    Attributes:
        cell: its name.
        comparison: of the same seed; its noise is what rounding may change.
        beyond_seeds: names of the numbers that changed by more than another seed changes them.
    """

    cell: str
    comparison: Comparison
    beyond_seeds: list[str]

    def lines(self, *, everything: bool = False) -> list[str]:
        """What a person reads; ``everything``: also what did not change."""
        told = [f"{self.cell}:", *lines(self.comparison, everything=everything)]
        if self.comparison.changed.empty or self.comparison.reason:
            return told
        those = ", ".join(self.beyond_seeds) or "none of them"
        return [*told, f"by more than another seed changes them: {those}"]


def judge_cell(baseline: Baseline | None, now: Baseline) -> Judgement:
    """Compare what a cell gives now, undisturbed and of the same seed, with its baseline.

    A change counts where it exceeds Student's interval of the disturbed runs or ``MACHINE``; its
    direction says whether it is worse.

    Args:
        baseline: None where there is none yet.
        now: with one value for each number.
    """
    if baseline is None:
        return _incomparable(now, "it has no baseline yet: bench regress update=true")
    if baseline.words != now.words:
        return _incomparable(now, "its settings are not the baseline's: bench regress update=true")
    if baseline.data_checksum != now.data_checksum:
        return _incomparable(
            now,
            f"the data differ ({baseline.data_checksum[:10]} and {now.data_checksum[:10]}), "
            "and so do the tests: bench regress update=true",
        )
    after = now.frame("rounding")
    rows = judge(paired(baseline.frame("rounding"), after), least=MACHINE)
    seeds = judge(paired(baseline.frame("seeds"), after), least=MACHINE)
    beyond = seeds.loc[seeds["verdict"] != "same", "name"].tolist()
    lost = _lost(baseline, now)
    worse = bool(lost) or (rows["verdict"] == "worse").any()
    verdict = Verdict.worse if worse else Verdict.same
    comparison = Comparison(verdict, "", _settings(baseline, now), rows, lost)
    return Judgement(now.cell, comparison, beyond)


def _incomparable(now: Baseline, reason: str) -> Judgement:
    rows = judge(paired(now.frame("rounding"), now.frame("rounding")))
    return Judgement(now.cell, Comparison(Verdict.incomparable, reason, {}, rows, []), [])


def _settings(baseline: Baseline, now: Baseline) -> dict[str, tuple[str, str]]:
    """What differs and could be the reason."""
    both = {"code_version": (baseline.code_version, now.code_version)}
    both["cpu"] = (baseline.cpu, now.cpu)
    both |= {
        name: (baseline.packages.get(name, "none"), version)
        for name, version in now.packages.items()
    }
    return {key: sides for key, sides in both.items() if sides[0] != sides[1]}


def _lost(baseline: Baseline, now: Baseline) -> list[str]:
    there = {tuple(number[key] for key in NUMBER) for number in now.numbers}
    return [
        f"{number['name']}[{number['subset']}]"
        for number in baseline.numbers
        if tuple(number[key] for key in NUMBER) not in there
    ]


def worst(verdicts: list[Verdict]) -> int:
    """The exit code of several: worse before incomparable before none."""
    order = (Verdict.worse, Verdict.incomparable)
    return next((int(verdict) for verdict in order if verdict in verdicts), 0)
