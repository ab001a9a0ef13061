"""Points whose density solves equations: one way from the equations to energy and gradients."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from bench.config.key import keys_in
from bench.config.schema import SELF_CONSISTENCY, Ensemble, Guess, Mode, ModelConfig, Solver
from bench.data.batch import Batch
from bench.density.coulomb import Maps, own_entries
from bench.errors import BenchError
from bench.models.base import Density, Inputs, Point
from bench.models.facts import TrainingFacts
from bench.scf.direct import direct_report, solve_bordered
from bench.scf.implicit import CHORD_STEPS, differentiable, solve_matrix_free, unrolled
from bench.scf.krylov import KrylovInverse
from bench.scf.problem import Constraint, Linear, Problem
from bench.scf.report import nothing_solved
from bench.scf.solve import Inverse, Solution, dense_inverse, solve, with_response

CHORD_STEPS_FOR_FORCES = 1  # first derivatives; training on forces needs two


class SelfConsistentPoint(Point):
    """A point that states its equations as a ``Problem`` and leaves the rest to this class.

    Raises:
        BenchError: a variational point whose energy would have no minimum.
    """

    predicts: ClassVar[frozenset[str]] = frozenset(
        {"multipoles", "dipole", "fermi_level", "polarizability"}
    )
    options: ClassVar[frozenset[str]] = Point.options | keys_in(ModelConfig, SELF_CONSISTENCY)
    modes: ClassVar[tuple[Mode, ...]] = (Mode.direct, Mode.unrolled, Mode.implicit, Mode.staged)

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        if self.variational and not config.energy_self_interaction:
            raise BenchError(
                f"model.energy_self_interaction=false: model={config.name} minimises its energy, "
                "which has no minimum without the atoms' own Gaussians.",
                "Leave it out, or use a point that reads its density off the atoms' surroundings.",
            )
        super().__init__(config, facts, dtype=dtype)

    @abstractmethod
    def problem(self, inputs: Inputs) -> Problem:
        """The equations of the batch's densities."""

    @abstractmethod
    def local_guess(self, inputs: Inputs) -> Tensor:
        """[g, m] where iterations start: what the atoms would carry without each other."""

    def density(self, inputs: Inputs, mode: Mode) -> Density:
        """The density by the mode asked for; at a converged one, every derivative is exact."""
        problem = self.problem(inputs)
        if mode is Mode.direct:
            density = self.at_reference(problem, inputs)
            if not inputs.report_response:
                return density
            density = replace(density, scf=nothing_solved(inputs.batch.total_charge))
        elif mode is Mode.unrolled:
            steps, mixing = inputs.unrolling.steps, inputs.unrolling.mixing
            solution = unrolled(problem, self.guess(inputs), steps=steps, mixing=mixing)
            density = Density(solution.p, solution.mu, scf=solution.report)
        else:
            density = self.converged(problem, inputs)
        if inputs.report_response and self._dense(inputs):  # matrix-free it would cost too much
            dense = isinstance(inputs.maps, Maps)
            whole = inputs if dense else replace(inputs, maps=self.matrices(inputs.batch))
            assert density.scf is not None and density.fermi_level is not None
            report = with_response(
                self.problem(whole),
                density.multipoles,
                density.fermi_level,
                density.scf,
                differentiable=inputs.training,
            )
            return replace(density, scf=report)
        return density

    def _dense(self, inputs: Inputs) -> bool:
        """Whether the structures are small enough for matrices."""
        return inputs.maps.charge.shape[1] <= self.config.dense_limit * (self.config.l_max + 1) ** 2

    def at_reference(self, problem: Problem, inputs: Inputs) -> Density:
        """Direct training: the energy at the reference density, and what one update changes there.

        The energy of the updated density would be no use: what one update leaves wrong, A
        amplifies a hundredfold.  Forces at the reference leave out how the density follows the
        atoms; without a variational energy that is wrong by some 15 %, which the converged stage
        has to mend.
        """
        reference = inputs.reference_density(self.config.l_max)
        once = unrolled(problem, reference, steps=1, mixing=1.0)
        return Density(reference, once.mu, residual=once.p - reference)

    def converged(self, problem: Problem, inputs: Inputs) -> Density:
        """The self-consistent density as a differentiable function of all parameters.

        Solved with matrices that no derivative passes through; chord steps with the same
        inverse then differentiate products alone.
        """
        if isinstance(inputs.maps, Maps) and isinstance(problem, Linear) and self._is_direct:
            return _direct_density(problem, self.config.tolerance)
        if not self._dense(inputs):
            return self._matrix_free(problem, inputs)
        with torch.no_grad():
            fixed = self.problem(_detached(inputs, self.matrices))
            solution = self._solution(fixed, inputs, self.config.solver)

        def inverse(part: Problem, p: Tensor, mu: Tensor) -> Inverse:
            same = fixed if isinstance(part.rows, slice) else fixed.take(part.rows)
            return dense_inverse(same, p, mu)

        steps = _chord_steps(inputs)
        p, mu = differentiable(problem, solution, make_inverse=inverse, steps=steps)
        return Density(p, mu, scf=solution.report)

    def _matrix_free(self, problem: Problem, inputs: Inputs) -> Density:
        """For structures whose matrices would cost more than Krylov iterations."""
        if isinstance(problem, Linear) and self._is_direct:
            p, mu, report = solve_matrix_free(problem, tolerance=self.config.tolerance)
            return Density(p, mu, scf=report)
        auto = self.config.solver is Solver.auto
        solution = self._solution(problem, inputs, Solver.krylov if auto else self.config.solver)
        steps = _chord_steps(inputs)
        p, mu = differentiable(problem, solution, make_inverse=KrylovInverse, steps=steps)
        return Density(p, mu, scf=solution.report)

    def _solution(self, problem: Problem, inputs: Inputs, solver: Solver) -> Solution:
        """Detached, by the direct solve or by iteration."""
        config = self.config
        if isinstance(problem, Linear) and self._is_direct and isinstance(problem.matrix, Tensor):
            density = _direct_density(problem, config.tolerance)
            assert density.fermi_level is not None and density.scf is not None
            return Solution(density.multipoles, density.fermi_level, density.scf)
        return solve(
            problem,
            self.guess(inputs),
            solver=solver,
            mixing=config.mixing,
            tolerance=config.tolerance,
            max_iterations=config.max_iterations,
        )

    @property
    def _is_direct(self) -> bool:
        return self.config.solver in (Solver.auto, Solver.direct)

    def guess(self, inputs: Inputs) -> Tensor:
        """[g, m] the first density that the configuration asks for."""
        if self.config.initial_density is Guess.reference:
            return inputs.reference_density(self.config.l_max)
        local = inputs.once(self.local_guess)
        return local if self.config.initial_density is Guess.local else torch.zeros_like(local)

    def reservoir_energy(self, batch: Batch, total_charge: Tensor) -> Tensor:
        """[g] μQ at a fixed Fermi level, so that the energy is Ω = E + μQ, and the baseline's
        share of charge that the batch's total charge does not know of."""
        extra = (total_charge - batch.total_charge) * self.average_shift(batch)
        return self.fixed_fermi_level * total_charge + extra

    @property
    def fixed_fermi_level(self) -> float:
        """The Fermi level (eV) that the configuration fixes.

        Raises:
            BenchError: the ensemble needs one and there is none.
        """
        if self.config.fermi_level is None:
            raise BenchError(
                "model.ensemble=constant_fermi_level needs a Fermi level.",
                "Set model.fermi_level in eV, as in a prediction's chemical_potential.",
            )
        return self.config.fermi_level

    def constraint(self, inputs: Inputs, *, responds: Tensor | None = None) -> Constraint:
        """What fixes μ.

        Args:
            inputs: the batch.
            responds: [g] bool, structures whose charge responds to μ; all unless given.
        """
        batch, maps = inputs.batch, inputs.maps
        everywhere = torch.ones_like(batch.total_charge, dtype=torch.bool)
        bordered = everywhere if responds is None else responds
        given = torch.zeros_like(batch.total_charge)
        if self.config.ensemble is Ensemble.constant_fermi_level:
            bordered = torch.zeros_like(bordered)
            given = given + self.fixed_fermi_level + self.average_shift(batch)
        return Constraint(
            charge=maps.charge,
            total_charge=batch.total_charge,
            bordered=bordered,
            mask=maps.mask,
            fermi_level=given,
        )


