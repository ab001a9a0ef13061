"""What holds for every self-consistent point: one density whatever the way, exact derivatives."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import ase
import numpy as np
import pytest
import torch
from torch import Tensor

from bench.config.schema import (
    Ensemble,
    Guess,
    Mode,
    ModelConfig,
    Solver,
)
from bench.density.constants import COULOMB_CONSTANT
from bench.errors import BenchError
from bench.models.base import Point, Unrolling
from bench.models.prediction import Prediction
from bench.models.registry import point_class, refuse_mode, with_options
from bench.models.scf_qeq import ScfQeq
from bench.models.self_consistent import SelfConsistentPoint
from bench.testing.frames import bulk, cluster, slab
from tests.models.test_points import batch_of, build, tiny_config

LINEAR = ("scf_qeq", "scf_response", "scf_fixed_point")  # the quadratic functional is QEq
NONLINEAR = (
    "scf_energy_functional-nonlinear",
    "scf_levels",
    "scf_fixed_point-mlp",
    "scf_fixed_point-many_body",
)
EVERY = LINEAR + NONLINEAR
VARIATIONAL = tuple(name for name in EVERY if "fixed_point" not in name)
FIXED_POINTS = tuple(name for name in EVERY if "fixed_point" in name)
SIGMA = 1.5  # Å, ``model.smearing_width``
TIGHT = 1e-12  # of the solves, so that they do not limit what is compared

cached = cache(build)  # of points that no test changes


def close(found: Tensor | None, expected: Tensor | None, atol: float) -> None:
    assert found is not None and expected is not None
    torch.testing.assert_close(found, expected, rtol=0, atol=atol, equal_nan=True)


def same(found: Prediction, expected: Prediction, atol: float) -> None:
    for name in ("energy", "forces", "multipoles", "fermi_level"):
        close(getattr(found, name), getattr(expected, name), atol)


@pytest.mark.parametrize("solver", [Solver.newton, Solver.anderson, Solver.krylov])
@pytest.mark.parametrize("name", EVERY)
def test_solvers_find_the_same_density(name: str, solver: Solver) -> None:
    reference = cached(name, tolerance=TIGHT)  # direct where linear, Newton where not
    other = build(name, solver=solver, tolerance=10 * TIGHT, max_iterations=200)
    frames = [slab(), bulk(), cluster()]
    found = other(batch_of(other, *frames))
    assert found.scf is not None and found.scf.converged.all()
    same(found, reference(batch_of(reference, *frames)), 1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_without_matrices(name: str) -> None:
    dense, free = cached(name, tolerance=TIGHT), build(name, dense_limit=1, tolerance=TIGHT)
    batch = batch_of(dense, slab(), bulk())
    expected, found = dense(batch), free(batch)
    same(found, expected, 1e-8)


@pytest.mark.parametrize("guess", [Guess.zero, Guess.reference])
@pytest.mark.parametrize("name", NONLINEAR)
def test_every_first_guess_leads_to_the_same_density(name: str, guess: Guess) -> None:
    reference, other = (
        cached(name, tolerance=TIGHT),
        build(name, initial_density=guess, tolerance=TIGHT),
    )
    batch = batch_of(reference, slab(), bulk(), cluster())
    same(other(batch), reference(batch), 1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_the_converged_unrolled_density_is_the_implicit_one(name: str) -> None:
    model = build(name, tolerance=TIGHT)
    assert isinstance(model, SelfConsistentPoint)
    batch = batch_of(model, bulk(), cluster())
    same(model(batch, mode=Mode.unrolled, unrolling=Unrolling(100, 0.3)), model(batch), 1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_few_iterations_are_reported_as_unconverged(name: str) -> None:
    model = build(name, solver=Solver.mixing, max_iterations=2)
    report = model(batch_of(model, slab(), bulk())).scf
    assert report is not None
    assert not report.converged.any() and (report.residual > 1e-6).all()


# Gradients of losses


def vector_of(model: Point) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def density_loss(prediction: Prediction) -> Tensor:
    assert prediction.multipoles is not None and prediction.fermi_level is not None
    weights = torch.arange(prediction.multipoles.numel(), dtype=torch.float64).sin()
    defined = prediction.fermi_level.nan_to_num(nan=0.0)
    return (weights * prediction.multipoles.flatten()).sum() + 0.1 * defined.square().sum()


def force_loss(prediction: Prediction) -> Tensor:
    assert prediction.forces is not None
    weights = torch.arange(prediction.forces.numel(), dtype=torch.float64).cos()
    return (weights * prediction.forces.flatten()).sum() + prediction.forces.square().sum()


def polarizability_loss(prediction: Prediction) -> Tensor:
    assert prediction.polarizability is not None
    return prediction.polarizability[:, 2, 2].square().sum()


def potential_loss(prediction: Prediction) -> Tensor:
    assert prediction.potential_error is not None
    return prediction.potential_error.square().sum()


LOSSES: dict[str, Callable[[Prediction], Tensor]] = {
    "density": density_loss,
    "force": force_loss,
    "polarizability": polarizability_loss,
    "potential": potential_loss,
}


def slope_along(model: Point, loss: str, direction: Tensor, mode: Mode) -> float:
    """dloss/dθ·direction by automatic differentiation."""
    wanted = {"compute_polarizability": loss == "polarizability"}
    wanted |= {"training": True, "unrolling": Unrolling(250, 0.1)}
    value = LOSSES[loss](model(batch_of(model, slab()), mode=mode, **wanted))
    parts = torch.autograd.grad(value, list(model.parameters()), materialize_grads=True)
    return float(torch.cat([part.flatten() for part in parts]) @ direction)


def measured_slope(model: Point, loss: str, direction: Tensor) -> float:
    """The same by five points."""
    start, step, values = vector_of(model), 1e-3, []
    for n in (-2, -1, 1, 2):
        moved = start + n * step * direction
        torch.nn.utils.vector_to_parameters(moved, model.parameters())
        wanted = {"compute_polarizability": loss == "polarizability"}
        values.append(float(LOSSES[loss](model(batch_of(model, slab()), **wanted))))
    torch.nn.utils.vector_to_parameters(start, model.parameters())
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", EVERY)
def test_the_implicit_gradient_is_exact(name: str, loss: str) -> None:
    model = build(name, tolerance=TIGHT).train()
    size = len(vector_of(model))
    direction = torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    direction = direction / direction.norm()
    implicit = slope_along(model, loss, direction, Mode.implicit)
    assert implicit == pytest.approx(measured_slope(model, loss, direction), rel=1e-6)
    # Mixing diverges on a slab of scf_qeq's hardness; 250 steps of it differentiated three times
    # would only repeat what the differences above have said.
    if name != "scf_qeq" and loss in ("density", "force"):
        unrolled = slope_along(model, loss, direction, Mode.unrolled)
        assert implicit == pytest.approx(unrolled, rel=1e-6)


@pytest.mark.parametrize("name", VARIATIONAL)
def test_an_energy_without_minimum_is_refused(name: str) -> None:
    with pytest.raises(BenchError, match=r"energy_self_interaction=false.*has no minimum"):
        build(name, energy_self_interaction=False)


# Constant charge and constant Fermi level


def at_fermi_level(name: str, fermi_level: float) -> Point:
    return build(
        name,
        tolerance=TIGHT,
        ensemble=Ensemble.constant_fermi_level,
        fermi_level=fermi_level,
    )


def charged_slab(charge: float = 0.3) -> ase.Atoms:
    atoms = slab()
    atoms.info["total_charge"] = charge
    return atoms


@pytest.mark.parametrize("name", VARIATIONAL)
def test_ensembles_agree(name: str) -> None:
    model = cached(name, tolerance=TIGHT)
    closed = model(batch_of(model, charged_slab()))
    assert closed.chemical_potential is not None
    mu = float(closed.chemical_potential[0])
    grand = at_fermi_level(name, mu)
    reservoir = grand(batch_of(grand, charged_slab()))
    close(reservoir.total_charge, closed.total_charge, 1e-8)
    close(reservoir.multipoles, closed.multipoles, 1e-8)
    close(reservoir.forces, closed.forces, 1e-8)
    close(reservoir.chemical_potential, closed.chemical_potential, 1e-12)
    close(reservoir.energy, closed.energy + mu * 0.3, 1e-8)


@pytest.mark.parametrize("name", ("scf_qeq", "scf_levels", *FIXED_POINTS))
def test_stress_at_a_fixed_fermi_level(name: str) -> None:
    """The given level moves with the cell's average potential, and the density with it."""
    model, atoms, step = at_fermi_level(name, -0.3), bulk(), 1e-4
    assert float(model.average_shift(batch_of(model, atoms))[0]) != 0.0
    stress = model(batch_of(model, atoms), compute_stress=True).stress[0]
    energies = []
    for sign in (-1, 1):
        strained, stretch = atoms.copy(), np.diag([1.0, 1.0, 1.0 + sign * step])
        strained.set_cell(atoms.cell.array @ stretch, scale_atoms=True)
        energies.append(float(model(batch_of(model, strained)).energy[0]))
    slope = (energies[1] - energies[0]) / (2 * step * atoms.get_volume())
    assert float(stress[2, 2]) == pytest.approx(slope, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("name", ("scf_qeq", "scf_energy_functional-nonlinear", *FIXED_POINTS))
def test_a_higher_level_brings_electrons(name: str) -> None:
    """In a crystal; a slab's correction makes it the other way round (see the calculator)."""
    charges = []
    for level in (-0.3, -0.2):
        model = at_fermi_level(name, level)
        charges.append(float(model(batch_of(model, bulk())).total_charge[0]))
    assert charges[1] < charges[0] - 1e-4


@pytest.mark.parametrize("loss", ["force", "polarizability"])
@pytest.mark.parametrize("name", FIXED_POINTS)
def test_a_second_derivative_is_right_whatever_the_modules_mode(name: str, loss: str) -> None:
    model = cached(name, tolerance=TIGHT)
    size = len(vector_of(model))
    direction = torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    evaluating = slope_along(model.eval(), loss, direction, Mode.implicit)
    training = slope_along(model.train(), loss, direction, Mode.implicit)
    model.eval()
    assert evaluating == pytest.approx(training, rel=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_the_response_at_the_reference_can_be_taught(name: str) -> None:
    """A stability loss acts in direct training, where instability begins."""
    model = cached(name, tolerance=TIGHT)
    options = {"mode": Mode.direct, "training": True}
    report = model(batch_of(model, slab()), report_response=True, **options).scf
    assert report is not None and report.response_max.requires_grad
    (slope,) = torch.autograd.grad(report.response_max.sum(), [model_weight(model)])
    assert slope.any()
    assert model(batch_of(model, slab()), **options).scf is None


@pytest.mark.parametrize("name", ["scf_qeq", "scf_energy_functional-nonlinear"])
@pytest.mark.parametrize(("entry", "own"), [(0, 1.0), (2, 1.0 / (6.0 * SIGMA**2))])
def test_the_direct_residual_of_an_energy_is_a_change_of_the_density(
    name: str, entry: int, own: float
) -> None:
    """The gradient over each Gaussian's own k_e / (√π σ) per e², a sixth of it over σ² per (e Å)².

    Moved between two atoms, so that the total charge stays.
    """
    model, step = cached(name), 1e-4
    own *= COULOMB_CONSTANT / (np.pi**0.5 * SIGMA)
    residual = predict_directly(model, cluster()).density_residual[:, entry]
    energies = []
    for sign in (1.0, -1.0):
        atoms = cluster()
        atoms.arrays["REF_multipoles"][[1, 4], entry] += [sign * step, -sign * step]
        energies.append(float(predict_directly(model, atoms).energy[0]))
    slope = (energies[0] - energies[1]) / (2 * step)
    assert abs(slope) > 1e-3
    assert own * float(residual[1] - residual[4]) == pytest.approx(slope, rel=1e-6)


def predict_directly(model: Point, atoms: ase.Atoms) -> Prediction:
    prediction: Prediction = model(batch_of(model, atoms), mode=Mode.direct, compute_forces=False)
    return prediction


def model_weight(model: Point) -> Tensor:
    """A weight that every response depends on: the backbone's first."""
    return next(model.backbone.parameters())


@pytest.mark.parametrize("name", VARIATIONAL)
def test_the_grand_energy_falls_with_the_fermi_level_as_the_charge_says(name: str) -> None:
    model, values, step = at_fermi_level(name, -0.2), [], 1e-3
    charge = model(batch_of(model, slab())).total_charge
    for change in (-step, step):
        model.config.fermi_level = -0.2 + change
        values.append(float(model(batch_of(model, slab()), compute_forces=False).energy[0]))
    assert charge is not None  # dΩ/dμ = Q
    assert (values[1] - values[0]) / (2 * step) == pytest.approx(float(charge[0]), abs=1e-6)


@pytest.mark.parametrize("name", FIXED_POINTS)
def test_ensembles_of_a_fixed_point_differ_by_the_gap(name: str) -> None:
    """F_μ − F_Q = −(∂E/∂Q + μ) dQ/dR: zero only where the energy is variational."""
    model, step = cached(name, tolerance=TIGHT), 1e-3
    closed = model(batch_of(model, charged_slab()))
    assert closed.chemical_potential is not None and closed.forces is not None
    mu = float(closed.chemical_potential[0])
    energies = [
        float(model(batch_of(model, charged_slab(0.3 + d))).energy[0]) for d in (-step, step)
    ]
    gap = (energies[1] - energies[0]) / (2 * step) + mu
    reported = model(batch_of(model, charged_slab()), report_response=True).fermi_level_gap
    assert reported is not None and float(reported[0]) == pytest.approx(gap, rel=3e-4)
    grand = at_fermi_level(name, mu)
    reservoir = grand(batch_of(grand, charged_slab()))
    assert reservoir.forces is not None
    close(reservoir.multipoles, closed.multipoles, 1e-8)
    charges = []
    for change in (-step, step):
        moved = charged_slab()
        moved.positions[-1, 2] += change
        charges.append(float(grand(batch_of(grand, moved)).total_charge[0]))
    flow = (charges[1] - charges[0]) / (2 * step)
    difference = float((reservoir.forces - closed.forces)[-1, 2])
    assert abs(gap) > 1e-3
    assert difference == pytest.approx(-gap * flow, rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("name", ["short_range", "fixed_charge", "local_charges", "les"])
def test_points_that_ignore_the_fermi_level_refuse_it(name: str) -> None:
    with pytest.raises(BenchError, match=r"model\.ensemble=.* has no effect"):
        build(name, ensemble=Ensemble.constant_fermi_level, fermi_level=0.0)


@pytest.mark.parametrize("name", EVERY)
def test_a_fixed_fermi_level_has_to_be_given(name: str) -> None:
    with pytest.raises(BenchError, match="needs a Fermi level"):
        model = build(name, ensemble=Ensemble.constant_fermi_level)
        model(batch_of(model, slab()))


# Slabs


def centred(height: float, *, charge: float, field: float) -> ase.Atoms:
    """The same slab in the middle of cells of different height."""
    atoms = slab(field=field, height=height)
    atoms.info["total_charge"] = charge
    atoms.positions[:, 2] += height / 2 - atoms.positions[:, 2].mean()
    return atoms


@pytest.mark.parametrize("charge,field", [(0.0, 0.0), (0.0, 0.2), (1.0, 0.0), (-1.0, 0.2)], ids=str)
@pytest.mark.parametrize("name", EVERY)
def test_vacuum_does_not_change_the_energy(name: str, charge: float, field: float) -> None:
    model = cached(name, tolerance=TIGHT)
    frames = [centred(height, charge=charge, field=field) for height in (60.0, 100.0)]
    prediction = model(batch_of(model, *frames))
    assert prediction.forces is not None
    energy = prediction.energy - prediction.baseline  # which is fitted to one volume
    close(energy[1], energy[0], 1e-6)
    forces = prediction.forces.reshape(2, -1, 3)
    close(forces[1], forces[0], 1e-6)


@pytest.mark.parametrize("charge", [0.0, 1.0])
@pytest.mark.parametrize("name", EVERY)
def test_a_slab_may_lie_anywhere(name: str, charge: float) -> None:
    model = cached(name, tolerance=TIGHT)
    here = centred(60.0, charge=charge, field=0.0)
    there = here.copy()
    there.positions[:, 2] += 17.3
    prediction = model(batch_of(model, here, there))
    close(prediction.energy[1], prediction.energy[0], 1e-8)


@pytest.mark.parametrize("name", EVERY)
def test_translating_a_slab_shifts_its_fermi_level_by_the_applied_field(name: str) -> None:
    """By E_app δ, E_app = E − 4π k_e M_z / V what is left of the felt field without the images."""
    model, shift, field = cached(name, tolerance=TIGHT), 0.7, 0.2
    here = slab(field=field)
    there = here.copy()
    there.positions[:, 2] += shift
    prediction = model(batch_of(model, here, there))
    assert prediction.fermi_level is not None and prediction.dipole is not None
    images = 4 * np.pi * COULOMB_CONSTANT * float(prediction.dipole[0, 2]) / here.get_volume()
    difference = float(prediction.fermi_level[1] - prediction.fermi_level[0])
    assert abs(images) > 1e-3
    assert difference == pytest.approx((field - images) * shift, abs=1e-8)
    close(prediction.energy[1], prediction.energy[0], 1e-8)


# Training modes


def test_a_mode_that_does_not_apply_is_refused_with_the_reason() -> None:
    with pytest.raises(BenchError, match="its density is not self-consistent"):
        refuse_mode(point_class("short_range"), tiny_config("short_range"), Mode.implicit)


def test_a_mode_that_does_not_apply_is_refused_with_the_list() -> None:
    class OnlyImplicit(ScfQeq):
        modes = (Mode.implicit, Mode.staged)

    with pytest.raises(BenchError, match="Modes that do: auto, implicit, staged"):
        refuse_mode(OnlyImplicit, ModelConfig(name="only_implicit"), Mode.unrolled)
    refuse_mode(OnlyImplicit, ModelConfig(name="only_implicit"), Mode.auto)


def test_an_unrolled_density_makes_the_steps_it_is_told() -> None:
    model = build("scf_qeq")
    batch = batch_of(model, slab(), bulk(), cluster())
    report = model(batch, mode=Mode.unrolled, unrolling=Unrolling(3, 0.07)).scf
    assert report is not None and report.iterations.tolist() == [3, 3, 3]


def test_other_options_keep_the_weights_and_leave_the_model_alone() -> None:
    model = build("scf_qeq", tolerance=TIGHT).eval()
    other = with_options(model, initial_density=Guess.zero, max_iterations=7)
    assert (other.config.max_iterations, model.config.max_iterations) == (7, 100)
    assert not other.training
    batch = batch_of(model, slab(), bulk(), cluster())
    assert torch.equal(other(batch).energy, model(batch).energy)
    with pytest.raises(BenchError, match="num_updates=4 has no effect"):
        with_options(model, num_updates=4)
