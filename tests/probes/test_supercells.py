"""Energies that are, and are not, proportional to the number of cells."""

from __future__ import annotations

import pytest

from bench.probes.result import Verdict
from bench.probes.supercells import PROBE, deviation
from tests.probes.toys import prediction, toy


def test_an_extensive_energy_passes_on_slab_and_crystals():
    result = PROBE.run(toy(lambda atoms: prediction(-3.25 * len(atoms))))
    assert result.verdict is Verdict.passed
    assert [m.name for m in result.measurements] == [
        "size inconsistency, slab of H2OPt12",
        "size inconsistency, crystal of O6Si3",
        "size inconsistency, crystal of Pt4",
    ]


@pytest.mark.parametrize(("constant", "verdict"), [(1e-6, "pass"), (2e-6, "fail")])
def test_a_constant_shows_by_three_quarters(constant, verdict):
    subject = toy(lambda atoms: prediction(-3.25 * len(atoms) + constant))
    result = PROBE.run(subject)
    assert result.verdict.value == verdict
    for measurement in result.measurements:
        assert measurement.value == pytest.approx(0.75 * constant, abs=1e-12)


def test_the_supercell_keeps_cell_and_boundaries():
    seen = []
    subject = toy(lambda atoms: seen.append(atoms) or prediction(1.0))
    from bench.probes.materials import quartz, wet_slab

    assert deviation(subject, quartz(subject.elements)) == pytest.approx(0.75)
    deviation(subject, wet_slab(subject.elements))
    crystal, crystals, slab, slabs = seen
    assert crystals.get_volume() == pytest.approx(4 * crystal.get_volume())
    assert (slabs.cell[2] == slab.cell[2]).all() and slabs.pbc.tolist() == [True, True, False]
    assert slabs.info["total_charge"] == 0.0
