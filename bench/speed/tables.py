"""Costs as tables: ratios of CPU time with intervals, and what solvers keep and miss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from rich.markup import escape
from rich.table import Table

from bench.config.schema import Solver, Update
from bench.models.registry import DTYPES, class_of
from bench.speed import files
from bench.speed.marks import Mark, last_marks, reached, seconds_to
from bench.speed.memory import peak_memory
from bench.speed.options import Speed
from bench.speed.solvers import Contest, SolverCost, compare_solvers
from bench.speed.steps import (
    mace_inference,
    mace_training,
    point,
    point_inference,
    point_training,
    point_training_behind,
    polar_mace_training,
)
from bench.speed.timing import Ratio, measure
from bench.speed.workload import Workload, workload

MACE = "mace-torch ScaleShiftMACE"


@dataclass(frozen=True)
class Measured:
    """A table, and the same numbers as rows of a file.

    Attributes:
        table: to print.
        rows: cells by column of ``bench.speed.files``; none where nothing is worth a file.
    """

    table: Table
    rows: list[files.Row] = field(default_factory=list)


def tables(options: Speed) -> Iterator[Table]:
    """The tables of every size and part, each measured when it is asked for, and then written.

    Raises:
        BenchError: a size that makes no slab with whole molecules, or a file in the way.
    """
    torch.set_num_threads(options.threads)
    if options.out:
        for part in options.part:
            files.read(Path(options.out) / f"{part}.csv", part)  # before hours of measuring
    for atoms in options.atoms:
        work = workload(atoms, DTYPES[options.dtype])
        for part in options.part:
            for measured in TABLES[part](work, options):
                if options.out and measured.rows:
                    _write(measured.rows, part, atoms, options)
                yield measured.table


def _write(rows: Sequence[files.Row], part: str, atoms: int, options: Speed) -> None:
    dtype = SOLVERS_DTYPE if part == "solvers" else options.dtype
    setting = {"atoms": atoms, "dtype": dtype, "threads": options.threads}
    files.write(Path(options.out), part, setting, rows)


def _training(work: Workload, options: Speed) -> list[Measured]:
    steps = {MACE: mace_training(work)}
    steps |= {name: point_training(work, name) for name in options.points()}
    ratios = measure(steps, rounds=options.rounds, title="training steps")
    return [_ratios("Training step", ratios, work, options)]


def _memory(work: Workload, options: Speed) -> list[Measured]:
    steps = {MACE: mace_training(work)}
    steps |= {name: point_training(work, name) for name in options.points()}
    peaks = {name: peak_memory(step) for name, step in steps.items()}
    return [Measured(_memory_table(peaks, work, options), _memory_rows(peaks))]


def _share(work: Workload, options: Speed) -> list[Measured]:
    """Of each point with a density its step, and beside it the same without the backbone."""
    shares = []
    for name in options.points():
        behind = point_training_behind(work, name)
        if behind is not None:
            steps = {name: point_training(work, name), f"{name} behind the backbone": behind}
            share = measure(steps, rounds=options.rounds, title=name)[1]
            shares.append(replace(share, name=name))
    title = "Share of a training step behind the backbone: maps, solve, energy, losses, backward"
    return [_ratios(title, shares, work, options)]


def _matrices(work: Workload, options: Speed) -> list[Measured]:
    """Where model.dense_limit belongs: from which size on a solve without matrices is cheaper."""
    steps = {"short_range": point_training(work, "short_range")}
    for name in options.points():
        if DENSE_LIMIT in class_of(point(work, name).config).options:
            for way, limit in WAYS.items():
                steps[f"{name}, {way}"] = point_training(work, name, dense_limit=limit)
    ratios = measure(steps, rounds=options.rounds, title="with and without matrices")
    return [_ratios("Training step", ratios, work, options)]


def _inference(work: Workload, options: Speed) -> list[Measured]:
    steps = {MACE: mace_inference(work)}
    steps |= {name: point_inference(work, name) for name in options.points()}
    ratios = measure(steps, rounds=options.rounds, title="inference")
    return [_ratios("Energy and forces, converged to 1e-8 e", ratios, work, options)]


def _polar(work: Workload, options: Speed) -> list[Measured]:
    steps = {
        MACE: mace_training(work),
        "mace-torch PolarMACE, 2 updates": polar_mace_training(work),
        "scf_fixed_point": point_training(work, "scf_fixed_point"),
    }
    ratios = measure(steps, rounds=options.rounds, title="PolarMACE")
    return [_ratios("Training step", ratios, work, options)]


def _solvers(work: Workload, options: Speed) -> list[Measured]:
    tables = []
    for update in (Update.linear, Update.mlp):
        contest = Contest(work, update=update)
        costs = compare_solvers(contest, rounds=options.rounds)
        rows = [files.solver_row(update.value, cost, options.rounds) for cost in costs]
        tables.append(Measured(_solver_table(f"{update.value} update", costs, work), rows))
        if update is not Update.linear:
            tables.append(Measured(_iteration_table(contest)))
    return tables


DENSE_LIMIT = "dense_limit"  # atoms; the key of points that are self-consistent
SOLVERS_DTYPE = "float64"  # in which all maps and solves are
WAYS = {"matrices": 10**6, "matrix-free": 1}  # dense_limit in atoms

TABLES: dict[str, Callable[[Workload, Speed], list[Measured]]] = {
    "training": _training,
    "inference": _inference,
    "memory": _memory,
    "share": _share,
    "matrices": _matrices,
    "solvers": _solvers,
    "polar": _polar,
}


def _atoms(work: Workload) -> str:
    return f"{len(work.batch.num_atoms)} slabs of {int(work.batch.num_atoms[0])} atoms"


def _ratios(title: str, ratios: Sequence[Ratio], work: Workload, options: Speed) -> Measured:
    rows = [files.ratio_row(ratio, options.rounds) for ratio in ratios]
    return Measured(_ratio_table(title, ratios, work, options), rows)


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


def accuracy_table(marks: Sequence[Mark]) -> Table:
    """Each program's end, and when its force error falls below the slowest one's last."""
    table = Table(title="Time to accuracy: forces of the pt_water test set, one thread")
    table.add_column("program")
    target = reached(marks)
    for header in ("steps", "CPU time [s]", "forces RMSE [meV/Å]", f"CPU time to {target:.0f} [s]"):
        table.add_column(escape(header), justify="right")
    for program, mark in last_marks(marks).items():
        cells = str(mark.step), f"{mark.seconds:.0f}", f"{mark.forces:.1f}"
        table.add_row(program, *cells, f"{seconds_to(marks, program, target):.0f}")
    return table


def _memory_rows(peaks: dict[str, float]) -> list[files.Row]:
    reference = next(iter(peaks.values()))
    return [
        {"name": name, "peak [MiB]": peak, "ratio": peak / reference}
        for name, peak in peaks.items()
    ]


def _memory_table(peaks: dict[str, float], work: Workload, options: Speed) -> Table:
    """MiB by name, and relative to the first."""
    table = Table(
        title=f"Peak memory of a training step: {_atoms(work)}, {options.dtype}",
        caption="what torch's allocator holds beyond weights, optimiser state and batch",
    )
    table.add_column("model")
    for header in ("peak [MiB]", "ratio"):
        table.add_column(escape(header), justify="right")
    reference = next(iter(peaks.values()))
    for name, peak in peaks.items():
        table.add_row(name, f"{peak:.0f}", f"{peak / reference:.3f}")
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
