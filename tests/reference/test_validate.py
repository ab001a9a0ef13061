"""Error bars from labels with a known error."""

import numpy as np
import pytest

from bench.density.constants import COULOMB_CONSTANT
from bench.errors import BenchError
from bench.reference.build import labelled_frame
from bench.reference.store import Store
from bench.reference.validate import (
    DISPLACEMENT,
    at_felt_field,
    compare_frames,
    plan_validation,
    validate,
    validation_store,
)
from tests.reference.planned import crystal, made_up_label, slab


def store_of(tmp_path, labels):
    store = Store(tmp_path / "al_water")
    store.write_plan([atoms for atoms, _ in labels])
    for _, label in labels:
        store.write_label(label)
    return store


def test_plan_covers_forces_noise_and_vacuum(tmp_path):
    frames = [slab(f"al000{i}", f"g{i}", 0.1 * i) for i in range(4)]
    store = store_of(tmp_path, [(a, made_up_label(a)) for a in frames])
    plan = plan_validation(store)
    kinds = [a.info["subset"] for a in plan]
    assert kinds.count("displaced") == 6
    assert kinds.count("tighter_cutoff") == kinds.count("tighter_k_points") == 3
    assert kinds.count("tighter_eps_scf") == 3 and kinds.count("more_vacuum") == 1
    assert all(a.info["field"] != 0 for a in plan if a.info["subset"] == "displaced")
    assert len({a.info["uid"] for a in plan}) == len(plan)
    (vacuum,) = (a for a in plan if a.info["subset"] == "more_vacuum")
    assert vacuum.cell[2, 2] == frames[0].cell[2, 2] + 5.0


def test_crystals_have_neither_vacuum_nor_k_points(tmp_path):
    atoms = crystal()
    store = store_of(tmp_path, [(atoms, made_up_label(atoms))])
    kinds = {a.info["subset"] for a in plan_validation(store)}
    assert kinds == {"displaced", "tighter_cutoff", "tighter_eps_scf"}


@pytest.mark.parametrize("evaluate", [validate, plan_validation])
def test_without_labels_there_is_nothing_to_validate(tmp_path, evaluate):
    store = store_of(tmp_path, [])
    store.write_plan([slab()])
    with pytest.raises(BenchError, match="no labels to validate"):
        evaluate(store)


def test_force_error_is_found(tmp_path):
    atoms = slab("al0000", field=0.1)
    label = made_up_label(atoms)
    store = store_of(tmp_path, [(atoms, label)])
    extra = validation_store(store)
    extra.write_plan([a for a in plan_validation(store) if a.info["subset"] == "displaced"])
    for variant in extra.plan():
        index, axis, sign = (int(variant.info[k]) for k in ("atom", "axis", "sign"))
        force = label["forces"][index][axis] + (0.02 if axis == 1 else 0.0)
        energy = -100.0 - sign * DISPLACEMENT * force
        extra.write_label(made_up_label(variant, energy=energy))
    rows = validate(store)["forces_against_finite_differences"]
    assert [r["axis"] for r in rows] == ["x", "y", "z"]
    assert [r["difference_meV_per_angstrom"] for r in rows] == pytest.approx([0, -20, 0], abs=1e-3)


def in_fields(folder, felt_fields, *, error=0.0, curvature=0.0):
    """A slab with dipole 0.3 + 1.5 E + curvature E²/2 and the energies that belong to it."""
    factor = 4 * np.pi * COULOMB_CONSTANT / slab().get_volume()
    labels = []
    for number, felt in enumerate(felt_fields):
        dipole = 0.3 + 1.5 * felt + curvature * felt**2 / 2 + error
        work = 0.3 * felt + 0.75 * felt**2 + curvature * felt**3 / 6
        atoms = slab(f"al000{number}", "g0", felt - factor * dipole)
        energy = 0.5 * factor * dipole**2 - work
        labels.append((atoms, made_up_label(atoms, dipole=dipole, energy=energy)))
    return store_of(folder, labels)


@pytest.mark.parametrize("error", [0.0, 0.05])
def test_dipole_against_energy_finds_a_wrong_dipole(tmp_path, error):
    found = validate(in_fields(tmp_path, (-0.4, -0.1, 0.0, 0.2, 0.3), error=error, curvature=1.0))
    assert "dipole_against_minus_dE_dfield_curvature_included" not in found
    row = found["dipole_against_minus_dE_dfield"]
    assert row["pairs"] == 4
    assert row["largest_e_angstrom"] == pytest.approx(error, abs=1e-6)
    assert row["largest_energy_mismatch_meV"] == pytest.approx(1e3 * error * 0.3, abs=1e-3)


def test_two_fields_cannot_tell_curvature_from_error(tmp_path):
    found = validate(in_fields(tmp_path, (-0.1, 0.2), curvature=1.0))
    assert "dipole_against_minus_dE_dfield" not in found
    row = found["dipole_against_minus_dE_dfield_curvature_included"]
    assert row["largest_e_angstrom"] == pytest.approx(0.3**2 / 12, rel=1e-3)  # h²/12 of μ''