class VariationalPoint(SelfConsistentPoint):
    """A point whose density minimises its energy at Σq = Q."""

    def at_reference(self, problem: Problem, inputs: Inputs) -> Density:
        """Direct training: energy and its gradient at the reference, at fixed Q (eq 75).

        Over the second derivative of each Gaussian's own Coulomb energy the gradient is a change
        of the density, as comparable with its labels as a fixed point's.
        """
        reference = inputs.reference_density(self.config.l_max)
        gradient = -problem.residual(reference, torch.zeros_like(inputs.batch.total_charge))
        charge = inputs.maps.charge
        mean = (gradient * charge).sum(1) / charge.sum(1)  # −μ, were it stationary
        width, geometry = self.config.smearing_width, inputs.batch.geometry()
        own = own_entries(geometry, width, width, self.config.l_max)
        change = (gradient - mean[:, None] * charge) / own.where(inputs.maps.mask, 1.0)
        return Density(reference, -mean, residual=change)


def _chord_steps(inputs: Inputs) -> int:
    return CHORD_STEPS if inputs.training else CHORD_STEPS_FOR_FORCES


def _detached(inputs: Inputs, matrices: Callable[[Batch], Maps]) -> Inputs:
    """The same inputs with matrices, without any graph."""
    batch = replace(
        inputs.batch, positions=inputs.batch.positions.detach(), cell=inputs.batch.cell.detach()
    )
    maps = inputs.maps.detached() if isinstance(inputs.maps, Maps) else matrices(batch)
    return Inputs(batch, inputs.nodes.detached(), maps)


def _direct_density(problem: Linear, tolerance: float) -> Density:
    """One bordered solve, differentiable through its matrix."""
    assert isinstance(problem.matrix, Tensor)
    limits = problem.constraint
    p, mu = solve_bordered(
        problem.matrix,
        problem.rhs - limits.fermi_level[:, None] * problem.column,
        limits.charge,
        limits.total_charge,
        limits.bordered,
        limits.mask,
        column=problem.column,
    )
    mu = torch.where(limits.bordered, mu, limits.fermi_level)
    with torch.no_grad():
        report = direct_report(
            problem.residual(p, mu), limits.error(p, mu), limits.mask, tolerance=tolerance
        )
    return Density(p, mu, scf=report)
