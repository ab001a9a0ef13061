"""Minima of each charge: geometry, levels and formation energies, by hand."""

import ase
import numpy as np
import pytest

from bench.evaluate.charge_states import charge_states
from bench.evaluate.image_charge import image_correction
from bench.evaluate.registry import RELAXED, RELAXED_VALUES
from tests.evaluate.predicted import only, value

CELL = np.diag([8.0, 8.0, 8.0])
CONSTANTS = np.array([2.4, 4.6])
SILICON = [[-1.2, 0, 0], [1.2, 0, 0]]  # the vacancy lies between them
OXYGEN = [[0, 3.0, 0], [0, 0, 3.0], [0, -3.0, 0]]
MOVES = np.array([[-0.3, 0, 0], [0.5, 0, 0], [0.1, 0, 0], [0, 0, 0], [0.2, 0, 0]])


def vacancy(charge: float, energies: tuple[float, float, float], **info) -> ase.Atoms:
    """Reference, model (at its minimum) and baseline; the model opens the vacancy by 0.8 Å × Q."""
    atoms = ase.Atoms("Si2O3", [*SILICON, *OXYGEN], cell=CELL, pbc=True)
    atoms.arrays["PRED_relaxed_positions"] = atoms.positions + charge * MOVES
    atoms.info |= {"REF_energy": energies[0], "PRED_relaxed_energy": energies[1]}
    atoms.info |= {"PRED_energy": energies[1] + 0.4, "BASELINE_energy": energies[2]}
    atoms.info |= {"vacancy_site": np.zeros(3), "uid": f"q{charge}", "group": f"q{charge}"}
    return state(atoms, charge, **info)


def host(energies: tuple[float, float, float], **info) -> ase.Atoms:
    atoms = ase.Atoms("Si2O4", [*SILICON, *OXYGEN, [0, 0, 0]], cell=CELL, pbc=True)
    atoms.arrays["PRED_relaxed_positions"] = atoms.positions.copy()
    atoms.info |= {"REF_energy": energies[0], "PRED_relaxed_energy": energies[1]}
    atoms.info |= {"PRED_energy": energies[1], "BASELINE_energy": energies[2]}
    return state(atoms, 0, uid="host", group="host", **info)


def state(atoms: ase.Atoms, charge: float, **info) -> ase.Atoms:
    atoms.info |= {"subset": "relaxed", "total_charge": charge, "electric_field": np.zeros(3)}
    atoms.info |= {"PRED_relaxed_converged": True, "dielectric_constants": CONSTANTS, **info}
    return atoms


def frames() -> list[ase.Atoms]:
    return [
        vacancy(0, (-20.0, -20.1, -21.0)),
        vacancy(1, (-25.0, -24.8, -21.5)),
        vacancy(2, (-28.0, -28.4, -22.0)),
        host((-30.0, -29.9, -29.0)),
    ]


def test_displacements_leave_out_a_common_shift() -> None:
    """At +1 the x displacements −0.3, 0.5, 0.1, 0, 0.2 have mean 0.1."""
    result = charge_states(frames())
    moved = MOVES - [0.1, 0.0, 0.0]
    assert value(result, "relaxed_positions_mae", "charge=+1") == pytest.approx(abs(moved).mean())
    assert value(result, "relaxed_positions_rmse", "charge=+2") == pytest.approx(
        2 * np.sqrt((moved**2).mean())
    )
    assert value(result, "relaxed_positions_mae", "charge=0") == 0.0
    assert only(result, "relaxed_positions_mae").n == 4


def test_an_atom_that_crosses_the_cells_face_has_not_moved_far() -> None:
    atoms = frames()
    atoms[1].arrays["PRED_relaxed_positions"] += [8.0, 0.0, 0.0]
    atoms[1].arrays["PRED_relaxed_positions"][2] -= [8.0, 16.0, 0.0]
    before, after = charge_states(frames()), charge_states(atoms)
    for name in ("relaxed_positions_rmse", "vacancy_opening_mae"):
        assert value(after, name) == pytest.approx(value(before, name))


def test_the_opening_is_the_distance_of_the_atoms_next_to_the_vacancy() -> None:
    result = charge_states(frames())
    assert value(result, "vacancy_opening_reference", "charge=+1") == pytest.approx(2.4)
    assert value(result, "vacancy_opening", "charge=+1") == pytest.approx(3.2)
    assert value(result, "vacancy_opening_mae", "charge=+2") == pytest.approx(1.6)
    assert value(result, "vacancy_opening_mae") == pytest.approx((0.0 + 0.8 + 1.6) / 3)