def test_spins_are_summarised(tmp_path):
    atoms = crystal(charge=1)
    label = made_up_label(atoms) | {
        "spins": [0.9, 0.05, 0.051],
        "integrated_spin": 1.002,
        "integrated_absolute_spin": 1.2,
        "s_squared": 0.7509,
    }
    found = validate(store_of(tmp_path, [(atoms, label)]))["integrated_spin"]
    assert found["largest_deviation_from_1"] == pytest.approx(0.002)
    assert found["s_squared_range"] == [0.7509, 0.7509]
    assert found["by_mulliken_spins_alone"] == 0


def test_mulliken_spins_stand_in_for_a_spin_density_that_was_not_kept(tmp_path):
    closed, old = crystal("si0000"), crystal("si0001", charge=1)
    labels = [(closed, {k: v for k, v in made_up_label(closed).items() if k != "spins"})]
    labels.append((old, made_up_label(old) | {"spins": [0.9, 0.05, 0.0503]}))
    found = validate(store_of(tmp_path, labels))["integrated_spin"]
    assert found["largest_deviation_from_1"] == pytest.approx(3e-4)
    assert (found["structures"], found["by_mulliken_spins_alone"]) == (1, 1)
    assert found["structure"] == "si0001" and found["s_squared_range"] == []


def test_noise_between_two_settings():
    atoms = slab()
    usual = labelled_frame(atoms, made_up_label(atoms))
    tight = usual.copy()
    tight.arrays["REF_forces"][0, 0] += 0.03
    tight.info["REF_energy"] += 0.01
    tight.info["REF_fermi_level"] -= 0.002
    found = compare_frames(usual, tight)
    assert found["energy_meV_per_atom"] == pytest.approx(2.0)
    assert found["force_largest_meV_per_angstrom"] == pytest.approx(30.0)
    assert found["force_rms_meV_per_angstrom"] == pytest.approx(30.0 / np.sqrt(15), rel=1e-2)
    assert found["fermi_level_meV"] == pytest.approx(-2.0)
    assert found["dipole_e_angstrom"] == 0.0


@pytest.mark.parametrize(
    ("shifts", "variations"),
    [((-100.0, -80.0), (-10.0, 10.0)), ((-150.35, -150.48), (0.065, -0.065))],
)
def test_a_constant_per_composition_is_no_error(tmp_path, shifts, variations):
    """Platinum's change is 2000 times what of it varies: it is rounded last."""
    frames = [slab(f"al000{i}", f"g{i}", 0.1 * i) for i in range(2)]
    store = store_of(tmp_path, [(a, made_up_label(a)) for a in frames])
    extra = validation_store(store)
    extra.write_plan([a for a in plan_validation(store) if a.info["subset"] == "tighter_cutoff"])
    for variant, shift in zip(extra.plan(), shifts):
        extra.write_label(made_up_label(variant, energy=-100.0 + 1e-3 * shift * len(variant)))
    noise = validate(store)["label_noise"]["tighter_cutoff"].values()
    assert [c["energy_meV_per_atom"] for c in noise] == pytest.approx(shifts, rel=5e-3)
    found = [c["energy_variation_meV_per_atom"] for c in noise]
    assert found == pytest.approx(variations, rel=1e-9)


@pytest.mark.parametrize(("other", "compared"), [("1", True), ("2", False)])
def test_charges_of_other_free_atoms_are_not_compared(tmp_path, other, compared):
    label = made_up_label(slab())
    label["provenance"]["proatoms"] = {"H": "1"}
    store = store_of(tmp_path, [(slab(), label)])
    extra = validation_store(store)
    (variant,) = [a for a in plan_validation(store) if a.info["subset"] == "tighter_cutoff"]
    extra.write_plan([variant])
    tight = made_up_label(variant)
    tight["provenance"]["proatoms"] = {"H": other}
    extra.write_label(tight)
    result = validate(store)
    (change,) = result["label_noise"]["tighter_cutoff"].values()
    assert ("charge_rms_e" in change) == compared and "force_rms_meV_per_angstrom" in change
    assert result.get("multipoles_not_compared", []) == ([] if compared else [variant.info["uid"]])


def test_a_higher_cell_is_compared_at_the_field_that_it_feels(tmp_path):
    series = in_fields(tmp_path, (-0.1, 0.2))
    frames = [labelled_frame(a, series.read_label(a.info["uid"])) for a in series.plan()]
    found = at_felt_field(frames, 0.1)
    assert found.info["REF_dipole"][2] == pytest.approx(0.3 + 1.5 * 0.1)
    assert found.info["REF_energy"] == pytest.approx(-0.3 * 0.1 - 0.75 * 0.1**2, abs=1e-9)
    extra = validation_store(series)
    extra.write_plan([a for a in plan_validation(series) if a.info["subset"] == "more_vacuum"])
    (higher,) = extra.plan()
    factor = 4 * np.pi * COULOMB_CONSTANT / higher.get_volume()
    felt, dipole = 0.1, 0.3 + 1.5 * 0.1  # what the slab does at the field that the cell gives it
    higher.info["field"] = felt - factor * dipole
    extra.write_plan([higher])
    energy = 0.5 * factor * dipole**2 - 0.3 * felt - 0.75 * felt**2
    extra.write_label(made_up_label(higher, dipole=dipole, energy=energy))
    ((changes),) = validate(series)["label_noise"]["more_vacuum"].values()
    assert changes["energy_meV_per_atom"] == pytest.approx(0.0, abs=1e-5)
    assert changes["dipole_e_angstrom"] == pytest.approx(0.0, abs=1e-6)
