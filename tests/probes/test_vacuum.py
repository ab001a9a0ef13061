"""A spurious dependence on the cell's height is measured as what it is."""

from __future__ import annotations

import numpy as np
import pytest

from bench.probes.result import Verdict
from bench.probes.vacuum import FIELD, PROBE
from tests.probes.toys import field_of, prediction, toy, value


def image_energy(strength: float, *, of):
    """E = strength of(state) / L, and such forces; the baseline has a volume of its own."""

    def predict(atoms):
        spurious = strength * of(atoms) / atoms.cell[2, 2]
        baseline = 50.0 / atoms.get_volume()
        forces = np.full((len(atoms), 3), 2 * spurious)
        return prediction(baseline - 3.0 + spurious, baseline=baseline, forces=forces)

    return predict


def test_an_isolated_slab_passes_whatever_its_baseline():
    result = PROBE.run(toy(image_energy(0.0, of=len)))
    assert result.verdict is Verdict.passed
    assert len(result.measurements) == 4


@pytest.mark.parametrize(
    ("of", "polar", "charged"),
    [
        (lambda atoms: atoms.info["total_charge"], 0.0, 1 / 40 - 1 / 60),
        (lambda atoms: field_of(atoms)[2] / FIELD, 1 / 40 - 1 / 60, 0.0),
    ],
)
def test_images_of_charge_and_field_show_where_they_act(of, polar, charged):
    result = PROBE.run(toy(image_energy(0.6, of=of)))
    assert result.verdict is Verdict.failed
    assert value(result, "energy by vacuum, polar") == pytest.approx(0.6 * polar, abs=1e-12)
    assert value(result, "forces by vacuum, polar") == pytest.approx(1.2 * polar, abs=1e-12)
    assert value(result, "energy by vacuum, charged") == pytest.approx(0.6 * charged, abs=1e-12)
    assert value(result, "forces by vacuum, charged") == pytest.approx(1.2 * charged, abs=1e-12)


def test_a_point_that_knows_no_charge_is_not_asked_for_a_charged_slab():
    charges = []

    def predict(atoms):
        charges.append(atoms.info["total_charge"])
        return prediction(forces=np.zeros((len(atoms), 3)))

    assert PROBE.run(toy(predict, knows_total_charge=False)).verdict is Verdict.passed
    assert charges == [0.0, 0.0]
