"""A local, symmetric, positive response: its sum rules, forces and chains of molecules."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import ase
import pytest
import torch
from ase.build import bulk as crystal
from ase.build import molecule
from torch import Tensor

from bench.config.schema import Ensemble, Mode
from bench.density.coulomb import Maps, coulomb_energy
from bench.errors import BenchError
from bench.models.base import Inputs, Point
from bench.models.scf_response import ScfResponse
from bench.testing.frames import bulk, cluster, labelled, slab
from tests.models.test_points import batch_of, build

FRAMES = [slab(), bulk(), cluster()]
METAL, QUARTZ, WATER = 0, 1, 2


@cache
def point(*, l_max: int = 1, metallic: bool = True) -> ScfResponse:
    model = build("scf_response", tolerance=1e-12, l_max=l_max, metallic=metallic)
    assert isinstance(model, ScfResponse)
    return model


def inputs_of(model: Point, *frames: ase.Atoms, positions: Tensor | None = None) -> Inputs:
    batch = batch_of(model, *frames)
    batch = batch if positions is None else replace(batch, positions=positions)
    return Inputs(batch, model.backbone(batch), model.matrices(batch))


def dense_response(model: ScfResponse, inputs: Inputs) -> Tensor:
    """K as matrices [g, m, m]."""
    size = inputs.maps.mask.shape[1]
    identity = torch.eye(size, dtype=torch.float64).expand(len(inputs.maps.mask), -1, -1)
    response: Tensor = model.response(inputs)(identity).detach()
    return response


def screened_response(model: ScfResponse, frame: ase.Atoms) -> Tensor:
    """dp/dv [m, m]: the density's answer to an applied potential, self-consistently."""
    inputs = inputs_of(model, frame)
    maps = inputs.maps
    assert isinstance(maps, Maps)

    def density(applied: Tensor) -> Tensor:
        changed = replace(inputs, maps=replace(maps, applied=applied))
        return model.density(changed, Mode.implicit).multipoles

    jacobian: Tensor = torch.autograd.functional.jacobian(density, maps.applied)
    return jacobian[0, :, 0]


@pytest.mark.parametrize("l_max", [0, 1])
def test_bare_response_is_local_symmetric_and_positive(l_max: int) -> None:
    model = point(l_max=l_max)
    inputs = inputs_of(model, *FRAMES)
    matrix = dense_response(model, inputs)
    torch.testing.assert_close(matrix, matrix.mT, rtol=0, atol=1e-12)
    assert float(torch.linalg.eigvalsh(matrix)[:, 0].min()) > -1e-12
    answer = torch.einsum("gij,gj->gi", matrix, inputs.maps.charge)  # to a uniform shift
    assert answer[QUARTZ].abs().max() < 1e-12 and answer[WATER].abs().max() < 1e-12
    metal = torch.isin(inputs.batch.dense(inputs.batch.atomic_numbers)[METAL], torch.tensor(13))
    assert torch.equal(answer[METAL, :: (l_max + 1) ** 2] > 1e-3, metal)


@pytest.mark.parametrize("frame", FRAMES, ids=["metal", "quartz", "water"])
def test_screened_response_is_symmetric_negative_and_conserves_charge(frame: ase.Atoms) -> None:
    matrix = screened_response(point(), frame)
    torch.testing.assert_close(matrix, matrix.mT, rtol=0, atol=1e-12)
    assert float(torch.linalg.eigvalsh(matrix)[-1]) < 1e-12
    assert float(matrix[::4].sum(0).abs().max()) < 1e-12  # no charge appears
    assert float(matrix[:, ::4].sum(1).abs().max()) < 1e-12  # nothing answers a uniform shift
    assert float(matrix.abs().max()) > 1e-2


def test_screening_weakens_the_response() -> None:
    """−dp/dv ⪯ K, because A ⪰ 0."""
    model = point()
    for frame in (bulk(), cluster()):
        bare = dense_response(model, inputs_of(model, frame))[0]
        assert float(torch.linalg.eigvalsh(bare + screened_response(model, frame))[0]) > -1e-12


def test_forces_need_no_response_of_the_density() -> None:
    """The energy at fixed p, V and μ has the same gradient: Hellmann–Feynman."""
    model = point()
    exact = model(batch_of(model, *FRAMES)).forces
    inputs = inputs_of(model, *FRAMES)
    density = model.density(inputs, Mode.implicit)
    assert density.fermi_level is not None
    p, mu = density.multipoles.detach(), density.fermi_level.detach().nan_to_num(nan=0.0)
    maps = inputs.maps
    potential = (maps.potential(p) + maps.applied + mu[:, None] * maps.charge).detach()

    positions = inputs.batch.positions.clone().requires_grad_()
    inputs = inputs_of(model, *FRAMES, positions=positions)
    answer = model.response(inputs)(potential)
    left = model.permanent(inputs) - p - 0.5 * answer
    energy = (
        inputs.nodes.energy.sum()
        + coulomb_energy(inputs.maps, p).sum()
        + (inputs.maps.applied * p).sum()
        + (left * potential).sum()
    )
    (slope,) = torch.autograd.grad(energy, positions)
    torch.testing.assert_close(-slope, exact, rtol=0, atol=1e-12)


