"""The numbers of a structure that count, in the units in which they are shown."""

import numpy as np
import pytest

from bench.data.statistics import TrainingMeans
from bench.evaluate.registry import ACCURACY
from bench.evaluate.values import SCORED, non_finite
from tests.evaluate.predicted import MEANS, frame, training_means


def test_every_family_has_its_values() -> None:
    assert list(SCORED) == list(ACCURACY)
    assert all(SCORED[name].part.unit == family.unit for name, family in ACCURACY.items())


@pytest.mark.parametrize(
    ("family", "size"),
    [
        ("energy", 1),
        ("forces", 9),
        ("dipole", 1),
        ("charges", 3),
        ("atomic_dipoles", 9),
        ("fermi_level", 1),
        ("potential", 3),
        ("polarizability", 1),
        ("total_charge", 1),
    ],
)
def test_reference_prediction_and_mean_have_the_same_values(family: str, size: int) -> None:
    atoms = frame(atoms=3, dipole=(0.1, 0.2))
    for source in ("REF", "PRED"):
        atoms.arrays[f"{source}_electrostatic_potential"] = np.arange(3.0)
        atoms.info[f"{source}_polarizability"] = np.arange(9.0).reshape(3, 3)
    scored = SCORED[family]
    for values in (scored.reference(atoms, 0), scored.predicted(atoms)):
        assert values is not None and values.shape == (size,)
    mean = scored.of_mean(atoms, MEANS)
    assert (mean is None) == (family in ("potential", "polarizability", "total_charge"))
    assert mean is None or mean.shape == (size,)


def test_polarizability_counts_in_the_defined_components() -> None:
    atoms = frame(dipole=(0.1, 0.2), REF_polarizability=np.arange(9.0).reshape(3, 3))
    assert SCORED["polarizability"].reference(atoms, 0).tolist() == [8.0]
    atoms.info["dipole_mask"] = np.array([1, 0, 1])
    assert SCORED["polarizability"].reference(atoms, 0).tolist() == [0.0, 2.0, 6.0, 8.0]


def test_stress_is_that_of_crystals_in_mev() -> None:
    stress = np.diag([1.0, 2.0, 3.0])
    crystal = frame(pbc=(True, True, True), REF_stress=stress)
    assert SCORED["stress"].reference(crystal, 0).sum() == 6000.0
    assert SCORED["stress"].reference(frame(REF_stress=stress), 0) is None


def test_means_of_multipoles_are_by_element() -> None:
    atoms = frame()
    atoms.numbers[:] = [78, 8]
    means = training_means(multipoles={"78": [1.0, 2.0, 3.0, 4.0], "8": [5.0, 6.0, 7.0, 8.0]})
    assert SCORED["charges"].of_mean(atoms, means).tolist() == [1.0, 5.0]
    assert SCORED["atomic_dipoles"].of_mean(atoms, means).tolist() == [2, 3, 4, 6, 7, 8]


def test_a_mean_that_the_training_set_does_not_have_is_none() -> None:
    """Charges were labelled there without dipoles; of the dipole, only z was defined."""
    means = TrainingMeans({"dipole": [None, None, 0.5]}, {"multipoles": {"78": [0.1, None]}})
    atoms = frame(dipole=(0.1, 0.2))
    assert SCORED["charges"].of_mean(atoms, means).tolist() == [0.1, 0.1]
    assert SCORED["atomic_dipoles"].of_mean(atoms, means) is None
    assert SCORED["dipole"].of_mean(atoms, means).tolist() == [0.5]
    atoms.info["dipole_mask"] = np.ones(3)
    assert SCORED["dipole"].of_mean(atoms, means) is None


def test_a_dipole_without_a_defined_component_is_none() -> None:
    atoms = frame(dipole=(0.1, 0.2))
    atoms.info["dipole_mask"] = np.zeros(3, dtype=int)
    assert SCORED["dipole"].reference(atoms, 0) is None
    assert SCORED["dipole"].predicted(atoms) is None


def test_one_structure_is_listed_once_per_label() -> None:
    """Charges and atomic dipoles are read from the same array."""
    atoms = frame()
    atoms.arrays["PRED_multipoles"][:] = np.nan
    assert non_finite([frame(), atoms]) == {"PRED_multipoles": [1]}
