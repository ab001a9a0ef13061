"""What every point of the design space must hold; a new point is one line in POINTS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import ase
import numpy as np
import pytest
import torch
from scipy.special import erf

from bench.config.schema import Functional, Mode, ModelConfig, Update
from bench.data.batch import Batch, build_graph, collate
from bench.density.constants import COULOMB_CONSTANT
from bench.inference.calculator import at_chemical_potential
from bench.labels.keys import ENERGY_PARTS
from bench.models.base import Point, build_point
from bench.models.facts import gather_facts
from bench.models.registry import point_class
from tests.structures import bulk, cluster, slab

POINTS: dict[str, dict[str, object]] = {
    "short_range": {},
    "fixed_charge": {"l_max": 0},
    "local_charges": {},
    "les": {},
    "split_charges": {},
    "polar": {},
    "scf_qeq": {},
    "scf_energy_functional": {},
    "scf_energy_functional-nonlinear": {"functional": Functional.nonlinear},
    "scf_response": {},
    "scf_levels": {},
    "scf_fixed_point": {},
    "scf_fixed_point-mlp": {"update": Update.mlp},
    "scf_fixed_point-many_body": {"update": Update.many_body},
}
STRUCTURES: dict[str, Callable[[], ase.Atoms]] = {"slab": slab, "bulk": bulk, "cluster": cluster}


def tiny_config(name: str, **options: object) -> ModelConfig:
    """A backbone that is fast enough for finite differences; options by the label in POINTS."""
    tiny = ModelConfig(
        name=name.split("-")[0],
        r_max=3.5,
        num_channels=4,
        angular_l_max=2,
        correlation=2,
        radial_mlp=[8],
    )
    return replace(tiny, **POINTS[name], **options)


def build(name: str, *, dtype: torch.dtype = torch.float64, **options: object) -> Point:
    """A point with weights away from the symmetric start, measured on the three structures."""
    config = tiny_config(name, **options)
    facts = gather_facts([slab(), bulk(), cluster()], config)
    model = build_point(point_class(config.name), config, facts, dtype=dtype, seed=0)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter += (0.05 * noise).to(parameter.dtype)
    return model.eval()


def batch_of(model: Point, *frames: ase.Atoms) -> Batch:
    return collate([build_graph(atoms, model.graph_settings, i) for i, atoms in enumerate(frames)])


@pytest.fixture(scope="module", params=POINTS)
def point(request: pytest.FixtureRequest) -> Point:
    return build(request.param)


def energy(model: Point, atoms: ase.Atoms) -> float:
    with torch.no_grad():
        return float(model(batch_of(model, atoms), compute_forces=False).energy[0])


@pytest.mark.parametrize("structure", STRUCTURES)
def test_forces_are_the_gradient_of_the_energy(point: Point, structure: str) -> None:
    atoms = STRUCTURES[structure]()
    forces = point(batch_of(point, atoms)).forces.numpy()
    for atom, axis in [(0, 2), (len(atoms) - 1, 0)]:
        measured = measured_force(point, atoms, atom, axis)
        assert forces[atom, axis] == pytest.approx(
            measured, rel=1e-6, abs=1e-7 * np.abs(forces).max()
        )


def measured_force(model: Point, atoms: ase.Atoms, atom: int, axis: int) -> float:
    """Minus the slope of the energy by five points, error of order step⁴ (eV/Å)."""
    step, values = 2e-3, []
    for n in (-2, -1, 1, 2):
        moved = atoms.copy()
        moved.positions[atom, axis] += n * step
        values.append(energy(model, moved))
    return -(values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)


def turned(atoms: ase.Atoms, matrix: np.ndarray) -> ase.Atoms:
    """The structure and its field under an orthogonal matrix."""
    out = atoms.copy()
    out.set_cell(atoms.cell.array @ matrix.T)
    out.positions = atoms.positions @ matrix.T
    out.info["electric_field"] = matrix @ atoms.info["electric_field"]
    return out


def rotation_about_z(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


ANY_ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
ANY_ROTATION *= np.sign(np.linalg.det(ANY_ROTATION))
ORTHOGONAL = {
    "slab-rotated": ("slab", rotation_about_z(0.7)),
    "slab-reflected": ("slab", np.diag([-1.0, 1.0, 1.0])),
    "bulk-rotated": ("bulk", ANY_ROTATION),
    "bulk-inverted": ("bulk", -np.eye(3)),
    "cluster-rotated": ("cluster", ANY_ROTATION),
    "cluster-reflected": ("cluster", ANY_ROTATION @ np.diag([1.0, -1.0, 1.0])),
}


@pytest.mark.parametrize("case", ORTHOGONAL)
def test_equivariance(point: Point, case: str) -> None:
    name, matrix = ORTHOGONAL[case]
    atoms = STRUCTURES[name]()
    before = point(batch_of(point, atoms))
    after = point(batch_of(point, turned(atoms, matrix)))
    turn = torch.as_tensor(matrix)
    torch.testing.assert_close(after.energy, before.energy, rtol=0, atol=1e-9)
    torch.testing.assert_close(after.forces, before.forces @ turn.T, rtol=0, atol=1e-8)
    if before.multipoles is None:
        return
    expected = before.multipoles.clone()
    if expected.shape[1] == 4:  # charges alone otherwise
        expected[:, 1:] = (expected[:, [3, 1, 2]] @ turn.T)[:, [1, 2, 0]]
    torch.testing.assert_close(after.multipoles, expected, rtol=0, atol=1e-9)


def test_the_energy_is_the_sum_of_its_parts(point: Point) -> None:
    prediction = point(batch_of(point, slab(field=0.2), bulk(charge=2.0), cluster()))
    assert set(prediction.energy_parts) <= set(ENERGY_PARTS)
    total = sum(prediction.energy_parts.values())
    torch.testing.assert_close(total, prediction.energy, rtol=0, atol=1e-10)
    if "ensemble" in point.options:
        held = at_chemical_potential(point, -3.0)
        grand = held(batch_of(point, bulk(charge=0.0), cluster()))
        reservoir = grand.energy_parts["reservoir"]
        shift = held.average_shift(batch_of(point, bulk(charge=0.0), cluster()))
        expected = (shift - 3.0) * grand.total_charge
        torch.testing.assert_close(reservoir, expected, rtol=0, atol=1e-10)
        total = sum(grand.energy_parts.values())
        torch.testing.assert_close(total, grand.energy, rtol=0, atol=1e-10)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_translation(point: Point, structure: str) -> None:
    atoms = STRUCTURES[structure]()
    moved = atoms.copy()
    moved.positions += [0.31, -0.42, 0.53] if structure != "slab" else [0.31, -0.42, 0.0]
    before, after = point(batch_of(point, atoms)), point(batch_of(point, moved))
    torch.testing.assert_close(after.energy, before.energy, rtol=0, atol=1e-9)
    torch.testing.assert_close(after.forces, before.forces, rtol=0, atol=1e-8)


def test_permutation(point: Point) -> None:
    atoms = slab()
    order = np.random.default_rng(1).permutation(len(atoms))
    before, after = point(batch_of(point, atoms)), point(batch_of(point, atoms[order]))
    torch.testing.assert_close(after.energy, before.energy, rtol=0, atol=1e-9)
    torch.testing.assert_close(after.forces, before.forces[order], rtol=0, atol=1e-9)
    if before.multipoles is not None:
        torch.testing.assert_close(after.multipoles, before.multipoles[order], rtol=0, atol=1e-9)


def test_batch_equals_one_by_one(point: Point) -> None:
    frames = [slab(), bulk(), cluster(), slab(field=-0.1)]
    together = point(batch_of(point, *frames))
    alone = [point(batch_of(point, atoms)) for atoms in frames]
    for name in ("energy", "forces", "multipoles", "dipole", "fermi_level"):
        if getattr(together, name) is None:
            continue
        expected = torch.cat([getattr(prediction, name) for prediction in alone])
        found = getattr(together, name)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9, equal_nan=True)


def test_total_charge_is_exact_where_promised(point: Point) -> None:
    if not point.knows_total_charge:
        pytest.skip("the point's total charge is free")
    prediction = point(batch_of(point, slab(), bulk(charge=2.0), cluster()))
    expected = torch.tensor([0.0, 2.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(prediction.total_charge, expected, rtol=0, atol=1e-10)


def test_every_parameter_receives_a_gradient(point: Point) -> None:
    point.train()
    prediction = point(batch_of(point, slab(), bulk(), cluster()), training=True)
    loss = prediction.forces.square().sum() + prediction.energy.square().sum()
    if prediction.multipoles is not None:
        loss = loss + prediction.multipoles.square().sum()
    gradients = torch.autograd.grad(loss, list(point.parameters()), allow_unused=True)
    point.eval()
    named = zip(point.named_parameters(), gradients)
    missing = [name for (name, _), gradient in named if gradient is None or not gradient.any()]
    assert missing == []


@pytest.mark.parametrize("name", POINTS)
def test_backbone_starts_equal_at_equal_seed(name: str) -> None:
    def weights(point_name: str, seed: int) -> torch.Tensor:
        config = tiny_config(point_name)
        facts = gather_facts([slab(), bulk(), cluster()], config)
        model = build_point(point_class(config.name), config, facts, dtype=torch.float64, seed=seed)
        return torch.cat([p.flatten() for p in model.backbone.parameters()])

    assert torch.equal(weights(name, 3), weights("short_range", 3))
    assert not torch.equal(weights(name, 3), weights(name, 4))


@pytest.mark.parametrize("name", POINTS)
def test_single_precision_backbone_keeps_double_electrostatics(name: str) -> None:
    double, single = build(name), build(name, dtype=torch.float32)
    single.load_state_dict(double.state_dict())
    frames = [slab(), bulk(), cluster()]
    expected, found = double(batch_of(double, *frames)), single(batch_of(single, *frames))
    assert found.energy.dtype == found.forces.dtype == torch.float64
    torch.testing.assert_close(found.energy, expected.energy, rtol=0, atol=2e-4)
    torch.testing.assert_close(found.forces, expected.forces, rtol=0, atol=5e-4)


def test_stress_is_the_derivative_with_respect_to_strain(point: Point) -> None:
    atoms = bulk()
    stress = point(batch_of(point, atoms), compute_stress=True).stress[0].numpy()
    step = 1e-4
    for i, j in [(0, 0), (0, 1), (2, 2)]:
        strain = np.zeros((3, 3))
        strain[i, j] += 0.5 * step
        strain[j, i] += 0.5 * step
        plus, minus = atoms.copy(), atoms.copy()
        plus.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        minus.set_cell(atoms.cell.array @ (np.eye(3) - strain), scale_atoms=True)
        slope = (energy(point, plus) - energy(point, minus)) / (2 * step * atoms.get_volume())
        assert stress[i, j] == pytest.approx(slope, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(("structure", "axes"), [("slab", [2]), ("cluster", [0, 1, 2])])
def test_polarizability_is_the_derivative_of_the_dipole(
    point: Point, structure: str, axes: list[int]
) -> None:
    atoms, step = STRUCTURES[structure](), 1e-3
    predicted = point(batch_of(point, atoms), compute_polarizability=True).polarizability
    if point.predicts.isdisjoint({"dipole"}):
        assert predicted is None
        return
    measured = np.zeros((3, 3))
    for axis in axes:
        dipoles = []
        for change in (-step, step):
            moved = atoms.copy()
            moved.info["electric_field"] = atoms.info["electric_field"] + change * np.eye(3)[axis]
            dipoles.append(point(batch_of(point, moved)).dipole[0].numpy())
        measured[:, axis] = (dipoles[1] - dipoles[0]) / (2 * step)
    if predicted is None:  # no response: nothing to teach
        assert np.abs(measured).max() == 0.0
    else:
        found = predicted[0].numpy()[:, axes]
        np.testing.assert_allclose(found, measured[:, axes], rtol=2e-5, atol=1e-7)
        assert np.abs(found).max() > 1e-3


@pytest.mark.parametrize(
    "name", ["fixed_charge", "local_charges", "split_charges", "polar", "scf_fixed_point"]
)
def test_without_the_energy_of_an_atoms_own_gaussian(name: str) -> None:
    """½ q² k/(σ√π) + ½ d² k/(6√π σ³) less of each atom, and forces that know of it."""
    counted, bare = build(name), build(name, energy_self_interaction=False)
    bare.load_state_dict(counted.state_dict())
    atoms, sigma = slab(), 1.5
    with_own, without = (m(batch_of(m, atoms)) for m in (counted, bare))
    torch.testing.assert_close(without.multipoles, with_own.multipoles, rtol=0, atol=1e-12)
    charges, dipoles = with_own.multipoles[:, 0], with_own.multipoles[:, 1:]
    unit = 0.5 * COULOMB_CONSTANT / (np.sqrt(np.pi) * sigma)
    own = unit * (charges.square().sum() + dipoles.square().sum() / (6 * sigma**2))
    torch.testing.assert_close(with_own.energy - without.energy, own[None], rtol=0, atol=1e-9)
    coulomb = [prediction.energy_parts["coulomb"] for prediction in (with_own, without)]
    torch.testing.assert_close(coulomb[0] - coulomb[1], own[None], rtol=0, atol=1e-9)
    measured = measured_force(bare, atoms, len(atoms) - 1, 2)
    assert float(without.forces[-1, 2]) == pytest.approx(measured, rel=1e-6)


def test_potential_at_the_atoms(point: Point) -> None:
    """Of two molecules: erf(r/2σ)/r of the charges, each atom's own Gaussian and the field."""
    if "multipoles" not in point.predicts:
        pytest.skip("no density")
    atoms = cluster(field=(0.1, -0.2, 0.3))
    prediction = point(batch_of(point, atoms))
    potential = prediction.electrostatic_potential.numpy()
    p = np.zeros((len(atoms), 4))
    p[:, : prediction.multipoles.shape[1]] = prediction.multipoles.numpy()
    expected = gaussian_potential(atoms.positions, p) - atoms.positions @ [0.1, -0.2, 0.3]
    assert potential - potential.mean() == pytest.approx(expected - expected.mean(), abs=1e-9)
    reference = np.where(np.arange(4) < prediction.multipoles.shape[1], 1, 0)
    error = gaussian_potential(atoms.positions, p - reference * atoms.arrays["REF_multipoles"])
    assert prediction.potential_error.numpy() == pytest.approx(error, abs=1e-9)


