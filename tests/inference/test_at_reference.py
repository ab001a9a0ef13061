"""A point that is given its own density says what it says by itself; another density, more."""

from typing import Any

import ase
import numpy as np
import pytest

from bench.config.schema import Functional, Update
from bench.inference.predict import predict_frames
from bench.models.base import Point
from bench.testing.frames import bulk, cluster, slab
from bench.testing.small import build, small_config

SELF_CONSISTENT = [
    {"point": "scf_qeq"},
    {"point": "scf_energy_functional", "functional": Functional.nonlinear},
    {"point": "scf_fixed_point", "update": Update.mlp},
    {"point": "scf_response"},
    {"point": "scf_levels"},
]


def given(model: Point, frames: list[ase.Atoms]) -> list[ase.Atoms]:
    """The structures, predicted with the model's own density as the reference's."""
    own = []
    for atoms, predicted in zip(frames, predict_frames(model, frames, batch_size=4)):
        atoms.arrays["REF_multipoles"] = predicted.arrays["PRED_multipoles"]
        own.append(atoms)
    return predict_frames(model, own, batch_size=4)


@pytest.mark.parametrize("settings", SELF_CONSISTENT, ids=lambda settings: settings["point"])
def test_at_its_own_density_nothing_changes(settings: dict[str, Any]) -> None:
    """Forces at a fixed density are those of the energy only where the energy is stationary."""
    model = build(small_config(**settings))
    for atoms in given(model, [slab(), cluster(), bulk(), slab(field=-0.3)]):
        energy, forces = atoms.info["PRED_energy"], atoms.arrays["PRED_forces"]
        assert atoms.info["PRED_energy_at_reference"] == pytest.approx(energy, abs=1e-8)
        updated = atoms.arrays["PRED_multipoles_at_reference"]
        np.testing.assert_allclose(updated, atoms.arrays["PRED_multipoles"], atol=1e-8)
        change = np.abs(atoms.arrays["PRED_forces_at_reference"] - forces).max()
        assert change < 1e-7 if model.variational else change > 1e-6


def test_another_density_has_more_energy_where_the_energy_has_a_minimum() -> None:
    """A neutral change of it by 0.1 e costs what its second derivative says: more than nothing."""
    model, atoms = build(small_config("scf_qeq")), cluster()
    (own,) = given(model, [atoms])
    atoms.arrays["REF_multipoles"][:2, 0] += [0.1, -0.1]
    (other,) = predict_frames(model, [atoms], batch_size=1)
    assert other.info["PRED_energy"] == pytest.approx(own.info["PRED_energy"], abs=1e-10)
    assert other.info["PRED_energy_at_reference"] > own.info["PRED_energy"] + 0.01


@pytest.mark.parametrize("name", ["short_range", "local_charges", "polar"])
def test_a_point_without_equations_says_nothing(name: str) -> None:
    (atoms,) = predict_frames(build(small_config(name)), [cluster()], batch_size=1)
    assert not [key for key in {*atoms.info, *atoms.arrays} if key.endswith("_at_reference")]


def test_nor_does_any_of_a_structure_without_the_density() -> None:
    bare = cluster()
    del bare.arrays["REF_multipoles"]
    found = predict_frames(build(small_config("scf_qeq")), [slab(), bare], batch_size=2)
    assert ["PRED_forces_at_reference" in atoms.arrays for atoms in found] == [True, False]
