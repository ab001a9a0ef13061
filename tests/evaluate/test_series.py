"""Which structures make a series, and what of it is used."""

import numpy as np
import pytest

from bench.evaluate.field_response import dipoles
from bench.evaluate.scoring import Missing
from bench.evaluate.series import field_series, slope, sound_values
from tests.evaluate.predicted import frame, solved

FIELDS = (0.3, -0.1, 0.0, 0.5)


def series(group: str, reference: float, predicted: float, **kind: object) -> list:
    return [
        frame(group=group, field=e, dipole=(reference * e - 0.2, predicted * e + 9.0), **kind)
        for e in FIELDS
    ]


def test_slope_of_a_line_is_exact() -> None:
    field = np.array([-0.4, 0.1, 0.2, 0.7])
    assert slope(field, 1.75 * field - 3.0) == pytest.approx(1.75, rel=1e-14)


def test_slope_is_the_least_squares_one_of_every_entry() -> None:
    rng = np.random.default_rng(0)
    field, values = rng.normal(size=9), rng.normal(size=(9, 2, 3))
    expected = np.polyfit(field, values.reshape(9, 6), 1)[0].reshape(2, 3)
    assert slope(field, values) == pytest.approx(expected, rel=1e-12)


def test_repeated_fields_do_not_make_a_series() -> None:
    assert field_series([frame(field=e, dipole=(e, e)) for e in (0.1, 0.1, 0.1, 0.2)]) == []


def test_charges_of_one_geometry_are_series_of_their_own() -> None:
    frames = [*series("g0", 1.6, 1.7), *series("g0", 2.6, 2.7, charge=1)]
    found = {s.name: dipoles(s).slopes[0] for s in field_series(frames)}
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
    assert dipoles(found).slopes[0] == pytest.approx(1.2, rel=1e-12)


def test_fields_along_two_axes_have_no_single_slope() -> None:
    frames = series("g0", 1.6, 1.7)
    frames[0].info["electric_field"] = np.array([0.2, 0.0, 0.3])
    assert field_series(frames) == []


def test_an_undefined_component_has_no_dipole() -> None:
    frames = series("g0", 1.6, 1.7)
    for atoms in frames:
        atoms.info["dipole_mask"] = np.array([1, 1, 0])
    (found,) = field_series(frames)
    with pytest.raises(Missing, match="not defined along the field"):
        dipoles(found)


def test_another_geometry_under_the_same_name_is_no_series() -> None:
    """Structures that relaxed in different fields have no derivative at fixed positions."""
    frames = series("g0", 1.6, 1.7)
    frames[2].positions[0, 0] += 0.01
    assert field_series(frames) == []


def test_members_are_in_the_order_of_the_field() -> None:
    (found,) = field_series(series("g0", 1.6, 1.7))
    assert found.field.tolist() == sorted(FIELDS)
    assert [a.info["electric_field"][2] for a in found.frames] == sorted(FIELDS)


@pytest.mark.parametrize(
    ("reference", "predicted", "reason"),
    [
        (lambda a: None, lambda a: np.ones(1), "no reference"),
        (lambda a: np.ones(1), lambda a: None, "not predicted"),
        (lambda a: np.ones(1), lambda a: np.array([np.nan]), "fewer than 3 fields"),
    ],
)
def test_what_is_missing_is_said(reference, predicted, reason) -> None:
    (found,) = field_series(series("g0", 1.6, 1.7))
    with pytest.raises(Missing, match=reason):
        sound_values(found, reference, predicted)


def test_unsound_members_are_left_out_of_both() -> None:
    frames = [solved(a) for a in series("g0", 1.6, 1.7)]
    frames[0].info["SCF_converged"] = False  # at 0.3
    values = sound_values(
        field_series(frames)[0],
        lambda a: np.array([1.0, 2.0]) * a.info["electric_field"][2],
        lambda a: None if a.info["electric_field"][2] == 99.0 else a.info["electric_field"],
    )
    assert values.field.tolist() == [-0.1, 0.0, 0.5]
    assert values.reference.shape == (3, 2) and values.predicted.shape == (3, 3)
    reference, predicted = values.slopes
    assert reference == pytest.approx([1.0, 2.0]) and predicted == pytest.approx([0.0, 0.0, 1.0])
