"""States filled by one Fermi level: convex, whole charges in a gap, corners of E(Q), metals."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import ase
import numpy as np
import pytest
import torch
from ase.build import bulk as crystal
from ase.build import molecule
from torch import Tensor

from bench.config.schema import Ensemble, Mode
from bench.density.coulomb import Maps, coulomb_energy
from bench.models.base import Inputs, Point
from bench.models.scf_levels import EDGE, ScfLevels, States
from bench.probes.materials import ion_pair
from bench.testing.frames import bulk, cluster, labelled, slab
from tests.models.test_points import batch_of, build

FRAMES = (slab(), bulk(), cluster())
METAL, QUARTZ, WATER = 0, 1, 2


@cache
def point(*, l_max: int = 1) -> ScfLevels:
    model = build("scf_levels", tolerance=1e-12, l_max=l_max)
    assert isinstance(model, ScfLevels)
    return model


def inputs_of(model: Point, *frames: ase.Atoms, positions: Tensor | None = None) -> Inputs:
    batch = batch_of(model, *frames)
    batch = batch if positions is None else replace(batch, positions=positions)
    return Inputs(batch, model.backbone(batch), model.matrices(batch))


def some_states(*, width: float = 0.3) -> States:
    """Two atoms with one donor and one acceptor each, the second one padded."""
    return States(
        sign=torch.tensor([-1.0, 1.0], dtype=torch.float64),
        level=torch.tensor([[[-1.0, 2.0], [0.0, 0.0]]], dtype=torch.float64),
        number=torch.tensor([[[2.0, 1.0], [0.0, 0.0]]], dtype=torch.float64),
        inverse_width=torch.tensor([[[1 / width] * 2, [0.0] * 2]], dtype=torch.float64),
        continuum=torch.tensor([[0.05, 0.0]], dtype=torch.float64),
        components=1,
    )


def at(*potentials: float) -> Tensor:
    """[p, 2]: the potentials in V at the first atom, one structure each."""
    first = torch.tensor(potentials, dtype=torch.float64)[:, None]
    return torch.cat([first, torch.full_like(first, 0.7)], 1)


@pytest.mark.parametrize(
    ("potential", "charge"), [(-6.0, 2.0), (-1.0, 1.0), (0.5, 0.0), (2.0, -0.5), (8.0, -1.0)]
)
def test_a_donor_empties_below_its_level_and_an_acceptor_fills_above(
    potential: float, charge: float
) -> None:
    """Half filled at the level itself; two electrons in the donor, one in the acceptor."""
    states = some_states(width=0.05)
    assert float(states.filling(at(potential), slice(None))[0][0, 0]) == pytest.approx(
        charge, abs=1e-3
    )
    assert float(states.filling(at(potential), slice(None))[0][0, 1]) == 0.0


@pytest.mark.parametrize("potential", [-14.0, -12.0, -3.0, -0.9, 0.0, 2.2, 11.95, 40.0])
def test_charges_and_slopes_are_derivatives_of_a_convex_function(potential: float) -> None:
    states, value = some_states(), at(potential).requires_grad_()
    (first,) = torch.autograd.grad(states.energy(value).sum(), value, create_graph=True)
    torch.testing.assert_close(states.filling(value, slice(None))[0], -first, rtol=0, atol=1e-12)
    (second,) = torch.autograd.grad(first[0, 0], value)
    torch.testing.assert_close(states.filling(value, slice(None))[1], second, rtol=1e-6, atol=1e-12)
    assert float(second[0, 0]) > 1e-7  # the Fermi level is determined everywhere


def test_charge_beyond_all_states_goes_to_the_continuum() -> None:
    """Constant density of states: 0.05 e for every volt beyond the edge."""
    states = some_states()
    charges = states.filling(at(EDGE + 1.0, EDGE + 3.0), slice(None))[0][:, 0]
    assert float(charges[1] - charges[0]) == pytest.approx(-0.1, rel=1e-3)


def charge_response(model: ScfLevels, frame: ase.Atoms) -> float:
    """−dQ/dμ in e/V."""
    inputs = inputs_of(model, frame)
    density = model.density(inputs, Mode.implicit)
    assert density.fermi_level is not None
    _, column = model.problem(inputs).linearise(density.multipoles, density.fermi_level)
    return float((column * inputs.maps.charge).sum())


def test_a_metal_answers_the_fermi_level_and_a_gap_does_not() -> None:
    responses = [charge_response(point(), frame) for frame in (slab(), bulk(charge=0.0), cluster())]
    assert responses[METAL] > 0.1
    assert 1e-6 < responses[QUARTZ] < 1e-4 and 1e-6 < responses[WATER] < 1e-4


def screened_response(model: ScfLevels, frame: ase.Atoms) -> Tensor:
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
@pytest.mark.parametrize("frame", FRAMES, ids=["metal", "charged quartz", "water"])
def test_response_is_symmetric_negative_and_conserves_charge(frame: ase.Atoms, l_max: int) -> None:
    matrix = screened_response(point(l_max=l_max), frame)
    charges = slice(None, None, (l_max + 1) ** 2)
    torch.testing.assert_close(matrix, matrix.mT, rtol=0, atol=1e-12)
    assert float(torch.linalg.eigvalsh(matrix)[-1]) < 1e-11
    assert float(matrix[charges].sum(0).abs().max()) < 1e-11  # no charge appears
    assert float(matrix[:, charges].sum(1).abs().max()) < 1e-11  # nothing answers a uniform shift
    assert float(matrix.abs().max()) > 1e-2


def test_forces_need_no_response_of_the_density() -> None:
    """The energy at fixed p, V and μ has the same gradient: Hellmann–Feynman."""
    model = point()
    exact = model(batch_of(model, *FRAMES)).forces
    inputs = inputs_of(model, *FRAMES)
    density = model.density(inputs, Mode.implicit)
    assert density.fermi_level is not None
    p, mu, maps = density.multipoles.detach(), density.fermi_level.detach(), inputs.maps
    potential = (maps.potential(p) + maps.applied + mu[:, None] * maps.charge).detach()

    positions = inputs.batch.positions.clone().requires_grad_()
    inputs = inputs_of(model, *FRAMES, positions=positions)
    left = model.permanent(inputs) - p - 0.5 * model.response(inputs)(potential)
    energy = (
        inputs.nodes.energy.sum()
        + coulomb_energy(inputs.maps, p).sum()
        + (inputs.maps.applied * p).sum()
        + (left * potential).sum()
        - model.states(inputs).energy(potential).sum()
    )
    (slope,) = torch.autograd.grad(energy, positions)
    torch.testing.assert_close(-slope, exact, rtol=0, atol=1e-11)


def level_at(model: Point, charge: float) -> float:
    prediction = model(batch_of(model, bulk(charge=charge)), compute_forces=False)
    assert prediction.chemical_potential is not None
    return float(prediction.chemical_potential[0])


def test_the_energy_of_quartz_has_a_corner_at_its_whole_charge() -> None:
    """−∂E/∂Q jumps by the gap between its donors and acceptors, and by nothing elsewhere."""
    levels = [level_at(point(), charge) for charge in (-1.01, -0.99, -0.01, 0.01, 0.99, 1.01)]
    elsewhere, gap = levels[0] - levels[1], levels[2] - levels[3]
    assert gap > 5.0
    assert 0.0 < elsewhere < 0.2 and 0.0 < levels[4] - levels[5] < 0.2
    qeq = build("scf_qeq")
    assert level_at(qeq, -0.01) - level_at(qeq, 0.01) < 0.2


@pytest.mark.parametrize("charge", [-30.0, 30.0])
def test_any_total_charge_has_a_density(charge: float) -> None:
    """Nine atoms with more charge than their states hold."""
    prediction = point()(batch_of(point(), bulk(charge=charge)))
    assert prediction.scf is not None and prediction.scf.converged.all()
    assert float(prediction.total_charge[0]) == pytest.approx(charge, abs=1e-10)


def test_a_fixed_fermi_level_charges_a_metal_and_no_insulator() -> None:
    model = build("scf_levels", ensemble=Ensemble.constant_fermi_level, fermi_level=0.0)
    metal = labelled(crystal("Al", a=4.05, cubic=True), seed=7)
    charges = []
    for level in (-0.5, 0.5):
        model.config.fermi_level = level
        charges.append(model(batch_of(model, metal, bulk(charge=0.0), cluster())).total_charge)
    assert float(charges[1][0] - charges[0][0]) < -1e-2  # a higher level brings electrons
    assert float((charges[1] - charges[0])[1:].abs().max()) < 1e-3
    assert float(charges[0][1:].abs().max()) < 1e-3


@pytest.mark.parametrize("shift", [-0.7, 2.0])
def test_a_uniform_potential_moves_the_fermi_level_alone(shift: float) -> None:
    model = point()
    inputs = inputs_of(model, *FRAMES)
    maps = inputs.maps
    assert isinstance(maps, Maps)
    moved = replace(inputs, maps=replace(maps, applied=maps.applied + shift * maps.charge))
    before, after = (model.density(x, Mode.implicit) for x in (inputs, moved))
    torch.testing.assert_close(after.multipoles, before.multipoles, rtol=0, atol=1e-11)
    torch.testing.assert_close(after.fermi_level, before.fermi_level - shift, rtol=0, atol=1e-7)


@pytest.mark.parametrize("separation", [8.0, 16.0])
def test_distant_ions_keep_whole_charges(separation: float) -> None:
    """Hydronium and hydroxide of formal charges ±1, and no field pulls any of it across."""
    pair, anion = ion_pair(frozenset("HO"), separation)
    for field in (0.0, 0.05):
        atoms = labelled(pair, seed=4, field=(0.0, 0.0, field))
        charges = point()(batch_of(point(), atoms)).multipoles[:, 0]
        assert float(charges[~anion].sum()) == pytest.approx(1.0, abs=5e-3)
        assert float(charges[anion].sum()) == pytest.approx(-1.0, abs=5e-3)


def test_an_atom_has_at_most_one_electron_in_a_state() -> None:
    """However much training pulls: else one electron more would sit where the last one sits."""
    model = build("scf_levels")
    assert isinstance(model, ScfLevels)
    with torch.no_grad():
        model.number.offset.fill_(50.0)
    states = model.states(inputs_of(model, bulk()))
    torch.testing.assert_close(states.number, torch.ones_like(states.number), rtol=0, atol=1e-12)


@pytest.mark.parametrize("width", [0.3, 0.03, 0.01])
def test_steep_levels_converge(width: float) -> None:
    """Charges jump within millivolts; μ alone is searched at every step."""
    model = build("scf_levels", max_iterations=40)
    assert isinstance(model, ScfLevels)
    inputs = inputs_of(model, *FRAMES)
    states = model.states(inputs)
    steep = torch.where(states.inverse_width > 0, 1 / width, 0.0)
    model.states = lambda _: replace(states, inverse_width=steep)  # type: ignore[method-assign]
    density = model.density(inputs, Mode.implicit)
    assert density.scf is not None and density.scf.converged.all()


def chain(number: int, *, field: float) -> ase.Atoms:
    """Water molecules 2.9 Å apart along x."""
    atoms = ase.Atoms(pbc=False)
    water = molecule("H2O")
    water.rotate(water.positions[1] - water.positions[0], (1, 0, 0), center=water.positions[0])
    for n in range(number):
        copy = water.copy()
        copy.positions += [2.9 * n, 0, 0]
        atoms += copy
    positions = atoms.positions.copy()
    atoms = labelled(atoms, seed=9, field=(field, 0.0, 0.0))
    atoms.positions = positions
    return atoms


def test_a_chain_of_molecules_polarises_molecule_by_molecule() -> None:
    model, polarisability = point(), []
    for number in (8, 16):
        low, high = (
            model(batch_of(model, chain(number, field=f))).dipole[0, 0] for f in (-0.01, 0.01)
        )
        polarisability.append(float(high - low) / 0.02)
    assert 1.0 <= np.log2(polarisability[1] / polarisability[0]) < 1.2
