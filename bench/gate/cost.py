"""A training step beside mace-torch's own: a ratio that hardly depends on the machine."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from bench.errors import BenchError
from bench.speed.steps import mace_training, point_training
from bench.speed.timing import Ratio, measure
from bench.speed.workload import workload
from bench.storage import write_json

POINTS = ("short_range", "scf_qeq", "scf_fixed_point")
ATOMS, ROUNDS = 24, 9
# How much larger a ratio may be elsewhere: caches and vector units favour one code or the other.
MACHINE = 1.25
FILE = "cost.json"


@dataclass(frozen=True)
class Cost:
    """CPU time of a training step relative to mace-torch's ScaleShiftMACE, with its 95 % interval.

    Attributes:
        name: of the point.
        median, low, high: of the ratio.
    """

    name: str
    median: float
    low: float
    high: float


def measure_costs() -> list[Cost]:
    """The ratios here, of four slabs of 24 atoms in single precision on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        work = workload(ATOMS, torch.float32)
        steps = {"mace-torch": mace_training(work)}
        steps |= {name: point_training(work, name) for name in POINTS}
        ratios = measure(steps, rounds=ROUNDS, title="training steps")
    finally:
        torch.set_num_threads(threads)
    return [_cost(ratio) for ratio in ratios[1:]]


def _cost(ratio: Ratio) -> Cost:
    return Cost(ratio.name, ratio.median, ratio.low, ratio.high)


def judge_costs(before: list[Cost], now: list[Cost]) -> tuple[list[str], bool]:
    """Lines on each ratio, and whether one's whole interval lies above what is allowed.

    Args:
        before: the baseline's.
        now: as measured.
    """
    limits = {cost.name: MACHINE * cost.high for cost in before}
    lines = ["a training step relative to mace-torch's, CPU time:"]
    worse = False
    for cost in now:
        limit = limits.get(cost.name)
        beyond = limit is not None and cost.low > limit
        allowed = f"at most {limit:.2f}" if limit is not None else "no baseline"
        lines.append(
            f"{'!' if beyond else ' '} {cost.name:<16} {cost.median:.2f} "
            f"({cost.low:.2f} to {cost.high:.2f}), {allowed}"
        )
        worse = worse or beyond
    return lines, worse


def read_costs(folder: Path) -> list[Cost]:
    """The baseline's ratios; none where there is no file.

    Raises:
        BenchError: a file of another kind.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    try:
        return [Cost(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))["ratios"]]
    except (json.JSONDecodeError, TypeError, KeyError) as error:
        raise BenchError(
            f"{path} is no baseline: {error}", "Write it anew: bench regress update=true"
        ) from error


def write_costs(folder: Path, costs: list[Cost]) -> Path:
    """Replace the baseline's ratios; returns the file."""
    content = {
        "unit": "CPU time of a training step over that of mace-torch's ScaleShiftMACE",
        "atoms": ATOMS,
        "rounds": ROUNDS,
        "ratios": [asdict(cost) for cost in costs],
    }
    return write_json(folder / FILE, content)
