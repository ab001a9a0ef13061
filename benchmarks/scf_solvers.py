"""Iterations and CPU time of every self-consistency solver on Pt slabs in a field.

    OMP_NUM_THREADS=1 python benchmarks/scf_solvers.py 54 108 216

Three problems with random but fixed local parameters, σ = 1.5 Å, l ≤ 1, features of 1.5 and 3.0 Å:
charge equilibration, a linear fixed point, and a saturating (asinh) fixed point.  Each solver
starts from p = 0 and goes to 1e-8; the gradient column is two chord steps and the backward pass of
Σ p².  CPU time of this process, median of the repeats; maps are assembled outside and timed alone.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from ase.build import fcc111
from torch import Tensor

from bench.density.coulomb import Maps, assemble
from bench.density.geometry import Boundary, Geometry
from bench.density.operator import CoulombOperator
from bench.density.reciprocal import half_sphere
from bench.scf.implicit import differentiable
from bench.scf.krylov import KrylovInverse
from bench.scf.problem import Constraint, Linear, LocalFixedPoint, Problem, Rows
from bench.scf.solve import (
    NEWTON_KRYLOV,
    Anderson,
    MakeInverse,
    Method,
    Mixing,
    Newton,
    dense_inverse,
    iterate,
)

SIGMA, WIDTHS = 1.5, (1.5, 3.0)  # Å
SURFACES = {24: (2, 2, 6), 54: (3, 3, 6), 108: (6, 3, 6), 216: (6, 6, 6), 432: (12, 6, 6)}


@dataclass(frozen=True)
class Solver:
    """A named way to solve: a fresh method, and the inverse that its gradient uses."""

    name: str
    method: Callable[[], Method]
    inverse: MakeInverse = dense_inverse


DENSE = (
    Solver("newton, dense", Newton),
    Solver("anderson", Anderson),
    Solver("mixing 0.2", lambda: Mixing(0.2)),
)
LOOSE = partial(KrylovInverse, tolerance=NEWTON_KRYLOV)
KRYLOV = (Solver("krylov, matrix-free", lambda: Newton(LOOSE), KrylovInverse),)


def slab(atoms: int) -> Geometry:
    """A shaken Pt(111) slab in 0.1 V/Å."""
    metal = fcc111("Pt", SURFACES[atoms], a=3.97, vacuum=10.0, orthogonal=False)
    metal.positions += 0.05 * np.random.default_rng(0).normal(size=metal.positions.shape)
    cell = metal.cell.array
    sphere = half_sphere(cell, Boundary.SLAB, narrowest_width=SIGMA, cutoff_factor=1.5)
    indices = torch.tensor(sphere, dtype=torch.float64)[None]
    return Geometry(
        positions=torch.tensor(metal.positions, dtype=torch.float64)[None],
        mask=torch.ones(1, atoms, dtype=torch.bool),
        cell=torch.tensor(cell, dtype=torch.float64)[None],
        boundary=torch.tensor([int(Boundary.SLAB)]),
        k_indices=indices,
        k_mask=torch.ones(indices.shape[:2], dtype=torch.bool),
        electric_field=torch.tensor([[0.0, 0.0, 0.1]], dtype=torch.float64),
        total_charge=torch.zeros(1, dtype=torch.float64),
    )


def constraint(maps: Maps | CoulombOperator) -> Constraint:
    """Neutral, μ free."""
    zero = torch.zeros(1, dtype=torch.float64)
    return Constraint(
        charge=maps.charge,
        total_charge=zero,
        bordered=torch.ones(1, dtype=torch.bool),
        mask=maps.mask,
        fermi_level=zero,
    )


def parameters(m: int) -> tuple[Tensor, Tensor]:
    """Source [1, m] and gain [1, m] (e/V), leaves."""
    generator = torch.Generator().manual_seed(1)
    source = 0.2 * torch.randn(1, m, dtype=torch.float64, generator=generator)
    gain = 0.05 + 0.1 * torch.rand(1, m, dtype=torch.float64, generator=generator)
    return source.requires_grad_(), gain.requires_grad_()


def equilibration(maps: Maps | CoulombOperator) -> Linear:
    """Hardness 1 / gain, electronegativity the source."""
    source, gain = parameters(maps.mask.shape[1])
    matrix: Tensor | Callable[[Tensor, Rows], Tensor]
    if isinstance(maps, Maps):
        matrix = torch.diag_embed(1 / gain) + maps.coulomb
    else:
        matrix = lambda p, rows: p / gain[rows] + maps.potential(p, rows)  # noqa: E731
    return Linear(
        constraint=constraint(maps),
        positive_definite=True,
        matrix=matrix,
        rhs=-source - maps.applied,
        column=maps.charge,
        scale=1 / gain,
    )


def fixed_point(maps: Maps | CoulombOperator, *, saturating: bool) -> LocalFixedPoint:
    """p = source − gain · (features of both widths), or its asinh."""
    atoms = maps.mask.shape[1] // 4
    source, gain = (x.reshape(1, atoms, 4) for x in parameters(4 * atoms))
    assert maps.feature_applied is not None and maps.feature_charge is not None

    def respond(u: Tensor, rows: Rows) -> Tensor:
        charge, dipole = u[..., :2].sum(2, keepdim=True), u[..., 2:5] + u[..., 5:8]
        seen = torch.cat([charge, dipole], 2)
        return source[rows] - gain[rows] * (torch.asinh(seen) if saturating else seen)

    features = maps.features if isinstance(maps, Maps) else maps.seen
    assert features is not None
    return LocalFixedPoint(
        constraint=constraint(maps),
        response_function=respond,
        features=features,
        feature_applied=maps.feature_applied,
        feature_charge=maps.feature_charge,
        num_atoms=atoms,
    )


def cpu_ms(action: Callable[[], object], repeats: int) -> float:
    """Median CPU time of this process in ms."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        times.append(1e3 * (time.process_time() - start))
    return statistics.median(times)


