"""Energies of an ion with a distant molecule against closed forms."""

from __future__ import annotations

import ase
import numpy as np
import pytest

from bench.probes.bystander import DISTANCE, PROBE, bystander
from bench.probes.materials import neutral_molecule
from bench.probes.result import NotApplicable, Verdict
from tests.probes.toys import prediction, toy, value


def local(atoms: ase.Atoms):
    """The total charge costs energy once, wherever it sits."""
    return prediction(3.0 * len(atoms) + atoms.info["total_charge"] ** 2)


def told_to_every_atom(atoms: ase.Atoms):
    return prediction(3.0 * len(atoms) + 0.1 * len(atoms) * atoms.info["total_charge"])


def test_an_energy_that_is_the_sum_of_both_passes():
    result = PROBE.run(toy(local))
    assert result.verdict is Verdict.passed and "H3O of charge +1 and H2O" in result.material
    assert value(result, "energy of a bystander") == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("point", "verdict"), [("global_embedding", "finding"), ("les", "fail")])
def test_a_charge_that_every_atom_is_told_is_counted_on_the_bystander(point, verdict):
    """Three atoms of water, 0.1 eV each."""
    result = PROBE.run(toy(told_to_every_atom, point=point))
    assert result.verdict.value == verdict
    assert value(result, "energy of a bystander") == pytest.approx(0.3)


def test_the_bystander_is_far_away_and_neutral_without_the_ion():
    seen = []

    def predict(atoms: ase.Atoms):
        seen.append((atoms.get_chemical_formula(), atoms.info["total_charge"], atoms))
        return local(atoms)

    bystander(toy(predict, elements=frozenset({"O", "Si"})))
    assert sorted(s[:2] for s in seen) == [("O2Si", 0.0), ("O3Si2", 1.0), ("OSi", 1.0)]
    (both,) = [atoms for _, _, atoms in seen if len(atoms) == 5]
    assert np.ptp(both.positions[:, 0]) == pytest.approx(DISTANCE)


def test_a_point_that_knows_no_charge_is_not_asked():
    with pytest.raises(NotApplicable, match="toy knows no total charge"):
        bystander(toy(local, knows_total_charge=False))


def test_elements_without_a_neutral_molecule():
    with pytest.raises(NotApplicable, match="no molecule"):
        neutral_molecule(frozenset({"O", "Pt"}))
