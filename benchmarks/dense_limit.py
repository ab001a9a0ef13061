"""From which size on matrix-free solves beat matrices: where model.dense_limit belongs.

    OMP_NUM_THREADS=1 python benchmarks/dense_limit.py --atoms 108 216 432

Training steps of four Pt slabs with water, with matrices and without, interleaved in one process,
relative to short_range; medians of CPU time.
"""

from __future__ import annotations

import argparse

import torch
from rich.console import Console
from rich.table import Table

from bench.speed.options import VARIANTS
from bench.speed.steps import point_training
from bench.speed.timing import Step, measure
from bench.speed.workload import workload

WAYS = {"matrices": 10**6, "matrix-free": 1}  # dense_limit in atoms


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atoms", type=int, nargs="+", default=[108, 216, 432])
    points = ["scf_qeq", "scf_fixed_point", "scf_response", *VARIANTS]
    parser.add_argument("--models", nargs="+", default=points[:3], choices=points)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(title="Training step relative to short_range, float32 backbone, one thread")
    for header in ("atoms per slab", "model", *WAYS):
        table.add_column(header, justify="right")
    for atoms in options.atoms:
        work = workload(atoms, torch.float32)
        steps: dict[str, Step] = {"short_range": point_training(work, "short_range")}
        for name in options.models:
            for way, limit in WAYS.items():
                steps[f"{name} {way}"] = point_training(work, name, dense_limit=limit)
        found = {r.name: r for r in measure(steps, rounds=options.rounds, title=f"{atoms} atoms")}
        for name in options.models:
            ratios = [found[f"{name} {way}"] for way in WAYS]
            cells = [f"{r.median:.3f} ({r.low:.3f} to {r.high:.3f})" for r in ratios]
            table.add_row(str(atoms), name, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
