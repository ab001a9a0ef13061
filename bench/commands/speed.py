"""``bench speed``: what electrostatics and self-consistency cost, as tables of ratios."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from rich.markup import escape
from rich.table import Table

from bench.config.catalogue import choices
from bench.config.key import key
from bench.config.options import call
from bench.config.schema import Solver, Update
from bench.console import make_console
from bench.models.registry import DTYPES
from bench.speed.solvers import Contest, SolverCost, compare_solvers
from bench.speed.steps import (
    VARIANTS,
    mace_inference,
    mace_training,
    point_inference,
    point_training,
    polar_mace_training,
)
from bench.speed.timing import Ratio, measure
from bench.speed.workload import Workload, workload

FIRST_POINTS = ["short_range", "local_charges", "scf_qeq", "scf_fixed_point"]
PARTS = ("training", "inference", "solvers", "polar")
NAMES = (*choices("model"), *VARIANTS)


@dataclass
class Speed:
    """What electrostatics and self-consistency cost, as ratios, on four slabs of Pt with water.

    bench speed                                    training steps of four points, 54 atoms
    bench speed part=inference models=all          every point, energy and forces
    bench speed part=solvers                       our solve against mixing loops
    bench speed atoms=24,54,108,216                several sizes
    """

    part: list[str] = key(["training"], "what is timed", choices=PARTS)
    models: list[str] = key(FIRST_POINTS, "points or variants", choices=(*NAMES, "all"))
    rounds: int = key(15, "interleaved rounds; six give a 95 % interval", least=6)
    atoms: list[int] = key([54], "of a slab", above=0)
    dtype: str = key("float32", "of the backbone", choices=tuple(DTYPES))
    threads: int = key(1, "of torch", least=1)


def main(argv: Sequence[str]) -> int:
    """Measure and print."""
    return call(argv, Speed, measure_parts, verb="bench speed")


def measure_parts(options: Speed) -> int:
    """Print the tables of every part and size."""
    if "all" in options.models:
        names = ["short_range", *(name for name in NAMES if name != "short_range")]
        options = replace(options, models=names)
    torch.set_num_threads(options.threads)
    console = make_console(markup=True)
    for atoms in options.atoms:
        work = workload(atoms, DTYPES[options.dtype])
        for part in options.part:
            for table in TABLES[part](work, options):
                console.print(table)
    return 0


def _training(work: Workload, options: Speed) -> list[Table]:
    steps = {"mace-torch ScaleShiftMACE": mace_training(work)}
    steps |= {name: point_training(work, name) for name in options.models}
    ratios = measure(steps, rounds=options.rounds, title="training steps")
    return [_ratio_table("Training step", ratios, work, options)]


def _inference(work: Workload, options: Speed) -> list[Table]:
    steps = {"mace-torch ScaleShiftMACE": mace_inference(work)}
    steps |= {name: point_inference(work, name) for name in options.models}
    ratios = measure(steps, rounds=options.rounds, title="inference")
    return [_ratio_table("Energy and forces, converged to 1e-8 e", ratios, work, options)]


def _polar(work: Workload, options: Speed) -> list[Table]:
    steps = {
        "mace-torch ScaleShiftMACE": mace_training(work),
        "mace-torch PolarMACE, 2 updates": polar_mace_training(work),
        "scf_fixed_point": point_training(work, "scf_fixed_point"),
    }
    ratios = measure(steps, rounds=options.rounds, title="PolarMACE")
    return [_ratio_table("Training step", ratios, work, options)]


def _solvers(work: Workload, options: Speed) -> list[Table]:
    tables = []
    for update in (Update.linear, Update.mlp):
        contest = Contest(work, update=update)
        costs = compare_solvers(contest, rounds=options.rounds)
        tables.append(_solver_table(f"{update.value} update", costs, work))
        if update is not Update.linear:
            tables.append(_iteration_table(contest))
    return tables


TABLES: dict[str, Callable[[Workload, Speed], list[Table]]] = {
    "training": _training,
    "inference": _inference,
    "solvers": _solvers,
    "polar": _polar,
}


def _atoms(work: Workload) -> str:
    return f"{len(work.batch.num_atoms)} slabs of {int(work.batch.num_atoms[0])} atoms"


def _ratio_table(title: str, ratios: Sequence[Ratio], work: Workload, options: Speed) -> Table:
    table = Table(
        title=f"{title}: {_atoms(work)}, {options.dtype}, {options.threads} thread(s)",
        caption=f"medians of {options.rounds} interleaved rounds of CPU time",
    )
    table.add_column("model")
    for header in ("CPU time [s]", "ratio", "95 % interval"):
        table.add_column(escape(header), justify="right")  # a unit in brackets is no markup
    for ratio in ratios:
        interval = f"{ratio.low:.3f} to {ratio.high:.3f}"
        table.add_row(ratio.name, f"{ratio.seconds:.3f}", f"{ratio.median:.3f}", interval)
    return table


def _solver_table(title: str, costs: Sequence[SolverCost], work: Workload) -> Table:
    table = Table(
        title=f"Maps, solve and backward alone, {title}: {_atoms(work)}, float64",
        caption="errors against the first row; kept: what autograd stores for the backward pass",
    )
    table.add_column("way")
    headers = "CPU [ms]", "ratio", "95 % interval", "steps", "kept [MiB]", "error [e]", "gradient"
    for header in headers:
        table.add_column(escape(header), justify="right")
    for cost in costs:
        table.add_row(
            cost.time.name,
            f"{1e3 * cost.time.seconds:.0f}",
            f"{cost.time.median:.1f}",
            f"{cost.time.low:.1f} to {cost.time.high:.1f}",
            str(cost.iterations),
            f"{cost.kept:.0f}",
            f"{cost.density_error:.0e}",
            f"{100 * cost.gradient_error:.2g} %",
        )
    return table


def _iteration_table(contest: Contest) -> Table:
    table = Table(title="Iterations to 1e-8 e, mlp update, slowest structure")
    table.add_column("solver")
    table.add_column("iterations", justify="right")
    for solver in (Solver.newton, Solver.anderson):
        count = contest.iterations(solver)
        table.add_row(solver.value, str(count) if count >= 0 else "not converged")
    table.add_row("mixing 0.2", str(contest.mixing_steps()))
    return table
