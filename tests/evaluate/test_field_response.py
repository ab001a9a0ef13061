"""Derivatives by the field, against slopes that the frames are made with."""

import ase
import numpy as np
import pytest

from bench.density.constants import FIELD_CONSTANT
from bench.evaluate import field_response as room
from bench.evaluate.layers import is_metal
from bench.evaluate.registry import FIELD_RESPONSE, FIELD_VALUES
from bench.evaluate.series import field_series
from tests.evaluate.predicted import frame, only, responding, solved, value
from tests.report.synthetic import predict, reference

FIELDS = (0.3, -0.1, 0.0, 0.5)
SLOPES = ("dipole_slope", "dipole_slope_reference")


def field_response(frames, field_range=None):
    return room.field_response(frames, field_range)


def series(group: str, reference: float, predicted: float, **kind: object) -> list:
    """A linear response with slopes in e Å²/V and offsets that differ."""
    return [
        frame(group=group, field=e, dipole=(reference * e - 0.2, predicted * e + 9.0), **kind)
        for e in FIELDS
    ]


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
    assert not [r for r in alone.records if r.name.startswith("dipole_slope")]
    assert "fewer than 3" in alone.absent["dipole_slope_rmse"]


def test_no_series_is_said() -> None:
    result = field_response(series("g0", 1.6, 1.7)[:2])
    assert result.records == []
    families = [name for family in FIELD_RESPONSE for name in family.names]
    assert {*families, *(metric.name for metric in FIELD_VALUES)} <= set(result.absent)
    assert result.absent["born_charge_mae"] == "no field series in the test set"


def test_no_predicted_dipole_is_said() -> None:
    frames = series("g0", 1.6, 1.7)
    for atoms in frames:
        del atoms.info["PRED_dipole"]
    result = field_response(frames)
    assert {result.absent[f"{name}"] for name in SLOPES} == {"not predicted"}
    assert not [r for r in result.records if "dipole" in r.name]


def interface() -> ase.Atoms:
    """Two layers of two Pt atoms with one water."""
    places = [[0, 0, 5], [2, 0, 5.2], [0, 0, 7.5], [2, 0, 7.3], [0, 1, 10], [0, 2, 11], [1, 1, 11]]
    return ase.Atoms("Pt4OH2", places, cell=[4.0, 5.0, 24.0], pbc=(True, True, False))


def test_charges_per_field_of_atoms_and_layers() -> None:
    """Errors of 0.01, 0, 0.02, −0.02, 0, 0, 0.07 e Å/V; of layers 0.01 and 0, of water 0.07."""
    reference = np.array([-0.2, -0.1, 0.0, 0.1, 0.2, 0.0, 0.0])
    errors = np.array([0.01, 0.0, 0.02, -0.02, 0.0, 0.0, 0.07])
    frames = responding(
        interface(), REF={"charges": reference}, PRED={"charges": reference + errors}
    )
    result = field_response(frames)
    assert value(result, "charge_slope_mae") == pytest.approx(0.12 / 7)
    assert value(result, "charge_slope_rmse") == pytest.approx(np.sqrt((errors**2).mean()))
    assert value(result, "charge_slope_rmse_of_mean") == pytest.approx(
        np.sqrt((reference**2).mean())
    )
    assert value(result, "layer_slope_mae") == pytest.approx(0.08 / 3)
    named = {"layer 1": (-0.3, -0.29), "layer 2": (0.1, 0.1), "H2O": (0.2, 0.27)}
    for part, (dft, model) in named.items():
        subset = f"group=g0, {part}"
        assert value(result, "layer_slope_reference", subset) == pytest.approx(dft)
        assert value(result, "layer_slope", subset) == pytest.approx(model)
        assert only(result, "layer_slope", subset).n == 4


def test_born_charges_are_the_derivatives_of_the_forces() -> None:
    reference = np.zeros((7, 3))
    reference[4:, 2] = [-0.8, 0.4, 0.4]
    predicted = reference.copy()
    predicted[4] += [0.3, 0.0, -0.1]
    frames = responding(interface(), REF={"forces": reference}, PRED={"forces": predicted})
    result = field_response(frames)
    assert value(result, "born_charge_mae") == pytest.approx(0.4 / 21)
    assert value(result, "born_charge_rmse") == pytest.approx(np.sqrt(0.1 / 21))
    assert value(result, "born_charge_rmse_of_mean") == pytest.approx(np.sqrt(0.96 / 21))
    assert only(result, "born_charge_mae").unit == "e"


def test_forces_that_do_not_know_the_field_have_no_born_charges() -> None:
    """As of a short-ranged point: as bad as the training mean, not absent."""
    frames = responding(interface(), REF={"forces": np.ones((7, 3))}, PRED={})
    result = field_response(frames)
    assert value(result, "born_charge_rmse") == pytest.approx(
        value(result, "born_charge_rmse_of_mean")
    )


def triple(predicted=(2.0, 1.0, 0.4), **kind) -> list[ase.Atoms]:
    """An interface, its metal and its water, DFT's slopes 1.8, 1.2 and 0.3 e Å²/V."""
    atoms = interface()
    parts = {"both": atoms, "metal": atoms[:4], "water": atoms[4:]}
    return [
        one
        for (group, part), dft, model in zip(parts.items(), (1.8, 1.2, 0.3), predicted)
        for one in responding(
            part, group=group, REF={"dipole": dft}, PRED={"dipole": model}, **kind
        )
    ]


