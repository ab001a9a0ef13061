"""The loss on the response's eigenvalues reaches the parameters."""

from __future__ import annotations

import pytest
import torch

from bench.config.schema import Mode
from bench.models.base import Point
from bench.testing.frames import bulk, slab
from tests.models.test_points import batch_of, build

# a parameter of the response of each point
RESPONSES = {
    "scf_qeq": "hardness.offset",
    "scf_fixed_point": "gains.offset",
    "scf_fixed_point-mlp": "nonlinear.steepness",
    "scf_levels": "number.offset",
    "scf_response": "insulating.polarisability.offset",
}


def smallest_eigenvalue(model: Point) -> torch.Tensor:
    prediction = model(batch_of(model, slab(), bulk()), training=True, report_response=True)
    return prediction.scf.response_min.sum()


@pytest.mark.parametrize("name", RESPONSES)
def test_gradient_of_an_eigenvalue_is_its_finite_difference(name: str) -> None:
    model = build(name).train()
    parameter = model.get_parameter(RESPONSES[name])
    (gradient,) = torch.autograd.grad(smallest_eigenvalue(model), parameter)
    values, step = [], 1e-4
    for sign in (1, -1):
        with torch.no_grad():
            parameter.flatten()[0] += sign * step
        values.append(float(smallest_eigenvalue(model)))
        with torch.no_grad():
            parameter.flatten()[0] -= sign * step
    slope = (values[0] - values[1]) / (2 * step)
    assert slope == pytest.approx(float(gradient.flatten()[0]), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("mode", [Mode.unrolled, Mode.implicit])
def test_eigenvalues_can_be_trained_in_every_mode_that_solves(mode: Mode) -> None:
    model = build("scf_fixed_point").train()
    prediction = model(batch_of(model, slab()), mode=mode, training=True, report_response=True)
    assert prediction.scf.response_min.requires_grad
