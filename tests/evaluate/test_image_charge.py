"""Lattice sums and shape factors that are known, and the order of the cell."""

import numpy as np
import pytest

from bench.density.constants import COULOMB_CONSTANT
from bench.evaluate.image_charge import image_correction, madelung_potential, wigner_seitz_moment

LENGTH = 7.3  # Å
CUBE = np.eye(3)
FCC = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
BCC = np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]) / 2
HCP = np.array([[1, 0, 0], [-0.5, np.sqrt(3) / 2, 0], [0, 0, np.sqrt(8 / 3)]])


@pytest.mark.parametrize(
    ("cell", "expected"), [(CUBE, -2.837297479), (FCC, -4.584862074), (BCC, -3.639233449)]
)
def test_potential_of_a_lattice_of_charges_in_a_background(cell, expected) -> None:
    """The Wigner lattices' Madelung constants, per length of the cubic edge."""
    assert madelung_potential(LENGTH * cell) == pytest.approx(
        COULOMB_CONSTANT * expected / LENGTH, rel=1e-9
    )


def test_moment_of_a_cube_and_of_a_brick() -> None:
    assert wigner_seitz_moment(LENGTH * CUBE) == pytest.approx(LENGTH**2 / 4, rel=1e-3)
    brick = np.diag([3.0, 5.0, 8.0])
    assert wigner_seitz_moment(brick) == pytest.approx((9 + 25 + 64) / 12, rel=1e-3)


@pytest.mark.parametrize(
    ("cell", "factor"), [(CUBE, -0.369), (FCC, -0.343), (BCC, -0.342), (HCP, -0.478)]
)
def test_third_order_over_first_is_the_published_shape_factor(cell, factor) -> None:
    """S. Lany and A. Zunger, Modelling Simul. Mater. Sci. Eng. 17, 084002 (2009)."""
    alone = image_correction(LENGTH * cell, 1.0, 1.0)
    screened = 1e9 * image_correction(LENGTH * cell, 1.0, 1e9)  # 1 − 1/ε is one
    assert screened / alone - 1 == pytest.approx(factor, abs=1.5e-3)


def test_without_screening_it_is_the_images_own_energy() -> None:
    expected = 2.837297479 * COULOMB_CONSTANT / (2 * LENGTH)
    assert image_correction(LENGTH * CUBE, 1.0, 1.0) == pytest.approx(expected, rel=1e-9)


def test_it_grows_with_the_square_of_the_charge_and_falls_with_the_length() -> None:
    one = image_correction(LENGTH * FCC, 1.0, 2.4)
    assert one > 0.0
    assert image_correction(LENGTH * FCC, -2.0, 2.4) == pytest.approx(4 * one)
    assert image_correction(2 * LENGTH * FCC, 1.0, 2.4) == pytest.approx(one / 2)
    assert image_correction(LENGTH * FCC, 0.0, 2.4) == 0.0


def test_the_choice_of_lattice_vectors_does_not_matter() -> None:
    other = np.array([[1, 0, 0], [1, 1, 0], [-3, 2, 1]]) @ HCP
    assert image_correction(LENGTH * other, 1.0, 2.4) == pytest.approx(
        image_correction(LENGTH * HCP, 1.0, 2.4), rel=1e-6
    )
