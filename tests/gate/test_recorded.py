"""What ``bench regress`` notices, on real trainings.

Training takes minutes; benchmarks/gate_mutations.py did it and recorded what came out.
"""

import json
import math
from pathlib import Path

import pytest

from bench.gate.baseline import Baseline
from bench.gate.judging import judge_cell
from bench.report.compare import Verdict

RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text())


def recorded(cell, what):
    content = RECORDED[cell][what]
    several = content if isinstance(content, list) else [content]
    return [judge_cell(Baseline(**RECORDED[cell]["baseline"]), Baseline(**c)) for c in several]


@pytest.mark.parametrize("cell", RECORDED)
def test_ten_unchanged_trainings_pass(cell):
    verdicts = [judgement.comparison.verdict for judgement in recorded(cell, "unchanged")]
    assert verdicts == [Verdict.same] * 10


@pytest.mark.parametrize("cell", RECORDED)
def test_rounding_changes_far_less_than_seeds(cell):
    for number in RECORDED[cell]["baseline"]["numbers"]:
        rounding, seeds = (max(number[k]) - min(number[k]) for k in ("rounding", "seeds"))
        assert rounding <= 1e-3 * seeds or math.isclose(seeds, 0, abs_tol=1e-12)


@pytest.mark.parametrize("cell", RECORDED)
@pytest.mark.parametrize(
    "mutation", ["wrong_field_sign", "wrong_self_interaction", "lighter_forces"]
)
def test_broken_code_is_caught(mutation, cell):
    """By every cell where it can act: nothing is in a field in the crystal."""
    (judgement,) = recorded(cell, mutation)
    acts = not (cell.startswith("sio2_vacancy") and mutation == "wrong_field_sign")
    assert judgement.comparison.verdict is (Verdict.worse if acts else Verdict.same)
    assert acts or judgement.comparison.changed.empty
