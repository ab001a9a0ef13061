"""Where a charge goes: four atoms around a vacancy at 0.9, 1.9, 3.4 and, across the cell, 2.4 Å."""

import ase
import numpy as np
import pytest

from bench.evaluate.added_charge import RADII, distance_from_vacancy, radial_charge
from bench.evaluate.charge_groups import charge_groups, state_pairs
from bench.evaluate.charge_states import charge_states
from tests.evaluate.predicted import only, solved, value

PLACES = [[0.9, 0, 0], [0, 1.9, 0], [0, 0, 3.4], [7.6, 0, 0]]
ADDED = np.array([0.5, 0.25, 0.15, 0.1])  # e, reference at Q = +1
ERRORS = np.array([-0.2, 0.0, 0.15, 0.05])


def state(charge: float, *, group: str = "g0", scale: float = 1.0, **info: object) -> ase.Atoms:
    """Charges and forces of Q, linear in it; ``scale`` times the errors."""
    atoms = ase.Atoms("Si4", PLACES, cell=[10.0, 10.0, 10.0], pbc=True)
    for source, added in (("REF", ADDED), ("PRED", ADDED + scale * ERRORS)):
        multipoles = np.full((4, 4), 0.3)
        multipoles[:, 0] = [1.0, -1.0, 0.5, -0.5] + charge * added
        atoms.arrays[f"{source}_multipoles"] = multipoles
        atoms.arrays[f"{source}_forces"] = charge * np.outer(added, [1.0, 0.0, 0.0]) + 2.0
    atoms.info |= {"REF_energy": -3.0 - charge, "PRED_energy": -3.0, "BASELINE_energy": -2.0}
    atoms.info |= {"group": group, "total_charge": charge, "electric_field": np.zeros(3)}
    atoms.info |= {"subset": "vacancy", "uid": f"{group}{charge}", "vacancy_site": np.zeros(3)}
    return solved(atoms) if not info else solved(atoms, **info)  # type: ignore[arg-type]


def states() -> list[ase.Atoms]:
    return [*(state(q) for q in (0, 1, -1)), *(state(q, group="g1", scale=2.0) for q in (0, 1))]


def test_distances_are_those_of_the_nearest_images() -> None:
    assert distance_from_vacancy(state(0)) == pytest.approx([0.9, 1.9, 3.4, 2.4])


def test_charge_within_a_radius() -> None:
    (pair,) = state_pairs(charge_groups([state(0), state(1)]))
    found = radial_charge(pair)
    radii = np.array([0.8, 1.0, 2.0, 2.5, 3.0, 3.5, 5.0])
    reference, predicted = found.within(radii)
    assert reference == pytest.approx([0.0, 0.5, 0.75, 0.85, 0.85, 1.0, 1.0])
    assert predicted == pytest.approx([0.0, 0.3, 0.55, 0.7, 0.7, 1.0, 1.0])
    assert pair.subset == "charge=+1"


def test_errors_by_hand() -> None:
    result = charge_states(states())
    assert value(result, "added_charge_mae", "charge=-1") == pytest.approx(0.1)
    assert value(result, "added_charge_mae", "charge=+1") == pytest.approx(0.15)
    assert value(result, "added_charge_rmse") == pytest.approx(
        np.sqrt((ERRORS**2).sum() * (1 + 1 + 4) / 12)
    )
    assert value(result, "added_charge_rmse_of_mean", "charge=-1") == pytest.approx(
        np.sqrt((ADDED**2).mean())
    )
    assert only(result, "added_charge_mae").n == 3
    assert value(result, "vacancy_charge_mae", "charge=+1") == pytest.approx((0.15 + 0.30) / 2)
    assert value(result, "vacancy_charge_mae_of_mean", "charge=-1") == pytest.approx(0.85)


