import numpy as np
import pytest
import torch
from e3nn import o3
from scipy.special import sph_harm_y

from bench.density.coulomb import assemble
from bench.density.multipoles import (
    cell_centre,
    charge_entries,
    dipole,
    to_cartesian,
    to_spherical,
)
from tests.density.batches import bulk, cluster, geometry, multipoles, slab


def test_multipoles_keep_vectors_as_y_z_x() -> None:
    xyz = torch.tensor([1.0, 2.0, 3.0])
    assert to_spherical(xyz).tolist() == [2.0, 3.0, 1.0]
    assert torch.equal(to_cartesian(to_spherical(xyz)), xyz)


def test_the_order_is_that_of_real_spherical_harmonics_about_z() -> None:
    """m = −1, 0, 1 by scipy's complex ones with the phase of Condon and Shortley taken out."""
    xyz = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    unit = xyz / xyz.norm(dim=1, keepdim=True)
    polar, azimuth = unit[:, 2].acos().numpy(), torch.atan2(unit[:, 1], unit[:, 0]).numpy()
    plus, zero = (sph_harm_y(1, m, polar, azimuth) for m in (1, 0))
    real = np.stack([-(2**0.5) * plus.imag, zero.real, -(2**0.5) * plus.real], axis=1)
    expected = (3 / (4 * np.pi)) ** 0.5 * to_spherical(unit)
    np.testing.assert_allclose(real, expected.numpy(), rtol=0, atol=1e-12)


def test_e3nn_keeps_the_order_of_its_input() -> None:
    """So what it makes of (x, y, z) is Cartesian, and of (y, z, x) in the multipoles' order."""
    xyz = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for vectors in (xyz, to_spherical(xyz)):
        harmonics = o3.spherical_harmonics(1, vectors, normalize=False, normalization="norm")
        torch.testing.assert_close(harmonics, vectors, rtol=0, atol=1e-12)
    turn = o3.rand_matrix().double()
    torch.testing.assert_close(o3.Irreps("1o").D_from_matrix(turn), turn, rtol=0, atol=1e-6)


@pytest.mark.parametrize("l_max", [0, 1])
def test_dipole_of_two_structures_by_hand(l_max: int) -> None:
    per_atom = torch.zeros(2, 2, (l_max + 1) ** 2, dtype=torch.float64)
    per_atom[0, :, 0] = torch.tensor([1.0, -1.0])
    per_atom[1, 0, 0] = 2.0
    if l_max:
        per_atom[1, 0, 1:] = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)  # y, z, x
    positions = torch.tensor([[[1.0, 0, 0], [0, 0, 3.0]], [[1.0, 1.0, 1.0], [0, 0, 0]]]).double()
    centre = torch.tensor([[5.0, 5.0, 5.0], [0.5, 0, 0]]).double()
    local = torch.tensor([0.3, 0.1, 0.2], dtype=torch.float64) * l_max
    expected = torch.stack([torch.tensor([1.0, 0, -3.0]).double(), local + torch.tensor([1, 2, 2])])
    torch.testing.assert_close(dipole(per_atom, positions, centre), expected)


@pytest.mark.parametrize("l_max", [0, 1])
def test_field_energy_is_minus_the_field_times_the_dipole(l_max: int) -> None:
    batch = geometry(cluster(), slab(field=0.3))
    batch.electric_field.requires_grad_()
    p = multipoles(batch, l_max)
    energy = (assemble(batch, smearing_width=1.0, l_max=l_max).applied * p).sum()
    (slope,) = torch.autograd.grad(energy, batch.electric_field)
    moment = dipole(p.reshape(*batch.mask.shape, -1), batch.positions, cell_centre(batch.cell))
    torch.testing.assert_close(-slope, moment, rtol=1e-12, atol=1e-12)


def test_charge_entries_mark_real_charges_alone() -> None:
    batch = geometry(bulk(atoms=2), cluster(atoms=1))
    charge = charge_entries(batch.mask, 1)
    assert charge.tolist() == [[1, 0, 0, 0, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0]]
    assert charge_entries(batch.mask, 0).tolist() == [[1, 1], [1, 0]]
