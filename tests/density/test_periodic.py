import numpy as np
import pytest
import torch

from bench.density.constants import COULOMB_CONSTANT
from bench.density.coulomb import assemble, coulomb_energy, own_entries
from bench.density.geometry import Boundary
from tests.density.batches import Structure, bulk, cluster, geometry, multipoles, slab

FACE_CENTRED = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


@pytest.mark.parametrize(
    ("lattice", "anion", "nearest", "madelung"),
    [
        (FACE_CENTRED, 0.5, 0.5, 1.74756459463318),  # rock salt
        (np.eye(3), 0.5, 0.75**0.5, 1.76267477307099),  # caesium chloride
        (FACE_CENTRED, 0.25, 0.1875**0.5, 1.63805505338879),  # zinc blende
    ],
)
def test_madelung_constants(
    lattice: np.ndarray, anion: float, nearest: float, madelung: float
) -> None:
    side, width, charge = 7.0, 0.25, 1.5  # so narrow that Gaussians interact as points
    positions = np.array([[0.0] * 3, [anion] * 3]) * side
    crystal = geometry(
        Structure(positions, side * lattice, Boundary.BULK),
        narrowest_width=width,
        cutoff_factor=2.0,
    )
    p = torch.tensor([[charge, -charge]], dtype=torch.float64)
    energy = coulomb_energy(assemble(crystal, smearing_width=width, l_max=0), p)
    energy = energy - (own_entries(crystal, width, width, 0) * p**2).sum(dim=1) / 2
    expected = -madelung * COULOMB_CONSTANT * charge**2 / (nearest * side)
    assert energy.item() == pytest.approx(expected, rel=1e-10)


def test_wigner_constant_of_a_charge_in_its_background() -> None:
    side, width = 6.0, 0.2
    crystal = geometry(
        Structure(np.zeros((1, 3)), side * np.eye(3), Boundary.BULK),
        narrowest_width=width,
        cutoff_factor=2.0,
    )
    p = torch.ones(1, 1, dtype=torch.float64)
    energy = coulomb_energy(assemble(crystal, smearing_width=width, l_max=0), p)
    own = own_entries(crystal, width, width, 0).sum() / 2
    # A Gaussian and its background: leaving out k = 0 shifts the energy by 2π k_e σ² / V.
    finite_width = 2 * np.pi * COULOMB_CONSTANT * width**2 / side**3
    expected = -2.837297479480620 / 2 * COULOMB_CONSTANT / side + finite_width
    assert (energy - own).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("structure", [bulk(atoms=9), cluster(atoms=7), slab(atoms=6)])
def test_energy_is_positive_with_the_own_term(structure: Structure) -> None:
    batch = geometry(structure)
    maps = assemble(batch, smearing_width=1.0, l_max=1)
    matrix = maps.coulomb[0]
    torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=1e-12)
    # A charged slab far apart has a negative energy: positive at fixed total charge only.
    neutral = torch.eye(len(matrix)).double() - torch.outer(maps.charge[0], maps.charge[0]) / (
        maps.charge.sum()
    )
    scope = neutral @ matrix @ neutral if structure.boundary == Boundary.SLAB else matrix
    assert torch.linalg.eigvalsh(scope).min() > -1e-10


def test_energy_without_the_own_term_is_indefinite() -> None:
    batch = geometry(slab(atoms=6), narrowest_width=1.5)
    own = own_entries(batch, 1.5, 1.5, 1)
    matrix = assemble(batch, smearing_width=1.5, l_max=1).coulomb - torch.diag_embed(own)
    assert own[0, 0].item() == pytest.approx(5.41609, abs=1e-5)
    assert own[0, 1].item() == pytest.approx(0.401192, abs=1e-6)
    assert torch.linalg.eigvalsh(matrix).min() < -4.0


@pytest.mark.parametrize("structure", [bulk(), slab()])
def test_cutoff_converges(structure: Structure) -> None:
    energies = []
    for factor in (1.0, 1.25, 1.5, 2.0, 2.5):
        batch = geometry(structure, narrowest_width=1.0, cutoff_factor=factor)
        maps = assemble(batch, smearing_width=1.0, l_max=1)
        energies.append(coulomb_energy(maps, multipoles(batch, charge=0.0)).item())
    errors = np.abs(np.array(energies[:-1]) - energies[-1])
    assert (errors[1:] < errors[:-1] / 10).all()
    assert errors[2] < 2e-5
    assert errors[3] < 1e-10


@pytest.mark.parametrize("structure", [bulk(), slab(field=0.2)])
def test_energy_does_not_depend_on_place_or_cell(structure: Structure) -> None:
    moved = structure.positions + [0.7, -3.1, 0.0]
    moved[1] += structure.cell[0] - 2 * structure.cell[1]
    quarter = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # about z
    turned = Structure(
        structure.positions @ quarter, structure.cell @ quarter, structure.boundary, structure.field
    )
    batch = geometry(
        structure, Structure(moved, structure.cell, structure.boundary, structure.field), turned
    )
    p = multipoles(batch).reshape(3, -1, 4)
    p[1:] = p[0]
    p[2, :, 1:] = (p[0, :, [3, 1, 2]] @ torch.tensor(quarter))[:, [1, 2, 0]]
    p = p.flatten(1)
    maps = assemble(batch, smearing_width=1.0, l_max=1)
    energy = coulomb_energy(maps, p) + (maps.applied * p).sum(dim=1)
    torch.testing.assert_close(energy, energy[:1].expand(3), rtol=1e-11, atol=1e-11)


def test_supercell_doubles_the_energy() -> None:
    single = bulk()
    double = Structure(
        np.concatenate([single.positions, single.positions + single.cell[1]]),
        single.cell * [[1.0], [2.0], [1.0]],
        Boundary.BULK,
    )
    batch = geometry(single, double, cutoff_factor=2.0)
    p = multipoles(geometry(single))
    both = torch.stack([torch.cat([p[0], torch.zeros_like(p[0])]), torch.cat([p[0], p[0]])])
    energy = coulomb_energy(assemble(batch, smearing_width=1.0, l_max=1), both)
    assert energy[1].item() == pytest.approx(2 * energy[0].item(), rel=1e-11)