def test_charge_near_the_vacancy_itself_is_reported_by_charge() -> None:
    result = charge_states(states())
    assert value(result, "vacancy_charge_reference", "charge=+1") == pytest.approx(0.85)
    assert value(result, "vacancy_charge", "charge=+1") == pytest.approx((0.7 + 0.55) / 2)
    assert value(result, "vacancy_charge", "charge=-1") == pytest.approx(-0.7)
    assert only(result, "vacancy_charge", "charge=+1").n == 2
    assert not [r for r in result.records if (r.name, r.subset) == ("vacancy_charge", "all")]


def test_the_radial_error_counts_every_radius_alike() -> None:
    """Missing 0.2 e from 1 Å, 0.15 e from 2.5 Å, nothing from 3.5 Å."""
    result = charge_states([state(0), state(1)])
    errors = np.select([RADII >= 3.5, RADII >= 2.5, RADII >= 1.0], [0.0, 0.15, 0.2], 0.0)
    assert value(result, "radial_charge_mae") == pytest.approx(errors.mean())
    assert RADII[[0, -1]].tolist() == [0.25, 5.0]


def test_forces_that_a_charge_makes() -> None:
    """In meV/Å, components: the x errors of four atoms over twelve."""
    result = charge_states([state(0), state(1)])
    assert value(result, "charge_forces_mae") == pytest.approx(1000 * abs(ERRORS).sum() / 12)
    assert value(result, "charge_forces_rmse_of_mean") == pytest.approx(
        1000 * np.sqrt((ADDED**2).sum() / 12)
    )
    assert only(result, "charge_forces_mae").unit == "meV/Å"


@pytest.mark.parametrize("spoilt", ["unconverged", "nan"])
def test_an_unsound_state_takes_its_pair_along(spoilt: str) -> None:
    frames = states()
    frames[1].info["SCF_converged"] = spoilt == "nan"  # g0 at +1
    if spoilt == "nan":
        frames[1].arrays["PRED_multipoles"][0, 0] = np.nan
    result = charge_states(frames)
    assert only(result, "added_charge_mae", "charge=+1").n == 1
    assert value(result, "added_charge_mae", "charge=+1") == pytest.approx(0.2)
    frames[0].info["SCF_converged"] = frames[3].info["SCF_converged"] = False  # neutral ones
    nothing = charge_states(frames)
    for name in ("added_charge_mae", "charge_forces_rmse", "vacancy_charge", "radial_charge_mae"):
        assert "not converged or not finite" in nothing.absent[name]
    assert not [key for key in nothing.absent if key.startswith("added_charge_mae[")]


@pytest.mark.parametrize(
    ("key", "absent", "reason"),
    [
        ("PRED_multipoles", {"added_charge", "vacancy_charge", "radial_charge"}, "not predicted"),
        ("REF_multipoles", {"added_charge", "vacancy_charge", "radial_charge"}, "no reference"),
        ("PRED_forces", {"charge_forces"}, "not predicted"),
        ("vacancy_site", {"vacancy_charge", "radial_charge"}, "no vacancy_site"),
    ],
)
def test_what_is_missing_is_said_and_the_rest_is_scored(key, absent, reason) -> None:
    frames = states()
    for atoms in frames:
        (atoms.info if key in atoms.info else atoms.arrays).pop(key)
    result = charge_states(frames)
    for family in ("charge_forces", "added_charge", "vacancy_charge", "radial_charge"):
        scored = any(r.name == f"{family}_mae" for r in result.records)
        assert scored == (family not in absent)
        assert scored or reason in result.absent[f"{family}_mae"]
    if "vacancy_charge" in absent:
        assert reason in result.absent["vacancy_charge_reference"]


def test_a_point_with_charges_alone_is_compared() -> None:
    frames = states()
    before = value(charge_states(frames), "added_charge_mae")
    for atoms in frames:
        atoms.arrays["PRED_multipoles"] = atoms.arrays["PRED_multipoles"][:, 0]
    assert value(charge_states(frames), "added_charge_mae") == pytest.approx(before)
