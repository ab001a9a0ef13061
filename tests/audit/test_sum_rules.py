"""Sum rules are judged by what rounding the labels explains."""

import numpy as np
import pytest
from ase import Atoms

from bench.audit.sum_rules import (
    deviations,
    resolution,
    stated_resolutions,
    sum_rules,
    tolerances,
)

NAMES = [f"structure {i}" for i in range(20)]


def made(seed, decimals, charge=0.0, count=30):
    """A cluster whose charges, dipoles and dipole are rounded to some decimals."""
    rng = np.random.default_rng(seed)
    atoms = Atoms(f"H{count}", rng.uniform(-6, 6, size=(count, 3)))
    rows = 0.3 * rng.normal(size=(count, 4))
    rows[:, 0] += charge / count - rows[:, 0].mean()
    dipole = rows[:, 0] @ (atoms.positions - 0.5) + rows[:, [3, 1, 2]].sum(0)
    atoms.arrays["REF_multipoles"] = rows.round(decimals)
    atoms.info |= {
        "total_charge": charge,
        "REF_dipole": dipole.round(decimals),
        "dipole_mask": np.ones(3),
    }
    return atoms


@pytest.mark.parametrize("decimals", [2, 4, 8, 15])
def test_rounded_labels_obey_and_a_wrong_total_charge_does_not(decimals):
    frames = [made(seed, decimals, charge=seed % 3 - 1.0) for seed in range(20)]
    charge, dipole = sum_rules(frames)
    assert (charge.checked, charge.broken, dipole.broken) == (20, [], [])
    assert "Σq = Q holds in all 20 structures" in charge.line(NAMES)
    frames[7].info["total_charge"] += 0.2
    frames[9].info["REF_dipole"] = frames[9].info["REF_dipole"] + [0.0, 1.0, 0.0]
    charge, dipole = sum_rules(frames)
    assert (charge.broken, dipole.broken) == ([7], [9])
    assert charge.worst == pytest.approx(0.2, abs=0.5 * 30 * 10.0**-decimals)
    assert "is broken in 1 of 20 structures (worst 2" in charge.line(NAMES)
    assert "in structure 7; the labels' rounding explains" in charge.line(NAMES)


def test_the_tolerance_is_five_standard_deviations_of_rounding():
    """The spread of 4000 sums of 50 rounded charges is h √(50/12)."""
    exact = np.random.default_rng(0).uniform(-1, 1, size=(4000, 50))
    spread = (exact.round(3) - exact).sum(1).std()
    atoms = made(0, 3, count=50)
    allowed = tolerances(atoms, {"REF_multipoles": 1e-3, "REF_dipole": 1e-3})["charge"]
    assert allowed / 5 == pytest.approx(spread, rel=0.05)


def test_a_stated_step_is_used_instead_of_the_decimals():
    """Values in Debye lose their decimals in e Å."""
    frames = [made(seed, 2) for seed in range(3)]
    for atoms in frames:
        atoms.arrays["REF_multipoles"] = atoms.arrays["REF_multipoles"] * 0.20819433
        atoms.info["REF_dipole"] = atoms.info["REF_dipole"] * 0.20819433
        atoms.info["total_charge"] *= 0.20819433
    step = 0.01 * 0.20819433
    assert all(rule.broken for rule in sum_rules(frames))
    keys = ("REF_energy", "REF_multipoles", "REF_dipole")
    card = {"labels": {key: {"resolution": step} if key != keys[0] else {} for key in keys}}
    stated = sum_rules(frames, stated_resolutions(card))
    assert not any(rule.broken for rule in stated)


@pytest.mark.parametrize("box", [None, [20.0, 30.0, 40.0]])
def test_charged_structures_are_compared_about_their_centre(box):
    """As the models' dipoles are; without a box that of a unit one."""
    atoms = made(0, 8, charge=2.0)
    if box is not None:
        atoms.set_cell(box)
        shift = np.array(box) / 2 - 0.5
        assert deviations(atoms)["dipole"] == pytest.approx(2.0 * shift.max())
        atoms.info["REF_dipole"] = atoms.info["REF_dipole"] - 2.0 * shift
    assert deviations(atoms)["dipole"] < 1e-5


def test_charges_alone_obey_no_rule_of_the_dipole():
    atoms = made(0, 8)
    atoms.arrays["REF_multipoles"] = atoms.arrays["REF_multipoles"][:, :1]
    assert set(deviations(atoms)) == {"charge"}
    atoms.arrays["REF_multipoles"] = atoms.arrays["REF_multipoles"][:, 0]  # as a file gives it
    assert [rule.kind for rule in sum_rules([atoms])] == ["charge"]
    assert sum_rules([Atoms("H", info={"total_charge": 0.0})]) == []


def test_only_defined_components_of_the_dipole_count():
    atoms = made(0, 8)
    atoms.info["REF_dipole"] = atoms.info["REF_dipole"] + [5.0, 5.0, 0.0]
    assert deviations(atoms)["dipole"] == pytest.approx(5.0, abs=1e-6)
    atoms.info["dipole_mask"] = np.array([0, 0, 1])
    assert deviations(atoms)["dipole"] < 1e-6


@pytest.mark.parametrize(
    ("values", "step"),
    [([1.0, -2.0], 1.0), ([0.5], 0.1), ([0.1234, 0.5], 1e-4), ([123.00000001], 1e-8)]
    + [([0.1, 1 / 3], 0.0), ([], 1.0), ([0.1 + 0.2], 0.1)],
)
def test_resolution(values, step):
    assert resolution(values) == pytest.approx(step)
