"""MACE alone: blind to field and charge, additive over fragments, and silent on densities."""

from __future__ import annotations

import pytest
import torch

from bench.config.schema import Mode
from bench.models.base import Point
from bench.testing.frames import bulk, cluster, labelled, slab
from tests.models.test_points import batch_of, build


@pytest.fixture(scope="module")
def model() -> Point:
    return build("short_range", num_interactions=1)


def test_nothing_but_energy_and_forces_is_predicted(model: Point) -> None:
    found = model(batch_of(model, slab(), bulk(), cluster()))
    density = (found.multipoles, found.total_charge, found.dipole, found.density_residual)
    assert density == (None,) * 4
    assert found.fermi_level is found.chemical_potential is found.scf is None
    assert model.predicts == frozenset() and model.modes == ()
    with pytest.raises(NotImplementedError, match="short_range has no density"):
        model.density(None, Mode.implicit)


@pytest.mark.parametrize("mode", [Mode.direct, Mode.implicit])
@pytest.mark.parametrize("field", [(0.0, 0.0, 0.0), (0.3, 0.0, -0.2)])
def test_field_and_mode_change_nothing(
    model: Point, field: tuple[float, float, float], mode: Mode
) -> None:
    plain = model(batch_of(model, cluster()))
    found = model(batch_of(model, cluster(field=field)), mode=mode, report_response=True)
    assert torch.equal(found.energy, plain.energy) and torch.equal(found.forces, plain.forces)


def test_charge_enters_by_the_baseline_alone(model: Point) -> None:
    found = model(batch_of(model, bulk(charge=0.0), bulk(charge=2.0)))
    learned = found.energy - found.baseline
    assert float(learned[0] - learned[1]) == pytest.approx(0.0, abs=1e-9)
    assert torch.equal(found.forces[:9], found.forces[9:])
    assert found.baseline[0] != found.baseline[1]


def test_distant_fragments_add_up(model: Point) -> None:
    left, right = cluster()[:3], cluster()[3:]
    together = left + right
    together.positions[3:] += 20.0
    parts = [labelled(atoms, seed=0) for atoms in (left, right)]
    whole = labelled(together, seed=0)
    whole.positions[:3], whole.positions[3:] = parts[0].positions, parts[1].positions + 20.0
    found, alone = model(batch_of(model, whole)), model(batch_of(model, *parts))
    torch.testing.assert_close(found.energy, alone.energy.sum(0, keepdim=True), rtol=0, atol=1e-9)
    torch.testing.assert_close(found.forces, alone.forces, rtol=0, atol=1e-12)


def test_a_supercell_has_the_energy_of_its_cells(model: Point) -> None:
    one = bulk()
    four = labelled(one.repeat((2, 2, 1)), seed=0, charge=4.0)
    four.positions = one.repeat((2, 2, 1)).positions
    found = model(batch_of(model, one, four))
    assert float(found.energy[1]) == pytest.approx(4 * float(found.energy[0]), abs=1e-8)
    torch.testing.assert_close(found.forces[9:], found.forces[:9].repeat(4, 1), rtol=0, atol=1e-11)
