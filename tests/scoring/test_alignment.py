"""Energies on another zero: what is added, by hand, and what is said of it."""

import numpy as np
import pytest
from ase import Atoms

from bench.errors import BenchError
from bench.scoring.alignment import Alignment, align


def structure(symbols, reference, predicted, *, charge=0.0, volume=0.0, **info):
    """Atoms without a geometry that matters."""
    atoms = Atoms(symbols, np.arange(3.0 * len(Atoms(symbols))).reshape(-1, 3))
    if volume:
        atoms.cell, atoms.pbc = [volume, 1.0, 1.0], True
    atoms.info = {"uid": symbols, "total_charge": charge, "REF_energy": reference}
    atoms.info |= {"PRED_energy": predicted, **info}
    return atoms


def aligned(kind, *frames, others=()):
    """Predicted energies of ``others`` after an alignment on ``frames``."""
    align(kind, frames, "made up").apply(others)
    return [atoms.info["PRED_energy"] for atoms in others]


def test_two_compositions_determine_two_energies():
    """H2: 2 h = −10, H2O: 2 h + o = −25, so h = −5 and o = −15."""
    train = [structure("H2", -10.0, 0.0), structure("H2O", -20.0, 5.0)]
    other = structure("HO", 0.0, 1.0)
    assert aligned("atomic_energies", *train, others=[other]) == [pytest.approx(-19.0, abs=1e-10)]


def test_more_structures_than_elements_are_fitted_by_least_squares():
    """Per atom of hydrogen: 1 and 3 of H, 4 of H2 (2 per atom): (1 + 3 + 2·4) / (1 + 1 + 4) = 2."""
    train = [structure("H", 1.0, 0.0), structure("H", 3.0, 0.0), structure("H2", 4.0, 0.0)]
    found = align("atomic_energies", train, "made up")
    assert found.shift.atomic_energies == (pytest.approx(2.0, abs=1e-12),)
    left = 1000 * np.sqrt((1 + 1 + 0) / 3)
    assert found.rmse == pytest.approx(left, rel=1e-12) and found.structures == 3
    assert found.told() == (
        "energies aligned on 3 training structures by H 2.0000 eV per atom; 816 meV/atom are left "
        "there"
    )


def test_one_composition_is_shared_by_the_least_norm():
    """2 h + o = 9 is met by any line; the shortest (h, o) is (3.6, 1.8)."""
    train = [structure("H2O", 9.0, 0.0), structure("H2O", 8.0, -1.0)]
    found = align("atomic_energies", train, "made up")
    assert found.shift.atomic_energies == pytest.approx((3.6, 1.8), abs=1e-12)
    assert found.rmse == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("kind", ["atomic_energies", "baseline"])
def test_charge_over_volume_belongs_to_the_baseline_alone(kind):
    """H in 2, 4 and 8 Å³: 1 + 6 Q / V."""
    train = [
        structure("H", 1.0, 0.0, volume=2.0),
        structure("H", 4.0, 0.0, charge=1.0, volume=2.0),
        structure("H", 1.0 - 6.0 / 4.0, 0.0, charge=-1.0, volume=4.0),
    ]
    other = structure("H2", 0.0, 0.0, charge=2.0, volume=8.0)
    found = align(kind, train, "made up")
    found.apply([other])
    if kind == "baseline":
        assert found.shift.potential_shifts == (pytest.approx(6.0, abs=1e-10),)
        assert other.info["PRED_energy"] == pytest.approx(2.0 + 6.0 * 2 * 2 / 8, abs=1e-10)
        assert "and, per charge over volume, H 6.000 eV Å³/e" in found.told()
    else:
        mean = (1.0 + 4.0 - 0.5) / 3
        assert other.info["PRED_energy"] == pytest.approx(2 * mean, abs=1e-10)
        assert "per charge" not in found.told()


def test_only_the_training_energies_decide():
    train = [structure("H", -5.0, 0.0)]
    other = structure("H", 100.0, 0.0)
    assert aligned("atomic_energies", *train, others=[other]) == [pytest.approx(-5.0, abs=1e-12)]
    assert other.info["REF_energy"] == 100.0


def test_energies_at_relaxed_geometries_move_along():
    other = structure("H", 0.0, 1.0, PRED_relaxed_energy=0.5)
    aligned("atomic_energies", structure("H", -5.0, 0.0), others=[other])
    assert other.info["PRED_relaxed_energy"] == pytest.approx(-4.5, abs=1e-12)


def test_what_has_no_energy_keeps_none():
    other = structure("H", 0.0, 1.0)
    del other.info["PRED_energy"]
    align("atomic_energies", [structure("H", -5.0, 0.0)], "made up").apply([other])
    assert "PRED_energy" not in other.info


def test_structures_without_a_label_do_not_count():
    unlabelled = structure("H", 0.0, 7.0)
    del unlabelled.info["REF_energy"]
    found = align("atomic_energies", [unlabelled, structure("H", -5.0, 0.0)], "made up")
    assert found.structures == 1 and found.shift.atomic_energies == (pytest.approx(-5.0),)
    with pytest.raises(BenchError, match="no training structure has an energy") as error:
        align("atomic_energies", [unlabelled], "made up")
    assert error.value.mend == "align=none"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_energy_that_is_not_finite_is_refused_by_name(value):
    with pytest.raises(BenchError, match=r"made up: the energy of H \(split=train\) is (nan|inf)"):
        align("atomic_energies", [structure("H", 0.0, value)], "made up")


def test_none_is_none():
    found = align("none", [], "made up")
    assert found == Alignment("none") and found.told() == "energies as predicted: not aligned"
    assert aligned("none", others=[structure("H", 0.0, 1.5)]) == [1.5]