def row(problem: Problem, solver: Solver, repeats: int) -> str:
    """Iterations, time to solve, time of the gradient."""
    start = torch.zeros_like(problem.constraint.charge)

    def solve() -> object:
        return iterate(problem, solver.method(), start, max_iterations=300)

    solution = iterate(problem, solver.method(), start, max_iterations=300)

    def gradient() -> None:
        p, _ = differentiable(problem, solution, make_inverse=solver.inverse)
        p.square().sum().backward(retain_graph=True)

    report = solution.report
    seconds = f"{cpu_ms(solve, repeats):9.1f}"
    if not report.converged.item():
        return (
            f"{report.iterations.item():6d} {seconds}   unconverged: {report.residual.item():.1e}"
        )
    return f"{report.iterations.item():6d} {seconds} {cpu_ms(gradient, repeats):9.1f}"


def compare(atoms: int, repeats: int) -> None:
    """Print the table of one size."""
    geometry = slab(atoms)

    def build() -> Maps:
        return assemble(geometry, smearing_width=SIGMA, l_max=1, feature_widths=WIDTHS)

    maps = build()
    operator = CoulombOperator(geometry, smearing_width=SIGMA, l_max=1, feature_widths=WIDTHS)
    vectors, assembly = geometry.k_mask.shape[1], cpu_ms(build, repeats)
    print(f"\n{atoms} atoms, {vectors} reciprocal vectors, dense maps {assembly:.1f} ms")
    print(f"{'problem':16} {'solver':20} {'steps':>6} {'solve/ms':>9} {'grad/ms':>9}")
    makers: dict[str, Callable[[Maps | CoulombOperator], Problem]] = {
        "equilibration": equilibration,
        "linear": lambda m: fixed_point(m, saturating=False),
        "saturating": lambda m: fixed_point(m, saturating=True),
    }
    for name, make in makers.items():
        for problem, solvers in ((make(maps), DENSE), (make(operator), KRYLOV)):
            for solver in solvers:
                print(f"{name:16} {solver.name:20} {row(problem, solver, repeats)}", flush=True)


def main() -> None:
    """Parse the sizes and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("atoms", nargs="*", type=int, default=[54], choices=sorted(SURFACES))
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    for atoms in options.atoms:
        compare(atoms, options.repeats)


if __name__ == "__main__":
    main()
