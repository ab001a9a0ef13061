"""The density partition on analytic densities, where every answer is known."""

import numpy as np
import pytest

from bench.errors import BenchError
from bench.reference.partition import (
    REACH,
    Grid,
    Proatom,
    dipole_from_profile,
    load_proatoms,
    restore_sum_rules,
    spherical_proatom,
    stockholder,
)

CELL = np.diag([9.0, 9.5, 18.0])


def gaussian(distance, width=0.45):
    return np.exp(-(distance**2) / (2 * width**2)) / (2 * np.pi * width**2) ** 1.5


RADII = np.linspace(0, REACH, 2000)
PROATOM = Proatom(RADII, np.log(np.maximum(gaussian(RADII), 1e-40)))


def on_grid(cell, centres, electrons, shape=(60, 64, 120)):
    """Periodic sum of Gaussians with these numbers of electrons."""
    fractions = np.stack(np.meshgrid(*[np.arange(n) / n for n in shape], indexing="ij"), -1)
    density = np.zeros(shape)
    for centre, number in zip(centres, electrons):
        delta = fractions - np.asarray(centre) @ np.linalg.inv(cell)
        delta -= np.round(delta)
        density += number * gaussian(np.linalg.norm(delta @ cell, axis=-1))
    return Grid(density, cell)


def test_neutral_free_atoms_have_no_charge_and_no_dipole():
    positions = np.array([[1.0, 1.0, 4.0], [2.1, 1.3, 4.6], [0.2, 9.3, 5.0]])  # one at the border
    grid = on_grid(CELL, positions, [1.0, 1.0, 1.0])
    charges, dipoles = stockholder(grid, positions, np.array([1, 1, 1]), np.ones(3), {1: PROATOM})
    assert grid.electrons == pytest.approx(3.0, abs=1e-9)
    assert charges == pytest.approx(np.zeros(3), abs=1e-6)
    assert dipoles == pytest.approx(np.zeros((3, 3)), abs=1e-6)


def test_separate_atoms_show_their_charge_and_their_shift():
    positions = np.array([[2.0, 2.0, 3.0], [7.0, 7.0, 12.0]])
    shift = np.array([0.03, -0.02, 0.05])  # electrons moved away from the first nucleus
    grid = on_grid(CELL, positions + [shift, np.zeros(3)], [1.0, 0.7])
    charges, dipoles = stockholder(grid, positions, np.array([1, 1]), np.ones(2), {1: PROATOM})
    assert charges == pytest.approx([0.0, 0.3], abs=1e-6)
    assert dipoles[0] == pytest.approx(-shift, abs=1e-6)
    assert dipoles[1] == pytest.approx(np.zeros(3), abs=1e-6)


def test_a_skewed_cell_and_a_periodic_image():
    cell = np.array([[8.0, 0.0, 0.0], [-4.0, 7.0, 0.0], [0.0, 0.0, 7.5]])
    positions = np.array([[0.1, 0.1, 0.1], [1.2, 0.4, 7.3]])  # neighbours across the border
    grid = on_grid(cell, positions, [1.0, 1.0], shape=(54, 54, 50))
    charges, dipoles = stockholder(grid, positions, np.array([1, 1]), np.ones(2), {1: PROATOM})
    assert charges == pytest.approx(np.zeros(2), abs=1e-5)
    assert dipoles == pytest.approx(np.zeros((2, 3)), abs=1e-5)


def test_an_element_without_proatom_is_refused():
    grid = on_grid(CELL, [[1, 1, 1]], [1.0], shape=(8, 8, 8))
    with pytest.raises(BenchError, match="29"):
        stockholder(grid, np.ones((1, 3)), np.array([29]), np.ones(1), {1: PROATOM})


