"""Polarisabilities from the dipoles of one geometry in several fields."""

from __future__ import annotations

import ase
import numpy as np
import pytest

from bench.config.schema import SystemConfig
from bench.data.dataset import load_dataset
from bench.reference.field_series import add_polarizabilities, slopes
from bench.testing.frames import slab


def state(field: float, dipole: float, *, group: str = "a", charge: float = 0.0) -> ase.Atoms:
    atoms = slab(field=field)
    atoms.info |= {"group": group, "total_charge": charge}
    atoms.info |= {"REF_dipole": np.array([5.0, 5.0, dipole]), "dipole_mask": np.array([0, 0, 1])}
    atoms.info.pop("REF_polarizability", None)
    return atoms


def labels(frames: list[ase.Atoms]) -> list[float | None]:
    add_polarizabilities(frames)
    tensors = [atoms.info.get("REF_polarizability") for atoms in frames]
    return [None if tensor is None else float(tensor[2, 2]) for tensor in tensors]


def test_two_fields_give_a_secant_and_more_the_slope_at_each() -> None:
    curve = [(field, 0.3 + 1.5 * field + 2.0 * field**2) for field in (-0.1, 0.0, 0.3)]
    found = labels([state(*curve[0]), state(*curve[1])])
    assert found == pytest.approx([1.3, 1.3])
    assert labels([state(*point) for point in curve]) == pytest.approx([1.1, 1.5, 2.7])
    assert slopes(np.array([0.1, 0.1, 0.2]), np.array([1.0, 1.0, 1.2])) == pytest.approx([2.0] * 3)


def test_only_fields_of_one_geometry_and_charge_tell() -> None:
    alone = [state(0.0, 0.1), state(0.1, 0.3, group="b"), state(0.1, 0.3, charge=1.0)]
    unknown, along_x = state(0.1, 0.3), state(0.0, 0.3)
    del unknown.info["REF_dipole"]
    along_x.info["electric_field"] = np.array([0.2, 0.0, 0.0])
    assert labels([*alone, unknown]) == [None] * 4
    assert labels([state(0.0, 0.1), along_x]) == [None] * 2
    assert labels([state(0.0, 0.1), state(1e-9, 0.1)]) == [None] * 2


def test_what_a_calculation_gave_stays() -> None:
    given = [state(0.0, 0.1), state(0.1, 0.3)]
    given[0].info["REF_polarizability"] = 1.9 * np.eye(3)
    assert labels(given) == [1.9, None]


@pytest.mark.parametrize("system", ["pt_water", "al_water"])
def test_shipped_fields_of_one_geometry_are_labelled(system: str) -> None:
    frames = load_dataset(SystemConfig(name=system)).frames
    train = [atoms.info.get("REF_polarizability") for atoms in frames["train"]]
    found = np.array([tensor[2, 2] for tensor in train if tensor is not None])
    assert len(found) > 0.95 * len(train) and found.min() > 0.1 and found.max() < 2.0