def test_the_opening_is_between_atoms_of_one_element_however_far_one_has_gone() -> None:
    atoms = frames()
    for positions in (atoms[2].positions, atoms[2].arrays["PRED_relaxed_positions"]):
        positions[:2] += [[0.0, 0, 0], [2.0, 0, 0]]  # behind the oxygens
    result = charge_states(atoms)
    assert value(result, "vacancy_opening_reference", "charge=+2") == pytest.approx(4.4)
    assert value(result, "vacancy_opening_mae", "charge=+1") == pytest.approx(0.8)


def test_levels_are_those_of_the_models_own_minima() -> None:
    """−25 + 20 and −24.8 + 20.1 over −1; images screened by ions as well."""
    result = charge_states(frames())
    shift = -image_correction(CELL, 1.0, 4.6)
    assert value(result, "relaxed_level_reference", "level=+1/0") == pytest.approx(5.0 + shift)
    assert value(result, "relaxed_level", "level=+1/0") == pytest.approx(4.7 + shift)
    assert value(result, "relaxed_level_mae", "level=+2/0") == pytest.approx(0.15)
    assert value(result, "relaxed_level_mae_of_mean", "level=+1/0") == pytest.approx(4.5)
    assert only(result, "relaxed_level_mae").n == 3


def test_relaxed_states_are_no_states_at_equal_geometry() -> None:
    result = charge_states(frames())
    assert "several total charges" in result.absent["charge_difference_mae"]


def test_formation_energies_count_from_the_host_and_the_baseline() -> None:
    """Neutral: −20 + 21 − (−30 + 29) = 2 eV; the model −20.1 + 21 − (−29.9 + 29) = 1.8 eV."""
    result = charge_states(frames())
    assert value(result, "formation_energy_reference", "charge=0") == pytest.approx(2.0)
    assert value(result, "formation_energy", "charge=0") == pytest.approx(1.8)
    charged = -28.0 + 21.0 + 1.0 + image_correction(CELL, 2.0, 4.6)
    assert value(result, "formation_energy_reference", "charge=+2") == pytest.approx(charged)
    assert value(result, "formation_energy_mae") == pytest.approx((0.2 + 0.1 + 0.5) / 3)


@pytest.mark.parametrize(
    ("spoil", "name", "reason"),
    [
        (lambda a: a.arrays.pop("PRED_relaxed_positions"), "relaxed_positions_mae", "not relaxed"),
        (
            lambda a: a.info.update(PRED_relaxed_converged=False),
            "vacancy_opening_mae",
            "did not converge",
        ),
        (
            lambda a: a.info.update(PRED_relaxed_energy=np.nan),
            "formation_energy_mae",
            "not converged or not finite",
        ),
        (lambda a: a.info.pop("PRED_relaxed_energy"), "relaxed_level_mae", "not converged"),
        (lambda a: a.info.pop("vacancy_site", 0), "vacancy_opening", "no relaxed vacancy"),
        (lambda a: a.info.pop("vacancy_site", 0), "relaxed_level", "no relaxed defect"),
        (lambda a: a.info.pop("dielectric_constants"), "formation_energy_mae", "dielectric"),
    ],
)
def test_what_is_missing_is_said(spoil, name, reason) -> None:
    atoms = frames()
    for one in atoms:
        spoil(one)
    assert reason in charge_states(atoms).absent[name]


def test_without_a_host_there_is_no_formation_energy() -> None:
    larger = host((-30.0, -29.9, -29.0))
    larger.set_cell(1.1 * CELL)
    for atoms in (frames()[:3], [*frames()[:3], larger], frames()[1:]):
        result = charge_states(atoms)
        assert "with its relaxed host" in result.absent["formation_energy_reference"]
        assert "formation_energy_rmse" in result.absent


def test_a_relaxation_that_failed_takes_only_its_structure_along() -> None:
    atoms = frames()
    atoms[2].info["PRED_relaxed_converged"] = False
    result = charge_states(atoms)
    assert only(result, "vacancy_opening_mae").n == 2
    assert "did not converge" in result.absent["vacancy_opening[charge=+2]"]


def test_without_relaxed_structures_everything_says_so() -> None:
    result = charge_states([])
    names = [name for family in RELAXED for name in family.names]
    for name in (*names, *(metric.name for metric in RELAXED_VALUES)):
        assert result.absent[name] == "no relaxed geometry (subset=relaxed) in the test set"