def test_dipole_of_a_profile():
    positions = np.array([[3.0, 3.0, 6.0], [5.0, 4.0, 9.0]])
    electrons = [1.4, 0.6]
    grid = on_grid(CELL, positions + [0.0, 0.0, 0.1], electrons)
    heights, per_length = grid.profile()
    dipole = dipole_from_profile(heights, per_length, positions, np.ones(2))
    exact = (6.0 + 9.0) - (1.4 * 6.1 + 0.6 * 9.1)
    assert dipole == pytest.approx(exact, abs=1e-8)
    assert per_length.sum() * (heights[1] - heights[0]) == pytest.approx(2.0, abs=1e-9)


def test_the_exact_cell_is_needed():
    """Steps rounded to 1e-6 Bohr, as in a cube file's header, miss electrons and dipole."""
    rounded = CELL * (1 + 2e-6)
    grid = on_grid(CELL, [[3.0, 3.0, 6.0]], [256.0])
    wrong = Grid(grid.density, rounded)
    assert wrong.electrons - grid.electrons == pytest.approx(256 * 6e-6, rel=1e-3)
    normal = wrong.normalised(256.0)
    shift = np.subtract(
        *(
            dipole_from_profile(*g.profile(), np.array([[3.0, 3.0, 6.0]]), np.array([256.0]))
            for g in (normal, grid)
        )
    )
    assert shift == pytest.approx(-256 * 6.0 * 2e-6, rel=1e-3)


@pytest.mark.parametrize("mask", [(0, 0, 0), (0, 0, 1), (1, 1, 1)])
@pytest.mark.parametrize("total_charge", [0.0, 2.0])
def test_sum_rules_hold_after_the_smallest_correction(mask, total_charge):
    rng = np.random.default_rng(2)
    positions = rng.uniform(0, 10, (12, 3))
    charges, dipoles = rng.normal(size=12), rng.normal(size=(12, 3))
    target = rng.normal(size=3)
    result = restore_sum_rules(
        charges, dipoles, positions, total_charge=total_charge, dipole=target, mask=np.array(mask)
    )
    assert result.charges.sum() == pytest.approx(total_charge, abs=1e-12)
    total = result.charges @ positions + result.dipoles.sum(0)
    chosen = np.array(mask, dtype=bool)
    assert total[chosen] == pytest.approx(target[chosen], abs=1e-10)
    raw = charges @ positions + dipoles.sum(0)
    assert result.charge_violation == pytest.approx(charges.sum() - total_charge)
    assert result.dipole_violation == pytest.approx((raw - target)[chosen])
    # smallest: a second correction changes nothing, and the change lies in the rules' row space
    change = np.concatenate([result.charges - charges, (result.dipoles - dipoles).T.ravel()])
    rules = [np.concatenate([np.ones(12), np.zeros(36)])]
    rules += [
        np.concatenate([positions[:, k], np.repeat(np.eye(3)[k], 12)]) for k in np.flatnonzero(mask)
    ]
    residual = np.linalg.lstsq(np.array(rules).T, change, rcond=None)[1]
    assert residual == pytest.approx(0.0, abs=1e-12)


def test_spherical_average_gives_back_a_sphere():
    cell = np.eye(3) * 10.0
    centre = np.array([5.011, 5.023, 5.037])
    proatom = spherical_proatom(on_grid(cell, [centre], [1.0], shape=(100, 100, 100)), centre)
    radii = np.linspace(0.1, 2.0, 30)
    assert np.log(proatom(radii)) == pytest.approx(np.log(gaussian(radii)), abs=0.05)
    assert proatom(np.array([REACH + 0.01])) == 0.0


@pytest.mark.parametrize(("number", "electrons"), [(1, 1), (8, 6), (13, 3), (14, 4), (78, 18)])
def test_shipped_free_atoms_hold_their_electrons(number, electrons):
    proatom = load_proatoms()[number]
    radii = np.linspace(0, REACH, 20001)
    shells = 4 * np.pi * radii**2 * proatom(radii)
    # aluminium's 3p reaches farther than the others
    assert np.trapezoid(shells, radii) == pytest.approx(electrons, rel=0.015)
    assert (np.diff(np.log(proatom(radii[8000:-2]))) < 0).all()  # the tail falls monotonically
