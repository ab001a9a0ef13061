"""What the training set alone says, on energies that are known by construction."""

import json

import ase
import numpy as np
import pytest

from bench.data.statistics import (
    Baseline,
    TrainingMeans,
    fit_baseline,
    force_scale,
    training_means,
)
from bench.testing.frames import bulk, cluster, slab

ATOMIC = {1: -13.0, 8: -430.0}  # eV
SHIFTS = {1: 4.0, 8: 25.0}  # eV Å³ / e


def box(symbols, charge=0.0, *, length=8.0, pbc=True):
    """Atoms whose energy is that of a baseline."""
    atoms = ase.Atoms(symbols, np.zeros((len(ase.Atoms(symbols)), 3)), cell=[length] * 3, pbc=pbc)
    shift = sum(SHIFTS[z] for z in atoms.numbers) * charge / length**3 if pbc else 0.0
    energy = sum(ATOMIC[z] for z in atoms.numbers) + shift
    atoms.info |= {"total_charge": charge, "REF_energy": energy}
    return atoms


KNOWN = [box("H2O"), box("H2"), box("O2", 1.0), box("H2O", 1.0), box("H2", 2.0, length=6.0)]


def test_energies_of_the_elements_and_shifts_are_found():
    fitted = fit_baseline(KNOWN, (1, 8))
    assert fitted.atomic_energies == pytest.approx((-13.0, -430.0), abs=1e-9)
    assert fitted.potential_shifts == pytest.approx((4.0, 25.0), abs=1e-6)
    other = box("OH3O", -1.0, length=5.0)
    assert fitted.energy(other) == pytest.approx(other.info["REF_energy"], abs=1e-7)


def test_a_molecule_has_no_average_potential():
    fitted = fit_baseline(KNOWN, (1, 8))
    ions = [fitted.energy(box("H2O", charge, pbc=False)) for charge in (-1.0, 0.0, 1.0)]
    assert ions == pytest.approx([-456.0] * 3, abs=1e-9)


def test_the_shift_is_of_the_potential():
    """It adds Q times Σ s_Z / V: odd in the charge, and halved in twice the volume."""
    line = Baseline((1, 8), (0.0, 0.0), (4.0, 25.0))
    one, minus = line.energy(box("H2O", 1.0)), line.energy(box("H2O", -1.0))
    assert one == pytest.approx(33.0 / 512, rel=1e-12) and minus == -one
    assert line.energy(box("H2O", 1.0, length=8 * 2 ** (1 / 3))) == pytest.approx(one / 2)


def test_one_composition_shares_its_energy_by_least_norm():
    fitted = fit_baseline([box("H2O"), box("H2O")], (1, 8))
    e, share = fitted.atomic_energies, -456.0 / 5
    assert e == pytest.approx((2 * share, share))
    assert fitted.potential_shifts == pytest.approx((0.0, 0.0), abs=1e-12)


def test_errors_beyond_the_baseline_do_not_move_it_by_their_mean():
    """Least squares: residuals are orthogonal to the number of atoms of every element."""
    noisy = [atoms.copy() for atoms in KNOWN]
    for number, atoms in enumerate(noisy):
        atoms.info["REF_energy"] += np.sin(7.0 * number)
    fitted = fit_baseline(noisy, (1, 8))
    residuals = np.array([a.info["REF_energy"] - fitted.energy(a) for a in noisy])
    counts = np.array([[np.count_nonzero(a.numbers == z) for z in (1, 8)] for a in noisy])
    assert np.abs(residuals).max() > 0.1
    np.testing.assert_allclose(counts.T @ residuals, 0.0, atol=1e-8)


def test_means_are_over_what_is_defined():
    frames = [cluster(), slab(), bulk()]
    frames[0].info["REF_dipole"] = np.array([1.0, -2.0, 3.0])
    frames[1].info["REF_dipole"] = np.array([99.0, 99.0, 7.0])  # x and y count in no mean
    for atoms, level in zip(frames, (1.0, 2.0, 6.0)):
        atoms.info["REF_fermi_level"] = level
    means = training_means(frames)
    assert means.structure["dipole"] == pytest.approx([1.0, -2.0, 5.0])
    assert means.structure["fermi_level"] == [3.0]
    del frames[2].info["REF_fermi_level"], frames[2].info["REF_dipole"]
    means = training_means(frames)
    assert means.structure["fermi_level"] == [1.5]
    assert means.structure["dipole"] == pytest.approx([1.0, -2.0, 5.0])


def test_a_component_that_nothing_defines_has_no_mean():
    atoms = slab()
    atoms.info["REF_dipole"] = np.array([5.0, 5.0, 0.5])
    assert training_means([atoms]).structure["dipole"] == [None, None, 0.5]


def test_charges_without_dipoles_have_means_of_charges_alone():
    frames = [cluster(), cluster()]
    charges = frames[0].arrays["REF_multipoles"][:, 0]
    for atoms, columns in zip(frames, (charges, charges[:, None] + 0.1)):
        del atoms.arrays["REF_multipoles"]
        atoms.arrays["REF_multipoles"] = columns
    oxygen = training_means(frames).element["multipoles"]["8"]
    assert oxygen[0] == pytest.approx(charges[frames[0].numbers == 8].mean() + 0.05)
    assert oxygen[1:] == [None] * 3


def test_multipoles_are_averaged_by_element_over_labelled_structures():
    frames = [slab(), cluster(), bulk()]
    del frames[2].arrays["REF_multipoles"]
    means = training_means(frames).element["multipoles"]
    assert list(means) == ["1", "8", "13"]  # silicon has no label, oxygen has those of the others
    rows = np.concatenate([a.arrays["REF_multipoles"][a.numbers == 8] for a in frames[:2]])
    assert len(rows) == 3 and means["8"] == pytest.approx(rows.mean(0), abs=1e-12)


def test_a_set_without_labels_has_no_means():
    atoms = cluster()
    for key in ("REF_dipole", "REF_fermi_level"):
        del atoms.info[key]
    del atoms.arrays["REF_multipoles"]
    assert training_means([atoms]) == TrainingMeans({}, {}, [[0.0] * 3, [0.0] * 3])


def test_means_know_which_fields_there_were():
    frames = [slab(field=-0.1), slab(field=0.3), cluster(field=(0.2, 0.0, 0.1))]
    assert training_means(frames).field_range == [[0.0, 0.0, -0.1], [0.2, 0.0, 0.3]]
    assert TrainingMeans.from_dict({"structure": {}, "element": {}}).field_range is None


def test_means_survive_json():
    means = training_means([slab(), cluster()])
    text = json.dumps(means.to_dict(), allow_nan=False)
    assert TrainingMeans.from_dict(json.loads(text)) == means


def test_the_scale_of_forces_counts_components_alike():
    small, large = ase.Atoms("H"), ase.Atoms("H3")
    small.arrays["REF_forces"] = np.array([[3.0, 0.0, 0.0]])
    large.arrays["REF_forces"] = np.full((3, 3), -1.0)
    assert force_scale([small, large]) == pytest.approx(np.sqrt((9 + 9) / 12), rel=1e-12)
