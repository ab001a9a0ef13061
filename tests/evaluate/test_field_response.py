import numpy as np
import pytest

from bench.evaluate.field_response import field_response, field_series, slope
from tests.evaluate.predicted import frame, only, solved, value

FIELDS = (0.3, -0.1, 0.0, 0.5)


def series(group: str, reference: float, predicted: float, **kind: object) -> list:
    """A linear response with slopes in e Å²/V and offsets that differ."""
    return [
        frame(group=group, field=e, dipole=(reference * e - 0.2, predicted * e + 9.0), **kind)
        for e in FIELDS
    ]


def test_slope_of_a_line_is_exact() -> None:
    field = np.array([-0.4, 0.1, 0.2, 0.7])
    assert slope(field, 1.75 * field - 3.0) == pytest.approx(1.75, rel=1e-12)


def test_slope_is_the_least_squares_one() -> None:
    rng = np.random.default_rng(0)
    field, dipole = rng.normal(size=9), rng.normal(size=9)
    assert slope(field, dipole) == pytest.approx(np.polyfit(field, dipole, 1)[0], rel=1e-12)


def test_slopes_of_series_and_their_errors() -> None:
    result = field_response([*series("g0", 1.6, 1.7), *series("g1", 2.0, 1.7)])
    assert value(result, "dipole_slope", "group=g0") == pytest.approx(1.7, rel=1e-12)
    assert value(result, "dipole_slope_reference", "group=g1") == pytest.approx(2.0, rel=1e-12)
    assert only(result, "dipole_slope", "group=g0").n == len(FIELDS)
    assert value(result, "dipole_slope_mae") == pytest.approx(0.2, rel=1e-12)
    assert value(result, "dipole_slope_rmse") == pytest.approx(np.sqrt(0.05), rel=1e-12)
    assert value(result, "dipole_slope_mae_of_mean") == pytest.approx(1.8, rel=1e-12)
    assert only(result, "dipole_slope_mae").n == 2
    assert only(result, "dipole_slope_mae").unit == "e Å²/V"


def test_offsets_cancel_in_the_induced_dipole() -> None:
    """What is left is the slope's error times the field's deviation."""
    result = field_response(series("g0", 1.6, 1.7))
    deviation = np.std(FIELDS)
    assert value(result, "induced_dipole_rmse") == pytest.approx(0.1 * deviation, rel=1e-12)
    assert value(result, "induced_dipole_rmse_of_mean") == pytest.approx(1.6 * deviation, rel=1e-12)


def test_order_does_not_matter() -> None:
    frames = [*series("g0", 1.6, 1.7), *series("g1", 2.0, 1.7)]
    one, other = field_response(frames), field_response(frames[::-1])
    assert {(r.name, r.subset): pytest.approx(r.value, rel=1e-12) for r in one.records} == {
        (r.name, r.subset): r.value for r in other.records
    }


@pytest.mark.parametrize("spoilt", ["unconverged", "nan"])
def test_a_spoilt_member_is_left_out(spoilt: str) -> None:
    frames = [solved(a) for a in series("g0", 1.6, 1.7)]
    frames[1].info["PRED_dipole"] = np.full(3, np.nan if spoilt == "nan" else 99.0)
    frames[1].info["SCF_converged"] = spoilt == "nan"
    result = field_response(frames)
    assert only(result, "dipole_slope", "group=g0").n == 3
    assert value(result, "dipole_slope", "group=g0") == pytest.approx(1.7, rel=1e-12)
    assert value(result, "dipole_slope_reference", "group=g0") == pytest.approx(1.6, rel=1e-12)


def test_two_sound_fields_are_no_series() -> None:
    good, bad = series("g0", 1.6, 1.7), [solved(a) for a in series("g1", 2.0, 1.7)]
    for atoms in bad[:2]:
        atoms.info["SCF_converged"] = False
    result = field_response([*good, *bad])
    assert only(result, "dipole_slope_mae").n == 1
    assert "fewer than 3" in result.absent["dipole_slope[group=g1]"]
    alone = field_response(bad)
    assert alone.records == []
    assert "fewer than 3" in alone.absent["dipole_slope_rmse"]


def test_no_series_is_said() -> None:
    result = field_response(series("g0", 1.6, 1.7)[:2])
    assert set(result.absent.values()) == {"no field series in the test set"}
    assert {"dipole_slope", "dipole_slope_mae", "induced_dipole_rmse"} <= set(result.absent)


def test_no_predicted_dipole_is_said() -> None:
    frames = series("g0", 1.6, 1.7)
    for atoms in frames:
        del atoms.info["PRED_dipole"]
    result = field_response(frames)
    assert set(result.absent.values()) == {"not predicted"}
    assert result.records == []


def test_repeated_fields_do_not_make_a_series() -> None:
    assert field_series([frame(field=e, dipole=(e, e)) for e in (0.1, 0.1, 0.1, 0.2)]) == []


def test_charges_of_one_geometry_are_series_of_their_own() -> None:
    frames = [*series("g0", 1.6, 1.7), *series("g0", 2.6, 2.7, charge=1)]
    found = {s.name: slope(s.field, s.reference) for s in field_series(frames)}
    assert found == {
        "group=g0, charge=0": pytest.approx(1.6),
        "group=g0, charge=+1": pytest.approx(2.6),
    }


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_molecule_answers_along_its_fields_axis(axis: int) -> None:
    frames = series("g0", 1.6, 1.7)
    for atoms, strength in zip(frames, FIELDS):
        atoms.pbc = False
        field = np.zeros(3)
        field[axis] = strength
        atoms.info["electric_field"] = field
        atoms.info["dipole_mask"] = np.ones(3, dtype=int)
        atoms.info["REF_dipole"] = 1.2 * field + 0.3
    (found,) = field_series(frames)
    assert found.axis == axis
    assert slope(found.field, found.reference) == pytest.approx(1.2, rel=1e-12)


def test_fields_along_two_axes_have_no_single_slope() -> None:
    frames = series("g0", 1.6, 1.7)
    frames[0].info["electric_field"] = np.array([0.2, 0.0, 0.3])
    assert field_series(frames) == []


def test_an_undefined_component_is_no_series() -> None:
    frames = series("g0", 1.6, 1.7)
    for atoms in frames:
        atoms.info["dipole_mask"] = np.array([1, 1, 0])
    assert field_series(frames) == []
