"""Whatever is reported of a structure is the same alone and beside smaller and larger ones."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import ase
import pytest
import torch
from torch import Tensor

from bench.config.schema import Mode, Solver
from bench.models.base import Point
from bench.models.self_consistent import SelfConsistentPoint
from tests.models.test_points import POINTS, batch_of, build
from tests.structures import bulk, cluster, labelled, slab

ITERATIVE = (
    "scf_qeq",
    "scf_response",
    "scf_levels",
    "scf_fixed_point-mlp",
    "scf_energy_functional-nonlinear",
)
SOLVERS = (Solver.krylov, Solver.newton, Solver.anderson)


def frames() -> list[ase.Atoms]:
    """Three boundary conditions, each beside structures with fewer and with more atoms."""
    wide = slab().repeat((2, 1, 1))
    wide = labelled(wide, seed=5, field=[0, 0, 0.1])
    return [cluster(), slab(), bulk(), wide, slab(field=-0.1), bulk(charge=0.0)]


def reported(value: Any, prefix: str = "") -> dict[str, Tensor]:
    """Every tensor of a prediction and of the report inside it, by name."""
    found: dict[str, Tensor] = {}
    for field in fields(value):
        inner = getattr(value, field.name)
        if is_dataclass(inner):
            found |= reported(inner, f"{field.name}.")
        elif isinstance(inner, Tensor):
            found[prefix + field.name] = inner
    return found


def assert_alone_and_together_are_equal(point: Point, mode: Mode) -> None:
    structures = frames()
    wanted = {"mode": mode, "report_response": True, "compute_polarizability": True}
    together = reported(point(batch_of(point, *structures), **wanted))
    alone = [reported(point(batch_of(point, atoms), **wanted)) for atoms in structures]
    assert set(together) == set(alone[0])
    for name, found in together.items():
        if name in ("scf.iterations", "scf.residual"):  # how, not what; judged by its tolerance
            continue
        expected = torch.cat([prediction[name] for prediction in alone])
        scale = max(1.0, float(expected.double().nan_to_num().abs().max()))
        same = torch.isclose(found, expected, rtol=0, atol=1e-10 * scale, equal_nan=True)
        assert same.all(), f"{name}: {found} together, {expected} alone"


@pytest.mark.parametrize("name", POINTS)
def test_every_mode(name: str) -> None:
    point = build(name)
    for mode in point.modes or (Mode.implicit,):
        if mode is not Mode.staged:
            assert_alone_and_together_are_equal(point, mode)


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.value)
@pytest.mark.parametrize("name", ITERATIVE)
def test_every_solver(name: str, solver: Solver) -> None:
    """Beyond the dense limit, too, where nothing is a matrix."""
    limit = 0 if solver is Solver.krylov else 450
    point = build(name, solver=solver, tolerance=1e-12, dense_limit=limit)
    assert isinstance(point, SelfConsistentPoint)
    assert_alone_and_together_are_equal(point, Mode.implicit)