def test_cooperativity_is_what_the_parts_do_not_do_alone() -> None:
    result = field_response(triple())
    assert value(result, "cooperativity", "group=both") == pytest.approx(0.6)
    assert value(result, "cooperativity_reference", "group=both") == pytest.approx(0.3)
    assert value(result, "cooperativity_mae") == pytest.approx(0.3)
    assert value(result, "cooperativity_rmse_of_mean") == pytest.approx(0.3)
    assert only(result, "cooperativity_mae").n == 1


@pytest.mark.parametrize("spoilt", ["water is elsewhere", "no metal", "nan", "another cell"])
def test_without_its_parts_there_is_no_cooperativity(spoilt: str) -> None:
    frames = triple()
    if spoilt == "no metal":
        frames = [a for a in frames if a.info["group"] != "metal"]
    for atoms in frames:
        if spoilt == "water is elsewhere" and atoms.info["group"] == "water":
            atoms.positions[0, 0] += 0.1
        if spoilt == "nan" and atoms.info["group"] == "metal":
            atoms.info["PRED_dipole"] = np.full(3, np.nan)
        if spoilt == "another cell" and atoms.info["group"] == "metal":
            atoms.cell[0, 0] = 9.0
    result = field_response(frames)
    assert not [r for r in result.records if r.name.startswith("cooperativity")]
    expected = "fewer than 3 fields" if spoilt == "nan" else "each alone, in the test set"
    for name in ("cooperativity", "cooperativity_reference", "cooperativity_mae"):
        assert expected in result.absent[name]


def test_series_that_are_no_interface_are_not_asked_for_cooperativity() -> None:
    frames = [a for a in triple() if a.info["group"] != "both"]
    result = field_response(frames)
    assert "metal with something on it" in result.absent["cooperativity_mae"]
    assert not [key for key in result.absent if key.startswith("cooperativity[")]


RANGE = [[0.0, 0.0, -0.15], [0.0, 0.0, 0.2]]


def test_dipoles_beyond_the_training_fields() -> None:
    """Of −0.2, 0, 0.1, 0.3 the outer two, less the dipole at 0.05: errors 0.1 × −0.25 and 0.25."""
    frames = responding(interface(), REF={"dipole": 1.6}, PRED={"dipole": 1.7})
    result = field_response(frames, RANGE)
    assert value(result, "induced_dipole_mae", "beyond_training_fields") == pytest.approx(0.025)
    assert value(result, "induced_dipole_mae_of_mean", "beyond_training_fields") == pytest.approx(
        0.4
    )


@pytest.mark.parametrize(
    ("field_range", "reason"),
    [
        (None, "not recorded"),
        ([[0.0] * 3, [0.0, 0.0, 0.05]], ""),
        ([[-1.0] * 3, [1.0] * 3], "goes beyond"),
        ([[0.0, 0.0, 0.5], [0.0, 0.0, 0.6]], "goes beyond"),  # no field within to count from
    ],
)
def test_why_no_dipole_is_beyond_the_training_fields(field_range, reason) -> None:
    frames = responding(interface(), REF={"dipole": 1.6}, PRED={"dipole": 1.7})
    result = field_response(frames, field_range)
    found = result.absent.get("induced_dipole_mae[beyond_training_fields]", "")
    assert reason in found and bool(reason) == bool(found)


def test_reasons_of_series_and_of_all_are_told_apart() -> None:
    """Water has no layers, which is no reason for the interface's to be absent."""
    result = field_response(triple())
    assert "layer_slope[group=water]" in result.absent
    assert "layer_slope_mae" not in result.absent
    assert result.absent["screening_ratio_mae"] == "no reference in the test set"


@pytest.mark.parametrize("system", ["al_water", "pt_water"])
def test_dfts_lowest_layer_takes_the_surface_charge_of_a_conductor(system: str) -> None:
    """−ε0 S per field, whatever is on the other side: sign, units and partition at once."""
    frames = [predict(atoms, None, noise=0.0) for atoms in reference(system)]
    metals = [one for one in field_series(frames) if is_metal(one.atoms).any()]
    assert len(metals) >= 4
    for series in metals:
        area = np.linalg.norm(np.cross(*series.atoms.cell.array[:2]))
        lowest, second, *_ = room.layer_charges(series).slopes[0]
        assert lowest == pytest.approx(-area / FIELD_CONSTANT, rel=0.01)
        assert second == pytest.approx(0.0, abs=2e-3)


@pytest.mark.parametrize("system", ["al_water", "pt_water"])
def test_dfts_born_charges_add_up_to_no_charge(system: str) -> None:
    """A field pulls a neutral slab nowhere."""
    frames = [predict(atoms, None, noise=0.0) for atoms in reference(system)]
    for series in field_series(frames):
        sums = room.born_charges(series).slopes[0].sum(0)
        assert sums == pytest.approx([0.0, 0.0, 0.0], abs=5e-3)
