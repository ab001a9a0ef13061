"""Charge along bonds: conserved per fragment, smooth at the cutoff, with a polarisation."""

from __future__ import annotations

import ase
import numpy as np
import pytest
import torch

from bench.errors import BenchError
from bench.models.base import build_point
from bench.models.facts import gather_facts
from bench.models.split_charges import SplitCharges
from bench.testing.frames import bulk, cluster, labelled, slab
from tests.models.test_points import batch_of, build, tiny_config
from tests.rounding import rounding

FORMAL = {1: 1.0, 8: -2.0, 13: 0.0, 14: 4.0}


@pytest.fixture(scope="module")
def model() -> SplitCharges:
    point = build("split_charges")
    assert isinstance(point, SplitCharges)
    return point


def polarisation(model: SplitCharges, atoms: ase.Atoms) -> np.ndarray:
    return model(batch_of(model, atoms)).polarization[0].numpy()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("atom", [0, 4])  # Si and O
def test_an_ion_that_crosses_the_cell_changes_the_branch_by_its_formal_charge(
    model: SplitCharges, atom: int, axis: int
) -> None:
    atoms = bulk(charge=0.0)
    crossed = atoms.copy()
    crossed.positions[atom] += atoms.cell[axis]
    jump = polarisation(model, crossed) - polarisation(model, atoms)
    quantum = FORMAL[atoms.numbers[atom]] * atoms.cell[axis]
    np.testing.assert_allclose(jump, quantum, rtol=0, atol=1e-12)


def test_through_a_face_of_the_cell_the_polarisation_is_smooth(model: SplitCharges) -> None:
    """Born effective charges of an O atom on the face converge with the step."""
    atoms = bulk(charge=0.0)
    atoms.positions += atoms.cell[2] - atoms.positions[5]
    slopes = []
    for step in (2e-3, 1e-3):  # Å
        ends = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[5, 2] += sign * step
            ends.append(polarisation(model, moved))
        slopes.append((ends[0] - ends[1]) / (2 * step))
    assert abs(slopes[0][2] + 2) > 0.05  # not the formal charge: bonds carry some
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=0, atol=1e-3)


def test_translation_leaves_the_polarisation(model: SplitCharges) -> None:
    """The acoustic sum rule of the Born effective charges."""
    atoms = bulk(charge=0.0)
    moved = atoms.copy()
    moved.positions += [0.4, -0.3, 1.7]
    np.testing.assert_allclose(
        polarisation(model, moved), polarisation(model, atoms), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize(("atoms", "axes"), [(slab(), [2]), (cluster(), [0, 1, 2])])
def test_along_open_axes_it_is_the_dipole(
    model: SplitCharges, atoms: ase.Atoms, axes: list[int]
) -> None:
    dipole = model(batch_of(model, atoms)).dipole[0].numpy()
    np.testing.assert_allclose(polarisation(model, atoms)[axes], dipole[axes], rtol=0, atol=1e-12)


def test_a_supercell_has_twice_the_polarisation(model: SplitCharges) -> None:
    atoms = bulk(charge=0.0)
    twice = atoms.repeat((2, 1, 1))
    twice.info = dict(atoms.info)
    np.testing.assert_allclose(
        polarisation(model, twice), 2 * polarisation(model, atoms), rtol=0, atol=1e-11
    )


def test_a_charged_structure_has_none(model: SplitCharges) -> None:
    found = model(batch_of(model, bulk(charge=1.0), slab())).polarization
    assert found[0].isnan().all() and found[1].isfinite().all()


def test_fragments_that_no_edge_joins_keep_their_formal_charges(model: SplitCharges) -> None:
    atoms = cluster()
    atoms.positions[3:] += [9.0, 0.0, 0.0]
    charges = model(batch_of(model, atoms)).multipoles[:, 0]
    assert abs(float(charges[0]) + 2) > 0.05  # it did flow within the molecule
    assert float(charges[:3].sum()) == pytest.approx(0, abs=1e-12)
    assert float(charges[3:].sum()) == pytest.approx(0, abs=1e-12)


def test_added_charge_is_split_by_positive_weights(model: SplitCharges) -> None:
    charges = [model(batch_of(model, bulk(charge=q))).multipoles[:, 0] for q in (0.0, 1.0, 3.0)]
    weights = charges[1] - charges[0]
    exact = rounding(*charges)
    assert weights.min() > 0 and float(weights.sum()) == pytest.approx(1, abs=exact)
    assert float(weights.max() - weights.min()) > 1e-4
    torch.testing.assert_close(charges[2] - charges[0], 3 * weights, rtol=0, atol=exact)


def test_charges_alone() -> None:
    model = build("split_charges", l_max=0)
    found = model(batch_of(model, bulk(charge=2.0)))
    assert found.multipoles.shape == (9, 1)
    assert float(found.total_charge) == pytest.approx(2.0, abs=1e-12)


def test_an_element_without_a_formal_charge_is_named() -> None:
    config = tiny_config("split_charges")
    methane = labelled(ase.Atoms("CH4", np.eye(5, 3) * 1.1 + np.eye(5, 3, -2)), seed=0)
    facts = gather_facts([methane], config)
    with pytest.raises(BenchError, match="known for C "):
        build_point(SplitCharges, config, facts, dtype=torch.float64, seed=0)
