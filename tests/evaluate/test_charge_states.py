import numpy as np
import pytest

from bench.evaluate.charge_groups import CHARGE_BLIND, charge_groups
from bench.evaluate.charge_states import charge_states
from bench.evaluate.registry import CHARGE_STATES, CHARGE_VALUES, EQUAL_GEOMETRY_VALUES, RELAXED
from tests.evaluate.predicted import frame, only, solved, value

# Energies at charge 0, +1, +2 of two geometries: reference and prediction in eV.
REFERENCE = {"g0": (-10.0, -12.0, -13.0), "g1": (-9.0, -11.5, -13.5)}
PREDICTED = {"g0": (-10.1, -12.0, -12.8), "g1": (-9.0, -11.2, -13.1)}
# E(Q) − E(0): reference −2.0, −3.0 | −2.5, −4.5; predicted −1.9, −2.7 | −2.2, −4.1.


def states(**changes: object) -> list:
    return [
        solved(frame(group=g, charge=q, energy=(REFERENCE[g][q], PREDICTED[g][q]), **changes))
        for g in REFERENCE
        for q in (0, 1, 2)
    ]


def test_raw_differences_by_hand() -> None:
    result = charge_states(states())
    assert value(result, "charge_difference_mae", "charge=+1") == pytest.approx(0.2)
    assert value(result, "charge_difference_mae", "charge=+2") == pytest.approx(0.35)
    assert value(result, "charge_difference_rmse") == pytest.approx(
        np.sqrt((0.1**2 + 0.3**2 + 0.3**2 + 0.4**2) / 4)
    )
    assert value(result, "charge_difference_mae_of_mean") == pytest.approx(3.0)
    assert only(result, "charge_difference_mae").n == 4
    assert only(result, "charge_difference_mae", "charge=+1").n == 2


def test_spread_by_hand() -> None:
    """Errors 0.1, 0.3 and 0.3, 0.4 less their means: ±0.1 and ±0.05."""
    result = charge_states(states())
    assert value(result, "charge_spread_mae", "charge=+1") == pytest.approx(0.1)
    assert value(result, "charge_spread_rmse", "charge=+2") == pytest.approx(0.05)
    assert value(result, "charge_spread_rmse_of_mean", "charge=+2") == pytest.approx(0.75)


def test_curvature_by_hand() -> None:
    """E(0) − 2 E(+1) + E(+2): reference 1.0 and 0.5, predicted 1.1 and 0.3."""
    result = charge_states(states())
    assert value(result, "charge_curvature_mae") == pytest.approx(0.15)
    assert value(result, "charge_curvature_rmse", "charge=0,+1,+2") == pytest.approx(np.sqrt(0.025))
    assert value(result, "charge_curvature_rmse_of_mean") == pytest.approx(np.sqrt(0.625))
    assert only(result, "charge_curvature_mae").n == 2


def test_a_zero_of_the_potential_moves_only_the_raw_difference() -> None:
    frames = states()
    before = charge_states(frames)
    for atoms in frames:
        atoms.info["PRED_energy"] += 3.7 * atoms.info["total_charge"] - 50.0
    after = charge_states(frames)
    for name in ("charge_spread_rmse", "charge_curvature_rmse"):
        assert value(after, name) == pytest.approx(value(before, name), rel=1e-9)
    assert value(after, "charge_difference_mae", "charge=+1") == pytest.approx(3.9)


def test_the_mean_is_taken_per_cell() -> None:
    """A larger cell has another zero: alone in its cell, a geometry says nothing of the spread."""
    larger = [
        frame(group="g2", charge=q, energy=(-5.0 * q, 70.0 * q), cell=(10.0, 5.0, 20.0))
        for q in (0, 1)
    ]
    with_larger = charge_states([*states(), *larger])
    assert value(with_larger, "charge_spread_rmse") == pytest.approx(
        value(charge_states(states()), "charge_spread_rmse")
    )
    assert only(with_larger, "charge_difference_mae").n == 5
    assert "two geometries" in charge_states(larger).absent["charge_spread_mae"]


@pytest.mark.parametrize("spoilt", ["unconverged", "nan"])
def test_a_spoilt_state_takes_its_differences_along(spoilt: str) -> None:
    frames = states()
    frames[4].info["PRED_energy"] = np.nan if spoilt == "nan" else 1e3  # g1 at +1
    frames[4].info["SCF_converged"] = spoilt == "nan"
    result = charge_states(frames)
    assert value(result, "charge_difference_mae", "charge=+1") == pytest.approx(0.1)
    assert only(result, "charge_difference_mae", "charge=+1").n == 1
    assert value(result, "charge_curvature_mae") == pytest.approx(0.1)
    # one geometry is left at +1: less its own mean it would score a perfect zero
    assert "not converged" in result.absent["charge_spread_mae[charge=+1]"]
    assert only(result, "charge_spread_mae").n == 2


def test_a_charge_blind_point_is_not_scored() -> None:
    result = charge_states(states(charge_blind=True))
    assert result.records == []
    families = [name for family in (*CHARGE_STATES, *RELAXED) for name in family.names]
    assert set(result.absent) == {*families, *(metric.name for metric in CHARGE_VALUES)}
    assert set(result.absent.values()) == {CHARGE_BLIND}


def test_test_sets_without_charge_states_say_so() -> None:
    result = charge_states([frame(charge=q, group=f"g{q}") for q in (0, 1)])
    names = [name for family in CHARGE_STATES for name in family.names]
    names += [metric.name for metric in EQUAL_GEOMETRY_VALUES]
    assert {result.absent[name] for name in names} == {
        "no geometry with several total charges in the test set"
    }


def test_without_a_neutral_state_there_is_no_difference() -> None:
    result = charge_states([a for a in states() if a.info["total_charge"]])
    assert result.absent["charge_difference_rmse"] == "no geometry with charge 0 in the test set"
    assert "charges q, q+1, q+2" in result.absent["charge_curvature_rmse"]


def test_negative_charges_have_a_curvature_of_their_own() -> None:
    frames = [frame(charge=q, energy=(q**2, 3.0 * q**2)) for q in (-1, 0, 1)]
    result = charge_states(frames)
    assert value(result, "charge_curvature_mae", "charge=-1,0,+1") == pytest.approx(4.0)
    assert value(result, "charge_difference_mae", "charge=-1") == pytest.approx(2.0)


def test_other_geometries_of_a_group_are_not_mixed_in() -> None:
    """States of one group that each relaxed are no states of one geometry."""
    frames = states()
    for atoms in frames[1::3]:  # charge +1
        atoms.positions[0] += [0.0, 0.01, 0.0]
    result = charge_states(frames)
    assert only(result, "charge_difference_mae").n == 2
    assert not [r for r in result.records if r.subset == "charge=+1"]


def test_fields_are_not_mixed() -> None:
    frames = [frame(charge=q, field=e, energy=(q + 10 * e, q)) for q in (0, 1) for e in (0.0, 0.2)]
    assert [s.energies[1][0] - s.energies[0][0] for s in charge_groups(frames)] == [1.0, 1.0]


def test_the_lowest_multiplicity_counts() -> None:
    frames = [frame(charge=0), *(frame(charge=1, energy=(e, e)) for e in (5.0, 4.0, 6.0))]
    (state,) = charge_groups(frames)
    assert state.energies[1].tolist() == [4.0, 4.0, 0.0]
