"""Forces that are wrong by a known amount."""

from __future__ import annotations

import numpy as np
import pytest

from bench.probes.derivative import FIELD, PROBE, force_error
from bench.probes.materials import quartz, shaken, water_pair, wet_slab
from bench.probes.result import Verdict
from tests.probes.toys import ALL, field_of, prediction, toy


def anharmonic(*, scale: float = 1.0):
    """E = Σ x⁴ / 100 + field · Σ r, with forces that are wrong by a factor."""

    def predict(atoms):
        x, field = atoms.positions, field_of(atoms)
        energy = (x**4).sum() / 100 + (x @ field).sum()
        return prediction(energy, forces=-scale * (x**3 / 25 + field))

    return predict


def test_right_forces_pass():
    result = PROBE.run(toy(anharmonic()))
    assert result.verdict is Verdict.passed
    assert result.material == "H4O2, H2OPt12, O6Si3"


@pytest.mark.parametrize("scale", [0.97, 1.01])
def test_wrong_forces_fail_with_their_error_along_the_displacement(scale):
    subject = toy(anharmonic(scale=scale))
    assert PROBE.run(subject).verdict is Verdict.failed
    atoms = shaken(water_pair(ALL))
    direction = np.random.default_rng(1).normal(size=atoms.positions.shape)
    direction /= np.linalg.norm(direction)
    expected = abs((scale - 1) * (atoms.positions**3 / 25 * direction).sum())
    assert force_error(subject, atoms) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("make", "field"), [(water_pair, 0), (wet_slab, FIELD), (quartz, 0)])
def test_slabs_alone_are_in_a_field(make, field):
    seen = []

    def predict(atoms):
        seen.append(field_of(atoms).tolist())
        return anharmonic()(atoms)

    force_error(toy(predict), make(ALL))
    assert seen == [[0.0, 0.0, field]] * 5
