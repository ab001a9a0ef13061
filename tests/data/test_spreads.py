"""Spreads of labels that are known by construction."""

import numpy as np
import pytest

from bench.config.schema import SystemConfig
from bench.data.dataset import load_dataset
from bench.data.spreads import label_spreads
from bench.testing.frames import bulk, cluster, slab


def molecules(count):
    return [cluster() for _ in range(count)]


def test_energies_count_per_atom_above_the_baseline():
    frames = molecules(4)
    for atoms, above in zip(frames, (0.6, -0.6, 1.2, -1.2)):  # their mean is the baseline's
        atoms.info["REF_energy"] = -500.0 + above
    assert label_spreads(frames)["energy"] == pytest.approx(np.sqrt((0.1**2 + 0.2**2) / 2))


def test_forces_count_from_zero_and_charges_from_the_mean_of_their_element():
    frames = molecules(2)
    for atoms, sign in zip(frames, (1.0, -1.0)):
        atoms.arrays["REF_forces"][:] = [0.3, 0.0, 0.3]
        charges = np.where(atoms.numbers == 8, -0.8 + 0.1 * sign, 0.4 + 0.2 * sign)
        atoms.arrays["REF_multipoles"] = np.column_stack([charges, np.zeros((6, 3))])
        atoms.arrays["REF_multipoles"][:, 2] = 0.06 * sign
    found = label_spreads(frames)
    assert found["forces"] == pytest.approx(np.sqrt(0.06))
    assert found["charges"] == pytest.approx(np.sqrt((2 * 0.1**2 + 4 * 0.2**2) / 6))
    assert found["atomic_dipoles"] == pytest.approx(np.sqrt(0.06**2 / 3))


def test_dipoles_count_along_open_axes_and_labels_of_some_where_they_are():
    frames = [slab(), slab(), bulk()]
    for atoms, dipole in zip(frames, (0.5, 0.9)):
        atoms.info["REF_dipole"] = np.array([7.0 * dipole, 3.0, dipole])
    del frames[2].info["REF_fermi_level"]
    frames[0].info["REF_fermi_level"], frames[1].info["REF_fermi_level"] = -1.0, -4.0
    found = label_spreads(frames)
    assert found["dipole"] == pytest.approx(0.2)
    assert found["fermi_level"] == pytest.approx(1.5)
    assert found["stress"] == 1.0  # of a single crystal it does not vary


def test_what_nothing_has_has_no_spread():
    frames = molecules(2)
    for atoms in frames:
        atoms.arrays["REF_multipoles"] = atoms.arrays.pop("REF_multipoles")[:, :1]
        del atoms.info["REF_dipole"]
    found = label_spreads(frames)
    assert "charges" in found
    assert not {"atomic_dipoles", "dipole", "stress", "charge_difference"} & set(found)


def test_charge_states_count_the_difference_of_their_energies_less_the_baselines():
    """In open boundaries the baseline does not know the charge: its differences are zero."""
    frames = molecules(4)
    for atoms, group, charge, energy in zip(frames, "aabb", (0, 1, 0, 1), (0.0, 3.0, 1.0, 5.0)):
        atoms.info |= {"group": group, "total_charge": float(charge), "REF_energy": energy}
    assert label_spreads(frames)["charge_difference"] == pytest.approx(np.sqrt((9 + 16) / 2))


def test_a_total_charge_varies_at_least_as_its_atoms_charges_do():
    """Water of one composition: the elements' means add up to the total charge exactly."""
    neutral = molecules(2)
    neutral[1].arrays["REF_multipoles"][:, 0] *= -1.0
    found = label_spreads(neutral)
    assert found["total_charge"] == pytest.approx(found["charges"] * np.sqrt(6))
    charged = molecules(2)
    for atoms, charge in zip(charged, (-3.0, 3.0)):
        atoms.info["total_charge"] = charge
        atoms.arrays["REF_multipoles"][:, 0] = charge / 6
    assert label_spreads(charged)["total_charge"] == pytest.approx(3.0)


@pytest.mark.parametrize("system", ["pt_water", "sio2_vacancy"])
def test_shipped_labels_vary_as_much_as_they_do(system):
    """Of the size that a look at the cards lets one expect; nothing is constant."""
    found = label_spreads(load_dataset(SystemConfig(name=system)).frames["train"])
    assert 0.01 < found["energy"] < 0.1 and 0.5 < found["forces"] < 3.0
    assert 0.01 < found["charges"] < 0.1 and 0.01 < found["atomic_dipoles"] < 0.1
    assert ("charge_difference" in found) == (system == "sio2_vacancy")
    assert ("polarizability" in found) == (system == "pt_water")
    assert ("fermi_level" in found) == (system == "pt_water")
