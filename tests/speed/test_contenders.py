"""What is timed is the same physics: contenders agree where they should."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bench.config.schema import Solver, Update
from bench.errors import BenchError
from bench.speed.solvers import Contest
from bench.speed.steps import mace_data
from bench.speed.workload import Workload, workload


@pytest.fixture(scope="module")
def work() -> Workload:
    whole = workload(24, torch.float64)
    return replace(whole, config=replace(whole.config, num_channels=4, correlation=2))


def test_slabs_have_the_atoms_that_were_asked_for(work: Workload) -> None:
    assert work.batch.num_atoms.tolist() == [24] * 4
    with pytest.raises(BenchError, match="whole number of molecules"):
        workload(25, torch.float32)


@pytest.mark.parametrize("update", [Update.linear, Update.mlp])
def test_the_converged_library_loop_gives_our_density_and_gradient(
    work: Workload, update: Update
) -> None:
    contest = Contest(work, update=update)
    ours = contest.ours()
    steps = contest.mixing_steps()
    loop = contest.mixing(steps=steps + 20, mixing=0.2, library=True)
    torch.testing.assert_close(loop.multipoles, ours.multipoles, rtol=0, atol=1e-8)
    for found, expected in zip(loop.gradients, ours.gradients):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)
    assert contest.iterations(Solver.newton) <= 8 < steps


def test_dense_and_library_loops_take_the_same_steps(work: Workload) -> None:
    contest = Contest(work)
    dense = contest.mixing(steps=3, mixing=0.3, library=False)
    library = contest.mixing(steps=3, mixing=0.3, library=True)
    torch.testing.assert_close(dense.multipoles, library.multipoles, rtol=0, atol=1e-9)


def test_mace_is_given_the_same_edges(work: Workload) -> None:
    data = mace_data(work.batch)
    sender, receiver = data["edge_index"]
    vectors = data["positions"][receiver] - data["positions"][sender] + data["shifts"]
    expected = work.batch.edge_vectors().to(work.batch.node_attrs.dtype)
    torch.testing.assert_close(vectors, expected)