def gaussian_potential(positions: np.ndarray, p: np.ndarray, sigma: float = 1.5) -> np.ndarray:
    """V, of Gaussian charges and dipoles (q, y, z, x) as Gaussians of equal width see them."""
    apart = positions[:, None] - positions[None]  # [i, j, 3]
    r = np.linalg.norm(apart, axis=2) + np.eye(len(positions))
    along = (apart * p[None][..., [3, 1, 2]]).sum(2)
    gauss = np.exp(-(r**2) / (4 * sigma**2)) / (sigma * np.sqrt(np.pi))
    coulomb = erf(r / (2 * sigma)) / r
    values = p[None, :, 0] * coulomb + along * (coulomb - gauss) / r**2
    np.fill_diagonal(values, p[:, 0] / (sigma * np.sqrt(np.pi)))
    return COULOMB_CONSTANT * values.sum(1)


@pytest.mark.parametrize("structure", ["slab", "bulk"])
def test_fermi_level_is_minus_the_derivative_with_respect_to_charge(
    point: Point, structure: str
) -> None:
    if "fermi_level" not in point.predicts or not point.variational:
        pytest.skip("μ is not the derivative of this point's energy")
    atoms, step = STRUCTURES[structure](), 1e-3
    predicted = float(point(batch_of(point, atoms)).chemical_potential[0])
    if np.isnan(predicted):
        pytest.skip("an insulator has no Fermi level")
    values = []
    for change in (-step, step):
        charged = atoms.copy()
        charged.info["total_charge"] += change
        values.append(energy(point, charged))
    assert predicted == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-6)


def test_direct_residual_vanishes_at_the_self_consistent_density(point: Point) -> None:
    if Mode.direct not in point.modes:
        pytest.skip("nothing is self-consistent")
    frames = [slab(), bulk(), cluster()]
    solved = point(batch_of(point, *frames)).multipoles.numpy()
    ends = np.cumsum([len(atoms) for atoms in frames])[:-1]
    for atoms, multipoles in zip(frames, np.split(solved, ends)):
        atoms.arrays["REF_multipoles"] = multipoles
    residual = point(batch_of(point, *frames), mode=Mode.direct).density_residual
    assert float(residual.abs().max()) < 1e-9
