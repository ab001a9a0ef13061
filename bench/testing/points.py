"""What every point of the design space must hold, as a test class to inherit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import ase
import numpy as np
import pytest
import torch
from torch import Tensor

from bench.config.schema import Mode, ModelConfig
from bench.density.constants import COULOMB_CONSTANT
from bench.errors import BenchError
from bench.inference.calculator import at_chemical_potential
from bench.labels.keys import ENERGY_PARTS
from bench.labels.quantities import MULTIPOLES
from bench.models.base import Point
from bench.testing.batches import assert_alone_and_together_are_equal
from bench.testing.frames import bulk, cluster, slab
from bench.testing.small import (
    batch_of,
    build,
    energies,
    gaussian_potential,
    measured_force,
    orthogonal_matrices,
    predict,
    small_config,
    turned,
)

STRUCTURES: Mapping[str, Callable[[], ase.Atoms]] = {
    "slab": slab,
    "bulk": bulk,
    "cluster": cluster,
}
ORTHOGONAL = orthogonal_matrices()
BUILT: dict[str, Point] = {}
TOLD: dict[tuple[int, str], Any] = {}
SIGMA = 1.5  # Å, of a small configuration

each_structure = pytest.mark.parametrize("structure", STRUCTURES)


def close(found: Tensor, expected: Tensor, atol: float) -> None:
    """Equal within ``atol``."""
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)


def told(model: Point, structure: str) -> Any:
    """The prediction of a model of ``BUILT`` for one of ``STRUCTURES``, made once."""
    key = id(model), structure
    if key not in TOLD:
        TOLD[key] = predict(model, STRUCTURES[structure]())
    return TOLD[key]


def first_weights(model: Point) -> Tensor:
    """Of the backbone, flat."""
    return torch.cat([parameter.flatten() for parameter in model.backbone.parameters()])


@cache
def backbone_of_seed(seed: int) -> Tensor:
    """The first weights of the point that is nothing but a backbone."""
    return first_weights(build(small_config("short_range"), seed=seed, noise=0.0))


class PointTests:
    """Inherit, name the class, and pytest measures it on Al with water, quartz and water.

    Attributes:
        point: the class.
        settings: keys of ``ModelConfig`` beside the small backbone's, such as ``{"l_max": 0}`` or
            ``{"options": {...}}``.
    """

    point: ClassVar[type[Point]]
    settings: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture
    def config(self) -> ModelConfig:
        """Of the small model."""
        return small_config(self.point, **self.settings)

    @pytest.fixture
    def model(self, config: ModelConfig) -> Point:
        """With weights away from the symmetric start; built once for all tests."""
        if repr(config) not in BUILT:
            BUILT[repr(config)] = build(config)
        return BUILT[repr(config)]

    # The energy and its derivatives

    @each_structure
    def test_forces_are_the_gradient_of_the_energy(self, model: Point, structure: str) -> None:
        """By finite differences of one atom at either end."""
        atoms = STRUCTURES[structure]()
        forces = told(model, structure).forces.numpy()
        for atom, axis in [(0, 2), (len(atoms) - 1, 0)]:
            measured = measured_force(model, atoms, atom, axis)
            tolerance = 1e-7 * np.abs(forces).max()
            assert forces[atom, axis] == pytest.approx(measured, rel=1e-6, abs=tolerance)

    def test_stress_is_the_derivative_with_respect_to_strain(self, model: Point) -> None:
        """By finite differences, per volume."""
        atoms, step = bulk(), 1e-4
        stress = predict(model, atoms, compute_stress=True).stress[0].numpy()
        entries = [(0, 0), (0, 1), (2, 2)]
        strained = []
        for i, j in entries:
            strain = np.zeros((3, 3))
            strain[i, j] += 0.5 * step
            strain[j, i] += 0.5 * step
            for deformed in (np.eye(3) + strain, np.eye(3) - strain):
                strained.append(atoms.copy())
                strained[-1].set_cell(atoms.cell.array @ deformed, scale_atoms=True)
        values = energies(model, *strained)
        slopes = (values[::2] - values[1::2]) / (2 * step * atoms.get_volume())
        assert [stress[entry] for entry in entries] == pytest.approx(slopes, rel=1e-5, abs=1e-7)

    def test_the_energy_is_the_sum_of_its_parts(self, model: Point) -> None:
        """At constant charge and, where charge can flow, at a constant chemical potential."""
        prediction = predict(model, slab(field=0.2), bulk(charge=2.0), cluster())
        assert set(prediction.energy_parts) <= set(ENERGY_PARTS)
        close(sum(prediction.energy_parts.values()), prediction.energy, 1e-10)
        if "ensemble" in model.options:
            held, frames = at_chemical_potential(model, -3.0), (bulk(charge=0.0), cluster())
            grand, shift = predict(held, *frames), held.average_shift(batch_of(held, *frames))
            close(grand.energy_parts["reservoir"], (shift - 3.0) * grand.total_charge, 1e-10)
            close(sum(grand.energy_parts.values()), grand.energy, 1e-10)

    def test_without_the_energy_of_an_atoms_own_gaussian(
        self, model: Point, config: ModelConfig
    ) -> None:
        """½ q² k/(σ√π) + ½ d² k/(6√π σ³) less of each atom, and forces that know of it."""
        if "multipoles" not in model.predicts:
            pytest.skip("no density is told")
        try:
            bare = build(replace(config, energy_self_interaction=False))
        except BenchError as refusal:
            pytest.skip(refusal.problem)
        bare.load_state_dict(model.state_dict())
        counted, without = told(model, "slab"), predict(bare, slab())
        close(without.multipoles, counted.multipoles, 1e-12)
        charges, dipoles = counted.multipoles[:, 0], counted.multipoles[:, 1:]
        unit = 0.5 * COULOMB_CONSTANT / (np.sqrt(np.pi) * SIGMA)
        own = unit * (charges.square().sum() + dipoles.square().sum() / (6 * SIGMA**2))
        for found, less in [
            (counted.energy, without.energy),
            (counted.energy_parts["coulomb"], without.energy_parts["coulomb"]),
        ]:
            close(found - less, own[None], 1e-9)
        measured = measured_force(bare, slab(), len(slab()) - 1, 2)
        assert float(without.forces[-1, 2]) == pytest.approx(measured, rel=1e-6)

    # Symmetries

    @pytest.mark.parametrize("case", ORTHOGONAL)
    def test_equivariance(self, model: Point, case: str) -> None:
        """Under the rotations and reflections that the boundary conditions allow."""
        name, matrix = ORTHOGONAL[case]
        atoms, turn = STRUCTURES[name](), torch.as_tensor(matrix)
        before, after = told(model, name), predict(model, turned(atoms, matrix))
        close(after.energy, before.energy, 1e-9)
        close(after.forces, before.forces @ turn.T, 1e-8)
        if before.multipoles is None:
            return
        expected = before.multipoles.clone()
        if expected.shape[1] == 4:  # charges alone otherwise
            expected[:, 1:] = (expected[:, [3, 1, 2]] @ turn.T)[:, [1, 2, 0]]
        close(after.multipoles, expected, 1e-9)

    @each_structure
    def test_translation(self, model: Point, structure: str) -> None:
        """Of all atoms, along the surface of a slab."""
        atoms = STRUCTURES[structure]()
        moved = atoms.copy()
        moved.positions += [0.31, -0.42, 0.53] if structure != "slab" else [0.31, -0.42, 0.0]
        before, after = told(model, structure), predict(model, moved)
        close(after.energy, before.energy, 1e-9)
        close(after.forces, before.forces, 1e-8)

    def test_permutation(self, model: Point) -> None:
        """The order of atoms means nothing."""
        atoms = slab()
        order = np.random.default_rng(1).permutation(len(atoms))
        before, after = told(model, "slab"), predict(model, atoms[order])
        close(after.energy, before.energy, 1e-9)
        close(after.forces, before.forces[order], 1e-9)
        if before.multipoles is not None:
            close(after.multipoles, before.multipoles[order], 1e-9)

    def test_alone_and_in_a_batch(self, model: Point) -> None:
        """Whatever is reported, in every training mode: direct, then implicit is staged."""
        assert_alone_and_together_are_equal(model, Mode.implicit)
        for mode in {*model.modes} - {Mode.implicit, Mode.staged}:
            assert_alone_and_together_are_equal(model, mode, structures=[cluster(), slab(), bulk()])

    # The density

    def test_total_charge_is_exact_where_promised(self, model: Point) -> None:
        """Σ q = Q of neutral and charged structures."""
        if not model.knows_total_charge or MULTIPOLES.name not in model.predicts:
            pytest.skip("the point's total charge is free, or of no density")
        prediction = predict(model, slab(), bulk(charge=2.0), cluster())
        close(prediction.total_charge, torch.tensor([0.0, 2.0, 0.0]).double(), 1e-10)

    def test_potential_at_the_atoms(self, model: Point) -> None:
        """Of two molecules: erf(r/2σ)/r of the charges, each atom's own Gaussian and the field."""
        if "multipoles" not in model.predicts:
            pytest.skip("no density is told")
        atoms = cluster(field=(0.1, -0.2, 0.3))
        prediction = predict(model, atoms)
        potential = prediction.electrostatic_potential.numpy()
        p = np.zeros((len(atoms), 4))
        p[:, : prediction.multipoles.shape[1]] = prediction.multipoles.numpy()
        expected = gaussian_potential(atoms.positions, p, sigma=SIGMA)
        expected = expected - atoms.positions @ [0.1, -0.2, 0.3]
        assert potential - potential.mean() == pytest.approx(expected - expected.mean(), abs=1e-9)
        told = np.arange(4) < prediction.multipoles.shape[1]
        error = p - told * atoms.arrays[MULTIPOLES.reference_key]
        expected = gaussian_potential(atoms.positions, error, sigma=SIGMA)
        assert prediction.potential_error.numpy() == pytest.approx(expected, abs=1e-9)

    @pytest.mark.parametrize(("structure", "axes"), [("slab", [2]), ("cluster", [0, 1, 2])])
    def test_polarizability_is_the_derivative_of_the_dipole(
        self, model: Point, structure: str, axes: list[int]
    ) -> None:
        """With respect to the field along open axes; where none is told there is none."""
        atoms, step = STRUCTURES[structure](), 1e-3
        predicted = predict(model, atoms, compute_polarizability=True).polarizability
        if "dipole" not in model.predicts:
            assert predicted is None
            return
        changed = []
        for change in (-step, step):
            for axis in axes:
                changed.append(atoms.copy())
                changed[-1].info["electric_field"] = atoms.info["electric_field"].copy()
                changed[-1].info["electric_field"][axis] += change
        lower, upper = np.split(predict(model, *changed, compute_forces=False).dipole.numpy(), 2)
        measured = np.zeros((3, 3))
        measured[:, axes] = (upper - lower).T / (2 * step)
        if predicted is None:  # no response: nothing to teach
            assert np.abs(measured).max() == 0.0
        else:
            found = predicted[0].numpy()[:, axes]
            np.testing.assert_allclose(found, measured[:, axes], rtol=2e-5, atol=1e-7)
            assert np.abs(found).max() > 1e-3

    @pytest.mark.parametrize("structure", ["slab", "bulk"])
    def test_fermi_level_is_minus_the_derivative_with_respect_to_charge(
        self, model: Point, structure: str
    ) -> None:
        """Of a density that makes the energy stationary."""
        if "fermi_level" not in model.predicts or not model.variational:
            pytest.skip("μ is not the derivative of this point's energy")
        atoms, step = STRUCTURES[structure](), 1e-3
        predicted = float(told(model, structure).chemical_potential[0])
        if np.isnan(predicted):
            pytest.skip("an insulator has no Fermi level")
        charged = [atoms.copy(), atoms.copy()]
        for frame, change in zip(charged, (-step, step)):
            frame.info["total_charge"] += change
        values = energies(model, *charged)
        assert predicted == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-6)

    def test_direct_residual_vanishes_at_the_self_consistent_density(self, model: Point) -> None:
        """What direct training makes small is zero where the equations are solved."""
        if Mode.direct not in model.modes:
            pytest.skip("nothing is self-consistent")
        frames = [slab(), bulk(), cluster()]
        solved = predict(model, *frames).multipoles.numpy()
        ends = np.cumsum([len(atoms) for atoms in frames])[:-1]
        for atoms, multipoles in zip(frames, np.split(solved, ends)):
            atoms.arrays[MULTIPOLES.reference_key] = multipoles
        residual = predict(model, *frames, mode=Mode.direct).density_residual
        assert float(residual.abs().max()) < 1e-9

    # Parameters and types

    def test_every_parameter_receives_a_gradient(self, model: Point) -> None:
        """From energies, forces or multipoles."""
        model.train()
        prediction = predict(model, slab(), bulk(), cluster(), training=True)
        loss = prediction.forces.square().sum() + prediction.energy.square().sum()
        if prediction.multipoles is not None:
            loss = loss + prediction.multipoles.square().sum()
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        gradients = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
        model.eval()
        named = zip(trained, gradients)
        missing = [name for name, found in named if found is None or not found.any()]
        assert missing == []

    def test_backbone_starts_equal_at_equal_seed(self, config: ModelConfig) -> None:
        """The same weights as of any other point, so that a comparison is of what is beside it."""
        found = first_weights(build(config, seed=3, noise=0.0))
        assert torch.equal(found, backbone_of_seed(3))
        assert not torch.equal(found, backbone_of_seed(4))

    def test_single_precision_backbone_keeps_double_electrostatics(
        self, model: Point, config: ModelConfig
    ) -> None:
        """Energies and forces differ by rounding of the backbone alone."""
        single = build(config, dtype=torch.float32)
        single.load_state_dict(model.state_dict())
        frames = [slab(), bulk(), cluster()]
        expected, found = predict(model, *frames), predict(single, *frames)
        assert found.energy.dtype == found.forces.dtype == torch.float64
        close(found.energy, expected.energy, 2e-4)
        close(found.forces, expected.forces, 5e-4)
