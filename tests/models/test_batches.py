"""What is reported is the same alone and in a batch with every solver, too."""

from __future__ import annotations

import pytest

from bench.config.schema import Mode, Solver
from bench.models.self_consistent import SelfConsistentPoint
from bench.testing.batches import assert_alone_and_together_are_equal
from bench.testing.frames import bulk, cluster, slab
from tests.models.test_points import build

ITERATIVE = (
    "scf_qeq",
    "scf_response",
    "scf_levels",
    "scf_fixed_point-mlp",
    "scf_energy_functional-nonlinear",
)
SOLVERS = (Solver.krylov, Solver.newton, Solver.anderson)


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.value)
@pytest.mark.parametrize("name", ITERATIVE)
def test_every_solver(name: str, solver: Solver) -> None:
    """Beyond the dense limit, too, where nothing is a matrix."""
    limit = 0 if solver is Solver.krylov else 450
    point = build(name, solver=solver, tolerance=1e-12, dense_limit=limit)
    assert isinstance(point, SelfConsistentPoint)
    assert_alone_and_together_are_equal(
        point, Mode.implicit, structures=[cluster(), slab(), bulk()]
    )