def test_energy_of_direct_training_is_wrong_in_second_order_only() -> None:
    model = point()
    inputs = inputs_of(model, *FRAMES)
    solved = model.density(inputs, Mode.implicit)

    def energy(multipoles: Tensor) -> Tensor:
        density = replace(solved, multipoles=multipoles)
        maps, field = inputs.maps, (inputs.maps.applied * multipoles).sum(1)
        local = model.internal_energy(inputs, density)
        return (local + coulomb_energy(maps, multipoles) + field).detach()

    noise = torch.Generator().manual_seed(2)
    change = torch.randn(solved.multipoles.shape, dtype=torch.float64, generator=noise)
    change = change * inputs.maps.mask
    charge = inputs.maps.charge
    change = change - charge * ((charge * change).sum(1) / charge.sum(1))[:, None]
    start = energy(solved.multipoles)
    plus = energy(solved.multipoles + 1e-3 * change) - start
    minus = energy(solved.multipoles - 1e-3 * change) - start
    torch.testing.assert_close(plus, minus, rtol=1e-5, atol=1e-12)
    assert (plus.abs() > 1e-7).all()


@pytest.mark.parametrize("shift", [-0.7, 2.0])
def test_a_uniform_potential_moves_the_fermi_level_alone(shift: float) -> None:
    model = point()
    inputs = inputs_of(model, *FRAMES)
    maps = inputs.maps
    assert isinstance(maps, Maps)
    moved = replace(inputs, maps=replace(maps, applied=maps.applied + shift * maps.charge))
    before, after = (model.density(x, Mode.implicit) for x in (inputs, moved))
    torch.testing.assert_close(after.multipoles, before.multipoles, rtol=0, atol=1e-12)
    assert before.fermi_level is not None and after.fermi_level is not None
    change = float(after.fermi_level[METAL] - before.fermi_level[METAL])
    assert change == pytest.approx(-shift, abs=1e-12)


@pytest.mark.parametrize("mode", [Mode.direct, Mode.unrolled, Mode.implicit])
def test_insulators_have_no_fermi_level(mode: Mode) -> None:
    model = point()
    prediction = model(batch_of(model, *FRAMES), mode=mode)
    assert prediction.fermi_level.isfinite().tolist() == [True, False, False]
    assert prediction.energy.isfinite().all() and prediction.forces.isfinite().all()
    plain = point(metallic=False)
    assert plain(batch_of(plain, *FRAMES), mode=mode).fermi_level.isnan().all()


def test_at_a_fixed_fermi_level_a_metal_charges_and_an_insulator_does_not() -> None:
    model = build("scf_response", ensemble=Ensemble.constant_fermi_level, fermi_level=-1.0)
    metal = labelled(crystal("Al", a=4.05, cubic=True), seed=7)
    charges = []
    for level in (-1.0, 0.0):
        model.config.fermi_level = level
        charges.append(model(batch_of(model, metal, bulk(), cluster())).total_charge)
    assert float(charges[1][0] - charges[0][0]) < -1e-2  # a higher level brings electrons
    for charge in charges:
        assert charge[1:].tolist() == pytest.approx([1.0, 0.0], abs=1e-12)


def test_a_fixed_fermi_level_is_refused_where_nothing_responds() -> None:
    with pytest.raises(BenchError, match="nothing responds to a Fermi level"):
        build(
            "scf_response",
            metallic=False,
            ensemble=Ensemble.constant_fermi_level,
            fermi_level=-1.0,
        )


def test_no_charge_flows_beyond_the_edges() -> None:
    """Fragments keep their charge, however much a field pulls."""
    model, charges = point(), []
    for field in (0.0, 0.5):
        atoms = cluster(field=(field, 0.0, 0.0))
        atoms.positions[3:] += [4.0, 0.0, 0.0]
        assert atoms.get_distances(0, [3, 4, 5]).min() > model.config.r_max
        p = model(batch_of(model, atoms)).multipoles[:, 0]
        charges.append((p[:3].sum(), p[:3]))
    assert float(charges[1][0]) == pytest.approx(float(charges[0][0]), abs=1e-12)
    assert float((charges[1][1] - charges[0][1]).abs().max()) > 1e-3


def test_flow_through_two_images_is_the_sum_of_both() -> None:
    """A cell of one period repeats as a cell of two, edges through the faces included."""
    model = point()
    once = bulk(charge=0.0)
    twice = once.repeat((2, 1, 1))
    twice.info = once.info
    found = model(batch_of(model, twice))
    expected = model(batch_of(model, once))
    assert float(found.energy[0]) == pytest.approx(2 * float(expected.energy[0]), abs=1e-5)
    torch.testing.assert_close(
        found.multipoles, expected.multipoles.repeat(2, 1), rtol=0, atol=1e-7
    )


def chain(number: int, *, field: float) -> ase.Atoms:
    """Water molecules 2.9 Å apart along x, each donating a hydrogen bond to the next."""
    atoms = ase.Atoms(pbc=False)
    water = molecule("H2O")
    bond = water.positions[1] - water.positions[0]
    water.rotate(bond, (1, 0, 0), center=water.positions[0])
    for n in range(number):
        copy = water.copy()
        copy.positions += [2.9 * n, 0, 0]
        atoms += copy
    positions = atoms.positions.copy()
    atoms = labelled(atoms, seed=9, field=(field, 0.0, 0.0))
    atoms.positions = positions
    return atoms


def polarisability(model: Point, number: int) -> float:
    """dM_x/dE_x in e Å²/V; every point here is linear."""
    low, high = (model(batch_of(model, chain(number, field=f))).dipole[0, 0] for f in (0.0, 0.1))
    return float(high - low) / 0.1


def exponent(model: Point) -> float:
    return math.log2(polarisability(model, 16) / polarisability(model, 8))


def test_a_chain_of_molecules_polarises_molecule_by_molecule() -> None:
    response, qeq = exponent(point()), exponent(build("scf_qeq"))
    assert 1.0 <= response < 1.2
    assert qeq > 1.8  # where charge flows from end to end
