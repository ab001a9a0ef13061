"""``bench speed``: what electrostatics and self-consistency cost, as tables of ratios."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.config.schema import Solver, Update
from bench.models.registry import DTYPES, point_names
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
PARTS = ["training", "inference", "solvers", "polar"]
CLI_EXAMPLES = """examples:
  bench speed                                    training steps of four points, 54 atoms
  bench speed --part inference --models all      every point, energy and forces
  bench speed --part solvers                     our solve against mixing loops
  bench speed --atoms 24 54 108 216              several sizes"""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print.

    Args:
        argv: options; ``bench speed --help`` lists them.
    """
    options = _parse(argv)
    torch.set_num_threads(options.threads)
    console = Console()
    for atoms in options.atoms:
        work = workload(atoms, DTYPES[options.dtype])
        for part in options.part:
            for table in TABLES[part](work, options):
                console.print(table)
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench speed",
        description="Cost of points and solvers on four generated Pt slabs with water.",
        epilog=CLI_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [*point_names(), *VARIANTS]
    parser.add_argument("--models", nargs="+", default=FIRST_POINTS, choices=[*names, "all"])
    parser.add_argument("--part", nargs="+", default=["training"], choices=PARTS)
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds, at least 6")
    parser.add_argument("--atoms", type=int, nargs="+", default=[54], help="atoms per slab")
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help="of the backbone")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    options = parser.parse_args(argv)
    if options.rounds < 6:
        parser.error(f"--rounds={options.rounds}: six are the fewest that give a 95 % interval")
    if "all" in options.models:
        options.models = ["short_range", *(n for n in names if n != "short_range")]
    return options


def _training(work: Workload, options: argparse.Namespace) -> list[Table]:
    steps = {"mace-torch ScaleShiftMACE": mace_training(work)}
    steps |= {name: point_training(work, name) for name in options.models}
    ratios = measure(steps, rounds=options.rounds, title="training steps")
    return [_ratio_table("Training step", ratios, work, options)]


def _inference(work: Workload, options: argparse.Namespace) -> list[Table]:
    steps = {"mace-torch ScaleShiftMACE": mace_inference(work)}
    steps |= {name: point_inference(work, name) for name in options.models}
    ratios = measure(steps, rounds=options.rounds, title="inference")
    return [_ratio_table("Energy and forces, converged to 1e-8 e", ratios, work, options)]


def _polar(work: Workload, options: argparse.Namespace) -> list[Table]:
    steps = {
        "mace-torch ScaleShiftMACE": mace_training(work),
        "mace-torch PolarMACE, 2 updates": polar_mace_training(work),
        "scf_fixed_point": point_training(work, "scf_fixed_point"),
    }
    ratios = measure(steps, rounds=options.rounds, title="PolarMACE")
    return [_ratio_table("Training step", ratios, work, options)]


def _solvers(work: Workload, options: argparse.Namespace) -> list[Table]:
    tables = []
    for update in (Update.linear, Update.mlp):
        contest = Contest(work, update=update)
        costs = compare_solvers(contest, rounds=options.rounds)
        tables.append(_solver_table(f"{update.value} update", costs, work))
        if update is not Update.linear:
            tables.append(_iteration_table(contest))
    return tables


TABLES: dict[str, Callable[[Workload, argparse.Namespace], list[Table]]] = {
    "training": _training,
    "inference": _inference,
    "solvers": _solvers,
    "polar": _polar,
}


def _atoms(work: Workload) -> str:
    return f"{len(work.batch.num_atoms)} slabs of {int(work.batch.num_atoms[0])} atoms"


def _ratio_table(
    title: str, ratios: Sequence[Ratio], work: Workload, options: argparse.Namespace
) -> Table:
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
