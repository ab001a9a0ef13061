import ase
import numpy as np
import pytest

from bench.data.statistics import TrainingMeans
from bench.errors import BenchError
from bench.evaluate.accuracy import accuracy
from tests.evaluate.predicted import MEANS, frame, only, solved, training_means, value


def test_energy_is_per_atom_and_above_the_baseline() -> None:
    """Errors +2 and −4 meV for 2 and 4 atoms: +1 and −1 meV/atom; baseline errors 5 and 10."""
    frames = [
        frame(energy=(-9.99, -9.988), baseline=-10.0, atoms=2),
        frame(energy=(-19.96, -19.964), baseline=-20.0, atoms=4, group="g1"),
    ]
    result = accuracy(frames, MEANS)
    assert value(result, "energy_mae") == pytest.approx(1.0, rel=1e-9)
    assert value(result, "energy_rmse") == pytest.approx(1.0, rel=1e-9)
    assert value(result, "energy_mae_of_mean") == pytest.approx(7.5, rel=1e-9)
    assert value(result, "energy_rmse_of_mean") == pytest.approx(np.sqrt(62.5), rel=1e-9)
    assert value(result, "energy_std") == pytest.approx(2.5, rel=1e-9)
    assert only(result, "energy_mae").unit == "meV/atom"


def test_forces_are_per_component_and_their_mean_predictor_is_zero() -> None:
    atoms = frame()
    atoms.arrays["REF_forces"] = np.array([[0.1, 0.0, 0.0], [0.0, -0.2, 0.0]])
    atoms.arrays["PRED_forces"] = np.array([[0.1, 0.0, 0.003], [0.0, -0.206, 0.0]])
    result = accuracy([atoms], MEANS)
    assert value(result, "forces_mae") == pytest.approx(9.0 / 6.0)
    assert value(result, "forces_rmse") == pytest.approx(np.sqrt((9.0 + 36.0) / 6.0))
    assert value(result, "forces_rmse_of_mean") == pytest.approx(np.sqrt(50000.0 / 6.0))
    mean = -100.0 / 6.0
    assert value(result, "forces_std") == pytest.approx(np.sqrt(50000.0 / 6.0 - mean**2))


def test_dipole_counts_defined_components_only() -> None:
    """The predicted x and y components are 7 e Å off and masked."""
    frames = [frame(dipole=(0.3, 0.4)), frame(dipole=(-0.3, -0.6), group="g1")]
    result = accuracy(frames, MEANS)
    assert value(result, "dipole_mae") == pytest.approx(0.2)
    assert value(result, "dipole_rmse") == pytest.approx(np.sqrt(0.05))
    assert value(result, "dipole_mae_of_mean") == pytest.approx((0.2 + 0.8) / 2)
    assert value(result, "dipole_std") == pytest.approx(0.3)


def test_charges_and_atomic_dipoles_are_apart() -> None:
    atoms = frame()
    atoms.arrays["PRED_multipoles"] = np.array([[0.1, 0.0, 0.0, 0.6], [-0.3, 0.0, 0.0, 0.0]])
    result = accuracy([atoms], MEANS)
    assert value(result, "charges_mae") == pytest.approx(0.2)
    assert value(result, "atomic_dipoles_mae") == pytest.approx(0.1)
    assert value(result, "atomic_dipoles_rmse") == pytest.approx(np.sqrt(0.06))
    assert value(result, "charges_mae_of_mean") == pytest.approx(0.1)
    assert value(result, "atomic_dipoles_mae_of_mean") == pytest.approx(0.2 / 3)
    assert (only(result, "charges_mae").unit, only(result, "atomic_dipoles_mae").unit) == (
        "e",
        "e Å",
    )


@pytest.mark.parametrize("shape", [(2, 1), (2,)])
def test_charges_without_dipoles_leave_the_dipoles_unpredicted(shape: tuple[int, ...]) -> None:
    atoms = frame()
    atoms.arrays["PRED_multipoles"] = np.array([0.1, -0.1]).reshape(shape)
    result = accuracy([atoms], MEANS)
    assert value(result, "charges_mae") == pytest.approx(0.1)
    assert result.absent["atomic_dipoles_rmse"] == "not predicted"


@pytest.mark.parametrize("shape", [(2, 1), (2,)])
def test_what_is_not_labelled_is_not_scored(shape: tuple[int, ...]) -> None:
    """Reference charges without atomic dipoles: the predicted dipoles count in no error."""
    atoms = frame()
    del atoms.arrays["REF_multipoles"]
    atoms.arrays["REF_multipoles"] = np.array([0.2, -0.2]).reshape(shape)
    atoms.arrays["PRED_multipoles"] = np.array([[0.1, 9.0, 9.0, 9.0], [-0.1, 9.0, 9.0, 9.0]])
    result = accuracy([atoms], MEANS)
    assert value(result, "charges_mae") == pytest.approx(0.1)
    assert result.absent["atomic_dipoles_rmse"] == "no reference in the test set"


