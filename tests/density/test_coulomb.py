from collections.abc import Callable
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from bench.density.coulomb import Maps, assemble, coulomb_energy
from bench.density.geometry import Geometry
from tests.density.batches import Structure, bulk, cluster, geometry, multipoles, slab

STRUCTURES = {"bulk": bulk(atoms=2), "slab": slab(atoms=3, field=0.3), "open": cluster(atoms=2)}
OPTIONS = {"smearing_width": 1.1, "l_max": 1, "feature_widths": (1.1, 1.9)}


def everything(maps: Maps, p: Tensor) -> Tensor:
    """A number that depends on every map, so that its derivatives test them all."""
    assert maps.features is not None and maps.feature_applied is not None
    features = (maps.features @ p[..., None])[..., 0] + maps.feature_applied
    shift = maps.cell_average_shift(p)
    energy = coulomb_energy(maps, p) + (maps.applied * p).sum(dim=1)
    return (energy + features.square().sum(dim=1) / 10 + shift.square()).sum()


def of_geometry(batch: Geometry, p: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """The number as a function of positions and cell."""

    def value(positions: Tensor, cell: Tensor) -> Tensor:
        moved = replace(batch, positions=positions, cell=cell)
        return everything(assemble(moved, **OPTIONS), p)

    return value


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("l_max", [0, 1])
def test_a_structure_does_not_depend_on_its_batch(l_max: int, own: bool) -> None:
    options = {**OPTIONS, "l_max": l_max, "feature_self_interaction": own}
    together = assemble(geometry(bulk(), slab(), cluster(), slab(atoms=2)), **options)
    for number, structure in enumerate([bulk(), slab(), cluster(), slab(atoms=2)]):
        alone = assemble(geometry(structure), **options)
        for name, tensor in tensors(together).items():
            whole, part = tensor[number], tensors(alone)[name][0]
            corner = tuple(slice(size) for size in part.shape)
            torch.testing.assert_close(whole[corner], part, rtol=1e-12, atol=1e-12)
            padding = torch.ones_like(whole, dtype=torch.bool)
            padding[corner] = False
            assert not whole[padding].any(), name


def tensors(maps: Maps) -> dict[str, Tensor]:
    """Every tensor of the maps by name."""
    found = {field.name: getattr(maps, field.name) for field in fields(Maps)}
    views = {f"sampled {number}": view for number, view in enumerate(maps.sampled)}
    return views | {name: value for name, value in found.items() if isinstance(value, Tensor)}


@pytest.mark.parametrize("name", STRUCTURES)
def test_dipoles_are_derivatives_of_charges(name: str) -> None:
    """Moving the charge of atom i gives its dipole's row, moving that gives the dipole block."""
    base = STRUCTURES[name]
    n = len(base.positions)

    def interaction(sources: Tensor, probes: Tensor) -> Tensor:
        """[n, n] between charges at 2 n places: probes come last."""
        batch = geometry(base)
        both = replace(
            batch,
            positions=torch.cat([probes, sources])[None],
            mask=torch.ones(1, 2 * n, dtype=torch.bool),
        )
        return assemble(both, smearing_width=1.1, l_max=0).coulomb[0, :n, n:]

    positions = torch.tensor(base.positions)
    expected = assemble(geometry(base), smearing_width=1.1, l_max=1).coulomb[0]
    expected = expected.reshape(n, 4, n, 4)
    order = [1, 2, 0]  # (y, z, x)
    by_probe = torch.autograd.functional.jacobian(lambda x: interaction(positions, x), positions)
    for i in range(n):
        torch.testing.assert_close(
            by_probe[i, :, i, order].T, expected[i, 1:, :, 0], rtol=0, atol=1e-11
        )

    def gradients(sources: Tensor) -> Tensor:
        probes = positions.clone().requires_grad_()
        value = interaction(sources, probes)[0, 1]
        return torch.autograd.grad(value, probes, create_graph=True)[0][0]

    block = torch.autograd.functional.jacobian(gradients, positions)[:, 1]  # [3, 3]
    torch.testing.assert_close(block[order][:, order], expected[0, 1:, 1, 1:], rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", STRUCTURES)
def test_first_and_second_derivatives(name: str) -> None:
    batch = geometry(STRUCTURES[name], cutoff_factor=0.6)
    function = of_geometry(batch, multipoles(batch))
    inputs = (batch.positions.requires_grad_(), batch.cell.requires_grad_())
    assert torch.autograd.gradcheck(function, inputs, eps=1e-5, atol=1e-6)
    assert torch.autograd.gradgradcheck(function, inputs, eps=1e-5, atol=1e-6)


def test_padding_has_no_gradient_and_no_nan() -> None:
    batch = geometry(bulk(), slab(), cluster(atoms=1))
    inputs = (batch.positions.requires_grad_(), batch.cell.requires_grad_())
    function = of_geometry(batch, multipoles(batch))
    slopes = torch.autograd.grad(function(*inputs), inputs, create_graph=True)
    curvatures = torch.autograd.grad(sum(s.square().sum() for s in slopes), inputs)
    for value in (*slopes, *curvatures):
        assert torch.isfinite(value).all()
    assert not slopes[0][~batch.mask].any()


@pytest.mark.parametrize("structure", [bulk(), slab(), cluster()])
def test_forces_add_to_nothing(structure: Structure) -> None:
    batch = geometry(structure)
    batch.positions.requires_grad_()
    energy = coulomb_energy(assemble(batch, **OPTIONS), multipoles(batch)).sum()
    (slope,) = torch.autograd.grad(energy, batch.positions)
    assert slope.abs().max() > 0.1
    torch.testing.assert_close(slope.sum(dim=1), torch.zeros(1, 3).double(), rtol=0, atol=1e-11)


def test_features_of_the_density_width_are_the_map_itself() -> None:
    batch = geometry(bulk(), slab(), cluster())
    maps = assemble(batch, **OPTIONS)
    assert maps.features is not None
    by_atom = maps.features.reshape(3, 5, 8, -1)
    first = torch.cat([by_atom[:, :, :1], by_atom[:, :, 2:5]], dim=2).flatten(1, 2)
    assert torch.equal(first, maps.coulomb)


def test_field_in_the_features() -> None:
    batch = geometry(cluster(atoms=2), bulk(atoms=3))
    maps = assemble(batch, **OPTIONS)
    assert maps.feature_applied is not None and maps.feature_charge is not None
    x, y, z = STRUCTURES["open"].field
    by_atom = maps.feature_applied.reshape(2, 3, 8)
    apart = batch.positions[0, :2] - torch.tensor([4.5, 5.0, 5.5])
    potential = -(apart @ batch.electric_field[0])
    torch.testing.assert_close(by_atom[0, :2, 0], potential)
    assert torch.equal(by_atom[0, :2, 1], by_atom[0, :2, 0])
    assert by_atom[0, 0, 2:].tolist() == [-y, -z, -x] * 2
    assert not by_atom[1].any()
    charge = maps.feature_charge.reshape(2, 3, 8)
    assert charge[0, 0].tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    assert charge.sum(dim=(1, 2)).tolist() == [4, 6]


def test_own_term_is_what_an_atom_alone_sees_of_itself() -> None:
    alone = Structure(cluster(atoms=1).positions, cluster().cell, cluster().boundary)
    options = {"smearing_width": 1.1, "l_max": 1, "feature_widths": [1.1, 2.0]}
    maps = assemble(geometry(alone), feature_self_interaction=False, **options)
    assert maps.features is not None
    torch.testing.assert_close(maps.features, torch.zeros_like(maps.features), rtol=0, atol=1e-12)


def test_maps_without_features_have_none() -> None:
    maps = assemble(geometry(bulk()), smearing_width=1.0, l_max=1)
    assert maps.features is None and maps.feature_applied is None and maps.feature_charge is None


def test_the_default_type_does_not_reach_the_maps() -> None:
    batch = geometry(bulk(), slab(), cluster())
    before = torch.get_default_dtype()
    found = []
    for default in (torch.float32, torch.float64):
        torch.set_default_dtype(default)
        found.append(assemble(batch, **OPTIONS))
    torch.set_default_dtype(before)
    first, second = map(tensors, found)
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
