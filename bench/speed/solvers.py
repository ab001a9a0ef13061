"""Maps, solve and their backward alone: ours against mixing loops, at equal convergence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from bench.backbone.model import NodeFeatures
from bench.config.schema import Mode, Solver
from bench.models.base import AnyMaps, Inputs
from bench.models.scf_fixed_point import ScfFixedPoint
from bench.scf.problem import Linear, LocalFixedPoint
from bench.scf.solve import solve
from bench.speed.library_loop import LibraryMaps, mixing_loop
from bench.speed.steps import point
from bench.speed.timing import Ratio, measure
from bench.speed.workload import Workload

MIXING = 0.2
MAX_MIXING_STEPS = 400
PAPER_STEPS, PAPER_MIXING = 10, 0.3
TOLERANCE = 1e-8  # e
WEAK = -3.0  # softplus of it is a fourteenth of softplus(0)


def _weaken(model: ScfFixedPoint) -> None:
    """A response so weak that mixing at 0.2 converges at all: it diverges for the initial one."""
    with torch.no_grad():
        model.gains.offset.fill_(WEAK)
        if model.nonlinear is not None:
            model.nonlinear.height.bias.fill_(WEAK)
            if model.nonlinear.gain is not None:
                last = model.nonlinear.gain[-1]
                assert isinstance(last, nn.Linear)
                last.bias.fill_(WEAK)


@dataclass(frozen=True)
class SolverCost:
    """One way to a density and its gradients.

    Attributes:
        time: CPU seconds of maps, solve and backward, relative to ours.
        iterations: most of any structure.
        kept: MiB that autograd keeps for the backward pass.
        density_error: largest error of a multipole in e (e Å).
        gradient_error: relative error of the gradient of a loss on the density.
    """

    time: Ratio
    iterations: int
    kept: float
    density_error: float
    gradient_error: float


@dataclass(frozen=True)
class Run:
    """Leaves and result of one evaluation."""

    multipoles: Tensor
    gradients: tuple[Tensor, ...]
    iterations: int


class Contest:
    """The same equations, solved in several ways.

    Args:
        work: structures.
        options: of ``scf_fixed_point``, such as its update.
    """

    def __init__(self, work: Workload, **options: object) -> None:
        model = point(work, "scf_fixed_point", **options)
        assert isinstance(model, ScfFixedPoint)
        _weaken(model)
        self.work, self.model = work, model
        with torch.no_grad():
            self.nodes = model.backbone(work.batch)

    def ours(self) -> Run:
        """Dense maps, exact solve or Newton, implicit gradients exact to second order."""
        return self._run(self.model.maps, lambda inputs: self._solved(inputs))

    def mixing(self, *, steps: int, mixing: float, library: bool) -> Run:
        """Mixing unrolled, through graph-longrange or through our own maps."""

        def build(batch: object) -> AnyMaps:
            return LibraryMaps(batch, self.model.config)  # type: ignore[arg-type]

        def loop(inputs: Inputs) -> tuple[Tensor, int]:
            problem = self.model.problem(inputs)
            assert isinstance(problem, Linear | LocalFixedPoint)
            guess = self.model.local_guess(inputs)
            return mixing_loop(problem, guess, steps=steps, mixing=mixing), steps

        return self._run(build if library else self.model.maps, loop)

    def mixing_steps(self) -> int:
        """Steps that linear mixing needs to the tolerance; the maximum where it does not get there.

        Counted on the worst structure.
        """
        with torch.no_grad():
            inputs = Inputs(self.work.batch, self.nodes, self.model.maps(self.work.batch))
            solution = solve(
                self.model.problem(inputs),
                self.model.local_guess(inputs),
                solver=Solver.mixing,
                mixing=MIXING,
                tolerance=TOLERANCE,
                max_iterations=MAX_MIXING_STEPS,
            )
        report = solution.report
        return int(report.iterations.where(report.converged, MAX_MIXING_STEPS).max())

    def iterations(self, solver: Solver) -> int:
        """Iterations of a solver to the tolerance, of the worst structure; −1 if it fails."""
        with torch.no_grad():
            inputs = Inputs(self.work.batch, self.nodes, self.model.maps(self.work.batch))
            solution = solve(
                self.model.problem(inputs),
                self.model.local_guess(inputs),
                solver=solver,
                mixing=PAPER_MIXING,
                tolerance=TOLERANCE,
            )
        return int(solution.report.iterations.max()) if solution.report.converged.all() else -1

    def _solved(self, inputs: Inputs) -> tuple[Tensor, int]:
        density = self.model.density(inputs, Mode.implicit)
        assert density.scf is not None
        return density.multipoles, int(density.scf.iterations.max())

    def _run(
        self,
        build: Callable[..., AnyMaps],
        find: Callable[[Inputs], tuple[Tensor, int]],
    ) -> Run:
        positions = self.work.batch.positions.clone().requires_grad_()
        scalars = self.nodes.scalars.clone().requires_grad_()
        batch = replace(self.work.batch, positions=positions)
        nodes = NodeFeatures(self.nodes.energy, scalars, self.nodes.vectors)
        multipoles, iterations = find(Inputs(batch, nodes, build(batch)))
        gradients = torch.autograd.grad(multipoles.square().sum(), (positions, scalars))
        return Run(multipoles.detach(), gradients, iterations)


def compare_solvers(contest: Contest, *, rounds: int) -> list[SolverCost]:
    """Ours, the converged loop and the paper's ten steps; errors against ours.

    Args:
        contest: the equations.
        rounds: of interleaved timing.
    """
    steps = contest.mixing_steps()
    ways: dict[str, Callable[[], Run]] = {
        "direct solve or Newton, implicit gradient": contest.ours,
        f"{steps} mixing steps, graph-longrange": lambda: contest.mixing(
            steps=steps, mixing=MIXING, library=True
        ),
        f"{PAPER_STEPS} mixing steps, graph-longrange": lambda: contest.mixing(
            steps=PAPER_STEPS, mixing=PAPER_MIXING, library=True
        ),
        f"{PAPER_STEPS} mixing steps, our maps": lambda: contest.mixing(
            steps=PAPER_STEPS, mixing=PAPER_MIXING, library=False
        ),
    }
    times = measure({name: _quiet(way) for name, way in ways.items()}, rounds=rounds)
    exact = contest.ours()
    return [_cost(time, way, exact) for time, way in zip(times, ways.values())]


def _quiet(way: Callable[[], Run]) -> Callable[[], None]:
    def step() -> None:
        way()

    return step


def _cost(time: Ratio, way: Callable[[], Run], exact: Run) -> SolverCost:
    run, kept = _with_kept_memory(way)
    wrong = torch.cat([(g - e).flatten() for g, e in zip(run.gradients, exact.gradients)])
    right = torch.cat([e.flatten() for e in exact.gradients])
    return SolverCost(
        time=time,
        iterations=run.iterations,
        kept=kept,
        density_error=float((run.multipoles - exact.multipoles).abs().max()),
        gradient_error=float(wrong.norm() / right.norm()),
    )


def _with_kept_memory(way: Callable[[], Run]) -> tuple[Run, float]:
    """The run, and the MiB that autograd kept for its backward pass, each storage counted once.

    An upper bound where a storage was freed and its address used again.
    """
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        run = way()
    return run, sum(sizes.values()) / 2**20
