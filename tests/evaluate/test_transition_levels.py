"""Fermi levels of equal formation energies, by hand, with and without the images' part."""

import numpy as np
import pytest

from bench.evaluate.charge_groups import charge_groups
from bench.evaluate.charge_states import charge_states
from bench.evaluate.image_charge import image_correction
from bench.evaluate.transition_levels import levels
from tests.evaluate.predicted import frame, only, value

BULK = (True, True, True)
CONSTANTS = np.array([2.4, 4.6])
# E(Q) of DFT, model, baseline: ε(q/q') = (E(q) − E(q')) / (q' − q)
ENERGIES = {0: (-10.0, -10.0, -9.0), 1: (-12.0, -12.5, -9.5), 2: (-13.0, -14.5, -10.0)}


def states(group: str = "g0", shift: float = 0.0, **info) -> list:
    """All charges; ``shift`` raises the zero of the predicted potential."""
    return [
        frame(
            group=group,
            charge=q,
            pbc=BULK,
            energy=(dft, model + shift * q),
            baseline=baseline,
            **info,
        )
        for q, (dft, model, baseline) in ENERGIES.items()
    ]


def test_levels_by_hand() -> None:
    found = {level.subset: level.values.tolist() for level in levels(charge_groups(states()))}
    assert found == {
        "level=+1/0": [2.0, 2.5, 0.5],
        "level=+2/0": [1.5, 2.25, 0.5],
        "level=+2/+1": [1.0, 2.0, 0.5],
    }


def test_formation_energies_cross_at_their_level() -> None:
    (level,) = (x for x in levels(charge_groups(states())) if x.subset == "level=+2/0")
    energies = {q: dft + q * level.values[0] for q, (dft, _, _) in ENERGIES.items()}
    assert energies[2] == pytest.approx(energies[0])


def test_negative_charges_come_second() -> None:
    frames = [frame(charge=q, pbc=BULK, energy=(4.0 * abs(q), 0.0)) for q in (0, -1)]
    (level,) = levels(charge_groups(frames))
    assert level.subset == "level=0/-1"
    assert level.values[0] == pytest.approx(4.0)  # (0 + 4) / (−1 − 0) × −1: an electron costs 4 eV


def test_errors_of_levels() -> None:
    result = charge_states([*states(), *states("g1", shift=0.1)])
    assert value(result, "transition_level_mae", "level=+1/0") == pytest.approx((0.5 + 0.4) / 2)
    assert value(result, "transition_level_mae", "level=+2/0") == pytest.approx((0.75 + 0.65) / 2)
    assert value(result, "transition_level_mae_of_mean", "level=+2/+1") == pytest.approx(0.5)
    assert only(result, "transition_level_mae").n == 6


def test_the_images_part_is_stated_and_the_same_in_both() -> None:
    cell = states()[0].cell.array
    result = charge_states(states(dielectric_constants=CONSTANTS))
    expected = -image_correction(cell, 1.0, 2.4)  # ΔE(+1) / (0 − 1), ions held
    assert value(result, "transition_level_correction", "level=+1/0") == pytest.approx(expected)
    double = -image_correction(cell, 2.0, 2.4) / 2
    assert value(result, "transition_level_correction", "level=+2/0") == pytest.approx(double)
    assert value(result, "transition_level_reference", "level=+2/0") == pytest.approx(1.5 + double)
    assert value(result, "transition_level", "level=+2/0") == pytest.approx(2.25 + double)
    plain = charge_states(states())
    assert value(result, "transition_level_mae") == value(plain, "transition_level_mae")


@pytest.mark.parametrize("info", [{}, {"dielectric_constants": CONSTANTS}])
def test_without_constant_or_in_a_slab_only_errors_are_given(info) -> None:
    frames = states(**info)
    for atoms in frames:
        atoms.pbc = (True, True, not info)
    result = charge_states(frames)
    assert value(result, "transition_level_mae", "level=+1/0") == pytest.approx(0.5)
    assert "dielectric_constants" in result.absent["transition_level_correction[level=+1/0]"]
    assert not [r for r in result.records if r.name == "transition_level_reference"]


def test_an_unsound_state_takes_its_levels_along() -> None:
    frames = states(dielectric_constants=CONSTANTS)
    frames[1].info["PRED_energy"] = np.nan
    result = charge_states(frames)
    assert only(result, "transition_level_mae").n == 1
    assert result.absent["transition_level[level=+1/0]"] == "not converged or not finite"
    assert value(result, "transition_level_mae", "level=+2/0") == pytest.approx(0.75)
