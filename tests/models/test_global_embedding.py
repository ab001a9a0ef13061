"""Charge and field as inputs: what they change, what they cannot know."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from bench.models.global_embedding import GlobalEmbedding
from bench.testing.frames import bulk, cluster, slab
from bench.testing.small import energies, orthogonal_matrices, turned
from tests.models.test_points import batch_of, build

_, ANY_ROTATION = orthogonal_matrices()["cluster-rotated"]


@cache
def point(*, num_interactions: int = 2) -> GlobalEmbedding:
    model = build("global_embedding", num_interactions=num_interactions)
    assert isinstance(model, GlobalEmbedding)
    return model


def test_neutral_and_without_a_field_it_is_the_short_range_model() -> None:
    model, plain = point(), build("short_range")
    plain.backbone.load_state_dict(model.backbone.state_dict())
    frames = [slab(field=0.0), bulk(charge=0.0), cluster()]
    found, expected = (m(batch_of(m, *frames)) for m in (model, plain))
    torch.testing.assert_close(found.energy, expected.energy, rtol=0, atol=1e-11)
    torch.testing.assert_close(found.forces, expected.forces, rtol=0, atol=1e-11)


@pytest.mark.parametrize("num_interactions", [1, 2])
def test_charge_and_field_change_energy_and_forces(num_interactions: int) -> None:
    model = point(num_interactions=num_interactions)
    neutral, charged = (model(batch_of(model, bulk(charge=q))) for q in (0.0, 1.0))
    without, within = (model(batch_of(model, slab(field=f))) for f in (0.0, 0.3))
    for before, after in ((neutral, charged), (without, within)):
        change = (after.energy - after.baseline) - (before.energy - before.baseline)
        assert abs(float(change[0])) > 1e-3
        assert float((after.forces - before.forces).abs().max()) > 1e-4


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_dipole_is_minus_the_slope_of_the_energy_with_the_field(axis: int) -> None:
    model, step, field = point(), 1e-3, np.array([0.1, -0.2, 0.3])
    fields = [tuple(field + n * step * np.eye(3)[axis]) for n in (-2, -1, 1, 2)]
    slope = energies(model, *(cluster(field=f) for f in fields)) @ [1, -8, 8, -1] / (12 * step)
    dipole = model(batch_of(model, cluster(field=tuple(field)))).dipole[0]
    assert float(dipole[axis]) == pytest.approx(-slope, abs=1e-9)
    assert abs(slope) > 1e-3


def test_a_molecule_has_a_dipole_without_a_field_that_turns_with_it() -> None:
    model = point()
    dipoles = [
        model(batch_of(model, atoms)).dipole[0].numpy()
        for atoms in (cluster(), turned(cluster(), ANY_ROTATION))
    ]
    assert np.linalg.norm(dipoles[0]) > 1e-3
    np.testing.assert_allclose(dipoles[1], ANY_ROTATION @ dipoles[0], rtol=0, atol=1e-11)


def test_the_dipole_of_an_ion_does_not_say_where_it_is() -> None:
    """A charge's dipole is Q r; the force Q E on the whole is missing, too."""
    model, here = point(), cluster(field=(0.2, 0.0, 0.0))
    here.info["total_charge"] = 1.0
    there = here.copy()
    there.positions += [3.0, 0.0, 0.0]
    first, second = (model(batch_of(model, atoms)) for atoms in (here, there))
    torch.testing.assert_close(first.dipole, second.dipole, rtol=0, atol=1e-12)
    assert float(first.forces.sum(0).abs().max()) < 1e-12


def test_every_atom_is_told_the_charge_of_a_distant_one() -> None:
    """Not size consistent: two ions far apart with one charge have one each."""
    model, apart = point(), cluster()
    apart.positions[3:] += [200.0, 0.0, 0.0]
    apart.info["total_charge"] = 1.0
    first, second, neutral = apart[:3], apart[3:], apart[3:]
    for part, charge in ((first, 1.0), (second, 1.0), (neutral, 0.0)):
        part.info = {**apart.info, "total_charge": charge}
    both, one, other, uncharged = energies(model, apart, first, second, neutral)
    assert both == pytest.approx(one + other, abs=1e-9)
    assert abs(both - one - uncharged) > 1e-3
