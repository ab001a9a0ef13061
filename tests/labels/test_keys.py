"""One table of names, units and orders; the shipped cards agree with it."""

import numpy as np
import pytest
import yaml

from bench.labels import keys
from bench.labels.keys import CARTESIAN_FROM_SPHERICAL, SPHERICAL_FROM_CARTESIAN
from bench.labels.quantities import QUANTITIES, labels
from bench.paths import shipped
from bench.testing.frames import cluster

CARDS = sorted(shipped("datasets").glob("*/card.yaml"))


def test_orders_of_vectors_are_inverse():
    xyz = np.array([1.0, 2.0, 3.0])
    yzx = np.array([2.0, 3.0, 1.0])
    assert np.array_equal(xyz[SPHERICAL_FROM_CARTESIAN], yzx)
    assert np.array_equal(yzx[CARTESIAN_FROM_SPHERICAL], xyz)


def test_atomic_multipoles_add_up_to_the_dipole_in_the_documented_order():
    atoms = cluster()
    charges, vectors = np.split(atoms.arrays["REF_multipoles"], [1], axis=1)
    dipole = (charges * atoms.positions + vectors[:, CARTESIAN_FROM_SPHERICAL]).sum(0)
    np.testing.assert_allclose(dipole, atoms.info["REF_dipole"], rtol=0, atol=1e-12)


def test_no_key_has_two_meanings():
    known = [key for x in QUANTITIES.values() for key in (x.reference_key, x.predicted_key)]
    others = [value for name, value in vars(keys).items() if name.endswith("_KEY")]
    assert "REF_fermi_level" in known and "PRED_multipoles" in known and len(others) > 10
    known += [key for key in others if key != keys.TOTAL_CHARGE_KEY]  # a state is a quantity, too
    assert len(set(known) | set(keys.IDENTITY_KEYS)) == len(known) + len(keys.IDENTITY_KEYS)


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.parent.name)
def test_shipped_cards_state_the_same_units(path):
    units = {
        key: entry["unit"] for key, entry in yaml.safe_load(path.read_text())["labels"].items()
    }
    known = {label.reference_key: label.unit for label in labels().values()}
    shared = units.keys() & known.keys()
    assert {"REF_energy", "REF_forces", "REF_multipoles"} <= shared
    assert {key: units[key] for key in shared} == {key: known[key] for key in shared}
