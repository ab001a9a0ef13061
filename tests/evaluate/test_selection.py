import numpy as np
import pytest

from bench.density.constants import COULOMB_CONSTANT
from bench.evaluate.selection import charge_name, subsets, total_charge, without_applied_field
from tests.evaluate.predicted import frame

VOLUME = 5.0 * 5.0 * 20.0
IMAGES = 4.0 * np.pi * COULOMB_CONSTANT / VOLUME  # V/Å per e Å


@pytest.mark.parametrize(("applied", "expected"), [(0.0, True), (9e-4, True), (0.01, False)])
@pytest.mark.parametrize("dipole", [-0.3, 0.25])
def test_a_slab_feels_its_images_without_any_applied_field(
    applied: float, expected: bool, dipole: float
) -> None:
    atoms = frame(field=applied + IMAGES * dipole, dipole=(dipole, 9.0))
    assert without_applied_field(atoms) is expected


def test_a_felt_field_of_zero_is_none() -> None:
    assert without_applied_field(frame(field=0.0, dipole=(0.3, 0.3)))
    assert without_applied_field(frame(field=0.0, pbc=(True, True, True)))


def test_a_felt_field_without_a_dipole_cannot_be_excused() -> None:
    assert not without_applied_field(frame(field=IMAGES * 0.25))


def test_a_molecule_has_no_images() -> None:
    atoms = frame(field=IMAGES * 0.25, dipole=(0.25, 0.25), pbc=(False, False, False))
    assert not without_applied_field(atoms)


def test_subsets_are_indices() -> None:
    frames = [
        frame(subset="interface", field=IMAGES * 0.2, dipole=(0.2, 0.2)),
        frame(subset="bare_metal", field=0.3, dipole=(0.2, 0.2), charge=-1),
        frame(subset="interface", field=0.2, dipole=(0.2, 0.2), charge=-1),
    ]
    assert subsets(frames) == {
        "all": [0, 1, 2],
        "interface": [0, 2],
        "bare_metal": [1],
        "no_applied_field": [0],
        "charge=-1": [1, 2],
        "charge=0": [0],
    }


def test_neither_fields_nor_charges_make_subsets_where_they_do_not_vary() -> None:
    assert subsets([frame(), frame()]) == {"all": [0, 1], "interface": [0, 1]}


def test_charges_have_names() -> None:
    assert charge_name(0) == "charge=0"
    assert charge_name(0, 1.0, 2, -1) == "charge=0,+1,+2,-1"
    assert total_charge(frame(charge=np.float64(2.0))) == 2
    assert total_charge(frame(charge=0.5)) == 0.5
