"""Rows that see gradients and differences of the potential: positive, local, equivariant."""

from __future__ import annotations

import ase
import numpy as np
import pytest
import torch
from torch import Tensor

from bench.models.base import Point
from bench.models.response import InsulatingResponse, Response
from bench.testing.frames import bulk, cluster, slab
from bench.testing.small import orthogonal_matrices, turned
from tests.models.test_points import batch_of, build

_, ANY_ROTATION = orthogonal_matrices()["cluster-rotated"]


def response_of(model: Point, *frames: ase.Atoms) -> Response:
    """K with rows as strong as trained ones."""
    torch.manual_seed(3)
    size = model.backbone.num_scalars
    module = InsulatingResponse(model.config, len(model.facts.elements), size).double()
    batch = batch_of(model, *frames)
    with torch.no_grad():
        module.reach.out.weight *= 10
        response: Response = module(model.backbone(batch), batch)
    return response


def matrix_of(response: Response) -> Tensor:
    """[g, m, m]."""
    size = response.local.shape[1]
    return response(torch.eye(size, dtype=torch.float64).expand(len(response.local), -1, -1))


@pytest.fixture(scope="module", params=[0, 1])
def model(request: pytest.FixtureRequest) -> Point:
    return build("local_charges", l_max=request.param)


def test_it_is_symmetric_positive_and_blind_to_a_uniform_shift(model: Point) -> None:
    matrix = matrix_of(response_of(model, slab(), bulk(), cluster()))
    torch.testing.assert_close(matrix, matrix.mT, rtol=0, atol=1e-13)
    assert float(torch.linalg.eigvalsh(matrix).min()) > -1e-12
    charges = slice(None, None, (model.config.l_max + 1) ** 2)
    assert float(matrix[:, :, charges].sum(2).abs().max()) < 1e-13
    assert float(matrix.abs().max()) > 1e-2


def test_padded_atoms_neither_answer_nor_are_answered(model: Point) -> None:
    matrix = matrix_of(response_of(model, bulk(), cluster()))
    real = 6 * (model.config.l_max + 1) ** 2  # of the two water molecules
    assert not matrix[1, real:].any() and not matrix[1, :, real:].any()
    alone = matrix_of(response_of(model, cluster()))
    torch.testing.assert_close(matrix[1, :real, :real], alone[0], rtol=0, atol=1e-13)


def test_a_gradient_moves_charge_between_neighbours() -> None:
    """From the one at higher potential to the other, as much as their difference polarises."""
    bent = torch.zeros(1, 3, 3, 3, dtype=torch.float64)
    bent[0, 0, 2] = torch.tensor([0.0, 1.0, -1.0])  # neighbours at ±x of atom 0
    local = torch.tensor([[0.0, 4.0, 4.0, 4.0] + 8 * [0.0]], dtype=torch.float64)
    response = Response(local, torch.zeros(1, 3, 3, dtype=torch.float64), bent)
    values = torch.zeros(1, 3, 4, dtype=torch.float64)
    values[0, 0, 3] = 1.0  # V/Å along x at atom 0
    answer = response(values.flatten(1)).reshape(3, 4)
    assert answer[:, 0].tolist() == [0.0, 1.0, -1.0] and answer[0, 3] == 4.0
    values = torch.zeros(1, 3, 4, dtype=torch.float64)
    values[0, 1, 0] = 1.0  # V at the neighbour
    assert response(values.flatten(1)).reshape(3, 4)[0].tolist() == [0.0, 0.0, 0.0, 1.0]


def test_charges_and_gradients_are_coupled_between_atoms() -> None:
    matrix = matrix_of(response_of(build("local_charges"), cluster())).reshape(6, 4, 6, 4)
    coupling = matrix[:, 0, :, 1:].abs().amax(2)
    assert float(coupling.max()) > 1e-3
    between = matrix[:, 1:, :, 1:].abs().amax((1, 3))
    assert float((between - between.diag().diag()).max()) == 0.0  # one atom's gradient in a row


def test_reach_ends_at_twice_the_cutoff() -> None:
    model, atoms = build("local_charges"), cluster()
    atoms.positions[3:] += [8.0, 0.0, 0.0]
    assert atoms.get_distances(0, [3, 4, 5]).min() > 2 * model.config.r_max
    matrix = matrix_of(response_of(model, atoms))[0]
    assert not matrix[:12, 12:].any() and float(matrix[:12, :12].abs().max()) > 1e-3


def test_it_turns_with_the_structure() -> None:
    model = build("local_charges")
    before, after = (
        matrix_of(response_of(model, atoms)).reshape(6, 4, 6, 4)
        for atoms in (cluster(), turned(cluster(), ANY_ROTATION))
    )
    turn = np.eye(4)
    turn[1:, 1:] = ANY_ROTATION[[1, 2, 0]][:, [1, 2, 0]]  # order (y, z, x)
    expected = torch.einsum("ab,ibjc,dc->iajd", torch.tensor(turn), before, torch.tensor(turn))
    torch.testing.assert_close(after, expected, rtol=0, atol=1e-12)


def test_some_structures_of_a_batch() -> None:
    response = response_of(build("local_charges"), slab(), bulk(), cluster())
    values = torch.randn(3, 36, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    index = torch.tensor([2, 0])
    torch.testing.assert_close(response(values[index], index), response(values)[index])
