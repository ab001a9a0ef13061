"""Wrong signs are found where labels contradict each other, and right ones pass."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT

from bench.audit.signs import WrongSign, dipole_of_charges, wrong_signs

ALPHA = 0.1  # e Å²/V


def water(seed, field=(0.0, 0.0, 0.0), charge=0.0):
    """Point charges and a polarisability: every label follows from them."""
    atoms = molecule("H2O")
    atoms.rattle(0.05, seed=seed)
    atoms.rotate(37 * seed, (1, 2, 3))
    charges = np.array([-0.8, 0.4, 0.4]) + charge / 3
    dipole = charges @ atoms.positions + ALPHA * np.array(field)
    atoms.arrays["REF_multipoles"] = charges[:, None]
    atoms.info |= {
        "REF_dipole": dipole,
        "dipole_mask": np.ones(3),
        "REF_polarizability": ALPHA * np.eye(3),
        "REF_energy": -dipole @ field,
        "electric_field": np.array(field, dtype=float),
        "total_charge": charge,
    }
    atoms.arrays["REF_forces"] = charges[:, None] * np.array(field)
    return atoms


def copper(seed):
    """A rattled crystal with the energy and forces of ase's EMT."""
    atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.rattle(0.05, seed=seed)
    atoms.positions += atoms.cell[0] * (seed % 2)  # an image of itself
    atoms.calc = EMT()
    atoms.info |= {
        "REF_energy": atoms.get_potential_energy(),
        "total_charge": 0.0,
        "electric_field": np.zeros(3),
    }
    atoms.arrays["REF_forces"] = atoms.get_forces()
    atoms.calc = None
    return atoms


def series():
    fields = [(0, 0, z) for z in (-0.2, 0.0, 0.2)]
    return [water(seed, field) for seed in range(4) for field in fields]


def scattered():
    random = np.random.default_rng(1)
    return [water(seed, 4.0 * random.normal(size=3)) for seed in range(40)]


def charged():
    return [water(seed, charge=q) for seed in range(3) for q in (0.0, 1.0, -1.0)]


def crystals():
    return [copper(seed) for seed in range(8)]


@pytest.mark.parametrize("frames", [series, scattered, charged, crystals])
def test_right_signs_pass(frames):
    assert wrong_signs(frames()) == []


def flip(frames, *keys):
    for atoms in frames:
        for key in keys:
            store = atoms.arrays if key in atoms.arrays else atoms.info
            store[key] = -np.asarray(store[key])
    return frames


@pytest.mark.parametrize(
    ("frames", "keys", "suspects", "found"),
    [
        (series, ["REF_polarizability"], ("polarizability",), "12 of 12 structures (down to -0.1 "),
        (series, ["electric_field"], ("field",), "in 4 of 4 series (slope -0.1 e Å²/V)"),
        (scattered, ["electric_field"], ("field",), "over the set (slope -0.1"),
        (charged, ["REF_multipoles"], ("multipoles", "total_charge"), "in 6 of 6 charged struc"),
        (
            crystals,
            ["REF_forces"],
            ("forces",),
            "between 8 pairs of near frames (correlation -1.00)",
        ),
    ],
)
def test_one_wrong_sign_is_found_with_its_number(frames, keys, suspects, found):
    signs = wrong_signs(flip(frames(), *keys))
    assert suspects in [sign.suspects for sign in signs]
    assert found in next(sign.finding for sign in signs if sign.suspects == suspects)


@pytest.mark.parametrize("frames", [series, scattered])
def test_a_wrong_dipole_is_told_from_a_wrong_field_by_the_charges(frames):
    signs = wrong_signs(flip(frames(), "REF_dipole"))
    assert [sign.suspects for sign in signs] == [("dipole", "multipoles"), ("dipole",)]
    blind = flip(frames(), "REF_dipole")
    for atoms in blind:
        del atoms.arrays["REF_multipoles"]
    assert [sign.suspects for sign in wrong_signs(blind)] == [("field", "dipole")]


def test_forces_and_energies_of_another_zero_agree():
    shifted = crystals()
    for atoms in shifted:
        atoms.info["REF_energy"] += 1000.0
    assert wrong_signs(shifted) == []


def test_molecules_that_moved_are_near_frames():
    """Energies and forces do not change when everything moves along open axes."""
    frames = []
    for seed in range(8):
        atoms = molecule("H2O")
        atoms.rattle(0.05, seed=seed)
        atoms.positions += 20.0 * np.random.default_rng(seed).normal(size=3)
        atoms.calc = EMT()
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        info = {"REF_energy": energy, "total_charge": 0.0, "electric_field": np.zeros(3)}
        frames.append(Atoms(atoms.numbers, atoms.positions, info=info))
        frames[-1].arrays["REF_forces"] = forces
    assert wrong_signs(frames) == []
    (sign,) = wrong_signs(flip(frames, "REF_forces"))
    assert sign.suspects == ("forces",) and "8 pairs" in sign.finding


def test_too_few_near_frames_tell_nothing():
    assert wrong_signs(flip(crystals()[:2], "REF_forces")) == []
    far = flip(crystals(), "REF_forces")
    for number, atoms in enumerate(far):
        atoms.positions[0] += 0.7 * number
    assert wrong_signs(far) == []


def test_one_strange_polarisability_is_no_wrong_sign():
    frames = [water(seed) for seed in range(5)]
    flip(frames[:1], "REF_polarizability")
    (sign,) = wrong_signs(frames)
    assert sign.suspects == () and "in 1 of 5 structures" in sign.finding
    assert sign.line() == sign.finding


def test_components_that_a_slab_does_not_define_are_not_looked_at():
    frames = series()
    for atoms in frames:
        atoms.info["dipole_mask"] = np.array([0, 0, 1])
        atoms.info["REF_polarizability"] = np.diag([-1.0, -1.0, ALPHA])
        atoms.info["REF_dipole"] = atoms.info["REF_dipole"] * [-1.0, -1.0, 1.0]
    assert wrong_signs(frames) == []
    assert dipole_of_charges(frames) > 0.5


def test_the_mend_turns_the_sign_that_was_given():
    sign = WrongSign("found", ("dipole", "field"))
    assert sign.line() == "found: import with sign.dipole=-1 or sign.field=-1"
    assert sign.line({"dipole": -1.0}) == "found: import with sign.dipole=1 or sign.field=-1"


def test_atoms_without_labels_are_no_evidence():
    plain = Atoms("H", info={"total_charge": 0.0, "electric_field": np.zeros(3), "REF_energy": 0.0})
    plain.arrays["REF_forces"] = np.zeros((1, 3))
    assert wrong_signs([plain] * 5) == []
