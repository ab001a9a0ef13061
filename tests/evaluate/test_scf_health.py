import numpy as np
import pytest

from bench.evaluate.registry import SCF_GAP, SCF_RESPONSE, SCF_SOLVE
from bench.evaluate.scf_health import scf_health
from tests.evaluate.predicted import frame, only, solved, value


def test_numbers_by_hand() -> None:
    frames = [solved(frame(), iterations=k, high=h) for k, h in ((2, 0.1), (9, 1.5), (4, 3.0))]
    frames[1].info |= {"SCF_converged": False, "SCF_residual": 0.25}
    result = scf_health(frames)
    assert value(result, "scf_iterations_mean") == 5.0
    assert value(result, "scf_iterations_max") == 9.0
    assert value(result, "scf_residual_max") == 0.25
    assert value(result, "scf_converged_fraction") == pytest.approx(2 / 3)
    assert value(result, "scf_unconverged_count") == 1
    assert value(result, "scf_spectral_radius_max") == 3.0
    assert value(result, "scf_unstable_count") == 2
    assert result.unconverged == [1]


def test_the_radius_takes_negative_eigenvalues_too() -> None:
    assert value(scf_health([solved(frame(), high=0.5)]), "scf_spectral_radius_max") == 2.0


def test_a_point_without_a_solve_has_no_health() -> None:
    result = scf_health([frame()])
    for metric in (*SCF_SOLVE, *SCF_RESPONSE, *SCF_GAP):
        assert result.absent[metric.name] == "the point has no self-consistent solve"
    assert result.unconverged == []


def test_the_gap_counts_converged_structures_that_have_one() -> None:
    frames = [solved(frame(group=f"g{k}")) for k in range(4)]
    for atoms, gap in zip(frames, (0.5, -1.5, np.nan, 9.0)):
        atoms.info["SCF_fermi_level_gap"] = gap
    frames[3].info["SCF_converged"] = False
    gap = only(scf_health(frames), "fermi_level_gap_mean")
    assert (gap.value, gap.n, gap.unit) == (1.0, 2, "eV")
    variational = scf_health([solved(frame())])
    assert "by construction" in variational.absent["fermi_level_gap_mean"]


def test_eigenvalues_that_were_not_computed_are_absent() -> None:
    frames = [solved(frame()) for _ in range(2)]
    for atoms in frames:
        atoms.info |= {"SCF_response_min": np.nan, "SCF_response_max": np.nan}
    result = scf_health(frames)
    assert "not computed" in result.absent["scf_spectral_radius_max"]
    frames[0] = solved(frame(), high=2.5)
    partly = only(scf_health(frames), "scf_spectral_radius_max")
    assert (partly.value, partly.n) == (2.5, 1)


def test_a_residual_that_is_not_finite_is_said() -> None:
    frames = [solved(frame()), solved(frame(), converged=False)]
    frames[1].info["SCF_residual"] = np.nan
    result = scf_health(frames)
    assert result.absent["scf_residual_max"] == "NaN or infinite in 1 of 2 structures"


def test_structures_that_are_not_finite_are_listed_by_label() -> None:
    frames = [frame(dipole=(0.0, 0.0)) for _ in range(4)]
    frames[1].info["PRED_energy"] = np.nan
    frames[1].arrays["PRED_forces"][1, 2] = np.inf
    frames[2].arrays["PRED_multipoles"][0, 0] = np.nan
    frames[3].info["PRED_fermi_level"] = np.nan
    result = scf_health(frames)
    assert result.non_finite == {
        "PRED_energy": [1],
        "PRED_forces": [1],
        "PRED_multipoles": [2],
        "PRED_fermi_level": [3],
    }
    assert value(result, "non_finite_count") == 2  # an undefined Fermi level is no failure


def test_undefined_components_of_a_dipole_may_be_anything() -> None:
    atoms = frame(dipole=(0.1, 0.2))
    atoms.info["PRED_dipole"] = np.array([np.nan, np.nan, 0.2])
    assert scf_health([atoms]).non_finite == {}
