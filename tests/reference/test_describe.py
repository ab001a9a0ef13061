"""The page about the datasets says what the cards say."""

import numpy as np
import pytest
import yaml

from bench.errors import BenchError
from bench.paths import shipped
from bench.reference.describe import (
    describe,
    draw_structure,
    error_bars,
    page,
    telling_structure,
)
from bench.reference.store import Store
from tests.reference.planned import crystal, slab

NOISE = {
    "energy_meV_per_atom": -0.4,
    "force_rms_meV_per_angstrom": 3.0,
    "charge_rms_e": 1e-4,
    "dipole_e_angstrom": 0.002,
}


def test_error_bars_show_the_worst_of_several_structures():
    worse = NOISE | {"energy_meV_per_atom": 0.9, "force_rms_meV_per_angstrom": 1.0}
    card = {"validation": {"label_noise": {"tighter_cutoff": {"a": NOISE, "b": worse}}}}
    ((name, value),) = error_bars(card)
    assert name == "tighter cutoff"
    assert value == "0.9 meV/atom, 3 meV/Å rms, 0.0001 e rms, 0.002 e Å (2 structures)"


def test_error_bars_of_forces_dipoles_and_sums():
    force = {"structure": "al0001", "atom": 3, "axis": "z", "difference_meV_per_angstrom": -1.25}
    dipole = {
        "pairs": 4,
        "median_e_angstrom": 0.001,
        "rms_e_angstrom": 0.002,
        "largest_e_angstrom": 0.005,
    }
    rules = {
        "structures": 9,
        "largest_electrons_missed": 2.2e-5,
        "largest_raw_charge_violation_e": 1e-6,
        "largest_raw_dipole_violation_e_angstrom": 2e-5,
        "largest_correction_e_or_e_angstrom": 8e-7,
    }
    rows = dict(
        error_bars(
            {
                "validation": {
                    "forces_against_finite_differences": [force],
                    "dipole_against_minus_dE_dfield": dipole,
                },
                "sum_rules": {"exact grid": rules},
            }
        )
    )
    assert rows["force − finite difference of the energy (al0001, atom 3 z)"] == "-1.2 meV/Å"
    assert rows["dipole against −dE/dE, 4 neighbours in field series"].startswith(
        "median 0.001 e Å, rms 0.002"
    )
    row = rows["sum rules, 9 structures (exact grid)"]
    assert "density off by 2.2e-05 electrons" in row and "corrected by at most 8e-07" in row


def test_spins_name_the_worst_structure_and_what_was_not_integrated():
    item = {
        "structures": 29,
        "by_mulliken_spins_alone": 5,
        "largest_deviation_from_1": 1.24e-4,
        "structure": "si0108",
        "s_squared_range": [0.7507, 0.7535],
    }
    ((name, value),) = error_bars({"validation": {"integrated_spin": item}})
    assert name == "spin of 29 open shells, 5 by Mulliken spins alone"
    assert value == "within 1e-04 of 1 (si0108), S² [0.7507, 0.7535]"


def test_the_page_that_is_kept_is_that_of_the_cards():
    datasets = shipped("datasets")
    assert (datasets / "README.md").read_text(encoding="utf-8") == page(datasets)


def test_imported_systems_are_left_to_their_cards(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/card.yaml").write_text("labels: {}\nfiles: []\n")
    with pytest.raises(BenchError, match="holds no system that was generated"):
        describe(tmp_path)
    assert not (tmp_path / "README.md").exists()


@pytest.mark.parametrize(
    ("sum_rules", "named"),
    [({"exact grid": {}}, "al_water: 'largest_electrons_missed'"), ({}, "NAME: .* 'title'")],
)
def test_a_card_of_an_older_version_is_told(tmp_path, sum_rules, named):
    Store(tmp_path / "al_water").write_plan([slab()])
    card = {"counts": {"subsets": {}}, "labels": {}, "sum_rules": sum_rules}
    (tmp_path / "al_water/card.yaml").write_text(yaml.safe_dump(card))
    with pytest.raises(BenchError, match=named):
        describe(tmp_path)


def test_without_validation_there_are_no_error_bars():
    assert error_bars({"validation": {}}) == []


def test_the_vacancy_is_shown_and_the_larger_cell_is_not():
    large = slab(uid="large") * (2, 1, 1)
    assert len(telling_structure([slab(), large])) == 5
    vacancy = crystal(vacancy_site=np.array([2.0, 2.0, 2.0]))
    assert "vacancy_site" in telling_structure([crystal(), vacancy]).info


@pytest.mark.parametrize("atoms", [slab(), crystal(vacancy_site=np.array([2.0, 2.0, 2.0]))])
def test_both_boundaries_can_be_drawn(tmp_path, atoms):
    (tmp_path / "x").mkdir()
    draw_structure(atoms, tmp_path / "x/structure.png")
    assert (tmp_path / "x/structure.png").stat().st_size > 5000
