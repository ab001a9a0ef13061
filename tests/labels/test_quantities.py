import numpy as np
import pytest

from bench.data.statistics import TrainingMeans
from bench.evaluate.registry import ACCURACY
from bench.labels.quantities import QUANTITIES, non_finite, stored
from tests.evaluate.predicted import MEANS, frame

BY_FAMILY = {quantity.family: quantity for quantity in QUANTITIES}


def test_every_family_has_its_quantity() -> None:
    assert list(BY_FAMILY) == list(ACCURACY)


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
    quantity = BY_FAMILY[family]
    for values in (
        quantity.reference(atoms, 0),
        quantity.predicted(atoms),
        quantity.of_mean(atoms, MEANS),
    ):
        assert values is None or values.shape == (size,)
    has_no_mean = ("potential", "polarizability", "total_charge")
    assert (quantity.of_mean(atoms, MEANS) is None) == (family in has_no_mean)


def test_polarizability_counts_in_the_defined_components() -> None:
    atoms = frame(dipole=(0.1, 0.2), REF_polarizability=np.arange(9.0).reshape(3, 3))
    assert BY_FAMILY["polarizability"].reference(atoms, 0).tolist() == [8.0]
    atoms.info["dipole_mask"] = np.array([1, 0, 1])
    assert BY_FAMILY["polarizability"].reference(atoms, 0).tolist() == [0.0, 2.0, 6.0, 8.0]


def test_stress_is_that_of_crystals_in_mev() -> None:
    stress = np.diag([1.0, 2.0, 3.0])
    crystal = frame(pbc=(True, True, True), REF_stress=stress)
    assert BY_FAMILY["stress"].reference(crystal, 0).sum() == 6000.0
    assert BY_FAMILY["stress"].reference(frame(REF_stress=stress), 0) is None


def test_per_atom_labels_are_arrays_and_the_others_info() -> None:
    atoms = frame()
    assert stored(atoms, "REF_forces") is atoms.arrays["REF_forces"]
    assert stored(atoms, "PRED_energy") == atoms.info["PRED_energy"]
    assert stored(atoms, "PRED_dipole") is None


def test_means_of_multipoles_are_by_element() -> None:
    atoms = frame()
    atoms.numbers[:] = [78, 8]
    means = TrainingMeans(None, None, {"78": [1.0, 2.0, 3.0, 4.0], "8": [5.0, 6.0, 7.0, 8.0]})
    assert BY_FAMILY["charges"].of_mean(atoms, means).tolist() == [1.0, 5.0]
    assert BY_FAMILY["atomic_dipoles"].of_mean(atoms, means).tolist() == [2, 3, 4, 6, 7, 8]


def test_a_dipole_without_a_defined_component_is_none() -> None:
    atoms = frame(dipole=(0.1, 0.2))
    atoms.info["dipole_mask"] = np.zeros(3, dtype=int)
    assert BY_FAMILY["dipole"].reference(atoms, 0) is None
    assert BY_FAMILY["dipole"].predicted(atoms) is None


def test_the_mean_dipole_counts_in_the_defined_component() -> None:
    atoms = frame(dipole=(0.1, 0.2))
    assert BY_FAMILY["dipole"].of_mean(atoms, MEANS).tolist() == [0.5]


def test_one_structure_is_listed_once_per_label() -> None:
    """Charges and atomic dipoles are read from the same array."""
    atoms = frame()
    atoms.arrays["PRED_multipoles"][:] = np.nan
    assert non_finite([frame(), atoms]) == {"PRED_multipoles": [1]}