def test_total_charge_and_fermi_level() -> None:
    frames = [
        frame(charge=1, PRED_total_charge=1.25, PRED_fermi_level=0.5),
        frame(charge=0, PRED_total_charge=-0.25, PRED_fermi_level=-0.1),
    ]
    result = accuracy(frames, MEANS)
    assert value(result, "total_charge_mae") == pytest.approx(0.25)
    assert value(result, "total_charge_rmse", "charge=+1") == pytest.approx(0.25)
    assert value(result, "fermi_level_mae") == pytest.approx(0.3)
    assert value(result, "fermi_level_rmse_of_mean") == pytest.approx(1.0)
    assert not any(r.name.startswith("total_charge") and "mean" in r.name for r in result.records)


def test_subsets_follow_their_label() -> None:
    """Exchanging the labels exchanges the numbers; the overall number stays."""
    errors = {"interface": 0.002, "bare_metal": 0.010, "water_only": 0.030}
    names = list(errors)
    for shift in range(3):
        frames = [
            frame(energy=(0.0, e), subset=names[(k + shift) % 3], group=f"g{k}")
            for k, e in enumerate(errors.values())
        ]
        result = accuracy(frames, MEANS)
        for k, e in enumerate(errors.values()):
            assert value(result, "energy_mae", names[(k + shift) % 3]) == pytest.approx(500.0 * e)
        assert value(result, "energy_mae") == pytest.approx(7.0)
        assert only(result, "energy_mae").n == 3


def test_a_subset_called_all_is_not_counted_twice() -> None:
    result = accuracy([frame(subset="all"), frame(subset="all")], MEANS)
    assert only(result, "energy_mae").n == 2
    assert only(result, "energy_mae", "subset=all").n == 2


def test_each_charge_is_scored_alone_where_charges_vary() -> None:
    frames = [frame(charge=q, energy=(0.0, 0.002 * (q + 1)), group=f"g{q}") for q in (0, 1, 2)]
    result = accuracy(frames, MEANS)
    for name, expected in (("charge=0", 1.0), ("charge=+1", 2.0), ("charge=+2", 3.0)):
        assert value(result, "energy_rmse", name) == pytest.approx(expected)
    neutral = accuracy(frames[:1], MEANS)
    assert not any(r.subset.startswith("charge") for r in neutral.records)


def test_unconverged_structures_are_in_no_error() -> None:
    frames = [
        solved(frame(energy=(0.0, 0.002))),
        solved(frame(energy=(0.0, 50.0)), converged=False),
    ]
    record = only(accuracy(frames, MEANS), "energy_mae")
    assert (record.value, record.n) == (pytest.approx(1.0), 1)


def test_nothing_converged_is_absent() -> None:
    result = accuracy([solved(frame(), converged=False)] * 3, MEANS)
    assert result.records == []
    assert result.absent["energy_rmse"] == "not converged in any of 3 structures"


def test_nan_is_never_averaged() -> None:
    frames = [frame(energy=(0.0, 0.002)), frame(energy=(0.0, np.nan)), frame(energy=(0.0, np.inf))]
    frames[1].arrays["PRED_forces"][0, 0] = np.nan
    result = accuracy(frames, MEANS)
    assert only(result, "energy_mae").n == 1
    assert value(result, "energy_mae") == pytest.approx(1.0)
    assert only(result, "forces_mae").n == 2


def test_a_fermi_level_that_is_undefined_everywhere_is_absent() -> None:
    result = accuracy([frame(PRED_fermi_level=np.nan)] * 2, MEANS)
    assert result.absent["fermi_level_mae"] == "predicted as NaN or infinite in all of 2 structures"


def test_what_is_not_predicted_is_absent_not_zero() -> None:
    atoms = frame(dipole=(0.1, 0.1))
    for key in ("PRED_dipole", "PRED_fermi_level", "PRED_total_charge"):
        del atoms.info[key]
    del atoms.arrays["PRED_multipoles"]
    result = accuracy([atoms], MEANS)
    for family in ("dipole", "fermi_level", "total_charge", "charges", "atomic_dipoles"):
        assert result.absent[f"{family}_rmse"] == "not predicted"
        assert not any(r.name == f"{family}_rmse" for r in result.records)


def test_a_label_that_the_data_lack_is_absent_with_that_reason() -> None:
    result = accuracy([frame()], MEANS)  # no dipole
    assert result.absent["dipole_mae"] == "no reference in the test set"


def test_a_subset_without_structures_is_named() -> None:
    frames = [frame(field=0.2, dipole=(0.1, 0.1)), frame(field=0.3, dipole=(0.2, 0.2))]
    result = accuracy(frames, MEANS)
    assert result.absent["energy_rmse[no_applied_field]"] == "no such structure in the test set"


@pytest.mark.parametrize(
    ("means", "metric"),
    [
        (training_means(fermi_level=0.0, multipoles={"78": [0.0] * 4}), "dipole_mae_of_mean"),
        (training_means(dipole=[0.0] * 3), "fermi_level_rmse_of_mean"),
        (training_means(fermi_level=0.0, multipoles={"8": [0.0] * 4}), "charges_rmse_of_mean"),
    ],
)
def test_a_missing_training_mean_is_said(means: TrainingMeans, metric: str) -> None:
    result = accuracy([frame(dipole=(0.1, 0.2))], means)
    assert "no mean" in result.absent[metric]
    assert value(result, metric.replace("_of_mean", "")) >= 0.0


def test_a_reference_that_is_not_finite_is_refused() -> None:
    with pytest.raises(BenchError, match=r"structure 1 \(u\): REF_energy is not finite"):
        accuracy([frame(), frame(energy=(np.nan, 0.0))], MEANS)


def test_interval_of_the_rmse_is_over_groups() -> None:
    same = [frame(energy=(0.0, 0.002 * k)) for k in range(1, 6)]
    apart = [frame(energy=(0.0, 0.002 * k), group=f"g{k}") for k in range(1, 6)]
    assert only(accuracy(same, MEANS), "energy_rmse").ci95 is None
    low, high = only(accuracy(apart, MEANS), "energy_rmse").ci95 or (0.0, 0.0)
    assert 1.0 <= low < np.sqrt(11.0) < high <= 5.0


def at_reference(*frames: ase.Atoms) -> list[ase.Atoms]:
    """Solved; of the density given to it the point says 4 meV, 6 meV/Å and 0.1 e more."""
    for atoms in map(solved, frames):
        atoms.info["PRED_energy_at_reference"] = atoms.info["REF_energy"] + 0.004
        atoms.arrays["PRED_forces_at_reference"] = atoms.arrays["REF_forces"] + 0.006
        updated = atoms.arrays["REF_multipoles"] + [0.1, 0.0, 0.0, 0.3]
        atoms.arrays["PRED_multipoles_at_reference"] = updated
    return list(frames)


def test_errors_at_the_reference_density_by_hand() -> None:
    """They are of predictions under their own keys; those at self-consistency stay as they are."""
    given = at_reference(frame(energy=(-1.0, -1.0)), frame(energy=(-2.0, -2.0), group="g1"))
    result = accuracy(given, MEANS)
    assert value(result, "energy_at_reference_mae") == pytest.approx(2.0)  # of two atoms
    assert value(result, "forces_at_reference_rmse") == pytest.approx(6.0)
    assert value(result, "charges_at_reference_rmse") == pytest.approx(0.1)
    assert value(result, "atomic_dipoles_at_reference_mae") == pytest.approx(0.1)
    assert only(result, "forces_at_reference_rmse").unit == "meV/Å"
    assert value(result, "energy_rmse") == value(result, "forces_rmse") == 0.0
    assert "energy_at_reference_rmse_of_mean" not in result.absent


def test_both_densities_are_scored_on_the_same_structures() -> None:
    """A structure whose own density did not converge counts at neither."""
    good, bad = at_reference(frame(), frame(group="g1"))
    bad.arrays["PRED_forces_at_reference"][:] = 9.0
    bad.info["SCF_converged"] = False
    assert only(accuracy([good, bad], MEANS), "forces_at_reference_rmse").n == 1


@pytest.mark.parametrize(
    ("solves", "labelled", "reason"),
    [
        (False, True, "no training mode of the point takes a given density"),
        (True, False, "no reference multipoles in the test set"),
        (True, True, "not in these predictions: bench evaluate run=FOLDER predict=true"),
    ],
)
def test_why_nothing_is_known_at_the_reference_density(
    solves: bool, labelled: bool, reason: str
) -> None:
    atoms = solved(frame()) if solves else frame()
    if not labelled:
        del atoms.arrays["REF_multipoles"]
    absent = accuracy([atoms], MEANS).absent
    assert absent["forces_at_reference_rmse"] == absent["energy_at_reference_mae"] == reason
    assert "forces_at_reference_rmse[interface]" not in absent
