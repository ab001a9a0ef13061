"""The audit finds what is broken, and lets a good dataset pass."""

import hashlib

import numpy as np
import pytest
import yaml
from ase.io import write

from bench.commands.data import main
from bench.config.schema import SystemConfig
from bench.data.dataset import load_dataset
from bench.errors import BenchError
from bench.reference.audit import (
    audit,
    counts_table,
    label_values,
    robust_deviation,
    sum_rule_violations,
)
from bench.reference.build import labelled_frame
from bench.reference.neighbours import environments, structure_distance
from tests.reference.planned import crystal, made_up_label, slab

REQUIRED = {key: {"required": True} for key in ("REF_energy", "REF_forces")}


def frames():
    """Four geometries of a slab, rattled, in three splits."""
    made = []
    for number, split in enumerate(("train", "train", "valid", "test")):
        atoms = slab(f"al000{number}", f"g{number}", split=split, trajectory=f"t{number}")
        atoms.rattle(0.1, seed=number)
        made.append(labelled_frame(atoms, made_up_label(atoms, dipole=0.3 + 0.1 * number)))
    return made


def saved(folder, structures, total=None):
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "structures.extxyz", structures, format="extxyz")
    digest = hashlib.sha256((folder / "structures.extxyz").read_bytes()).hexdigest()
    card = {
        "labels": REQUIRED,
        "counts": {"total": len(structures) if total is None else total},
        "files": [{"name": "structures.extxyz", "sha256": digest}],
    }
    (folder / "card.yaml").write_text(yaml.safe_dump(card))
    return load_dataset(SystemConfig(name=folder.name, path=str(folder)))


def test_a_good_dataset_has_no_violation(tmp_path):
    result = audit(saved(tmp_path / "al", frames()))
    assert result.violations == []
    assert any(line.startswith("leakage: 1 of 1") for line in result.remarks)


def spoil_charge(structures):
    structures[1].arrays["REF_multipoles"][0, 0] += 1e-4


def spoil_dipole(structures):
    structures[1].info["REF_dipole"] = np.array([0, 0, 9.0])


def spoil_geometry(structures):
    structures[3].positions = structures[0].positions
    structures[3].arrays["REF_multipoles"] = structures[0].arrays["REF_multipoles"]
    structures[3].info["REF_dipole"] = structures[0].info["REF_dipole"]


def spoil_number(structures):
    repeat = structures[0].copy()
    repeat.info["uid"] = "al0099"
    structures.append(repeat)


def spoil_trajectory(structures):
    structures[3].info["trajectory"] = "t0"


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (spoil_charge, "al0001: the charge sum rule"),
        (spoil_dipole, "al0001: the dipole sum rule"),
        (spoil_geometry, "al0003 has the geometry of training al0000"),
        (spoil_trajectory, "trajectory t0 is in test, train"),
        (spoil_number, "al0099 is al0000 once more"),
    ],
)
def test_broken_promises_are_found(tmp_path, spoil, found):
    structures = frames()
    spoil(structures)
    violations = audit(saved(tmp_path / "al", structures)).violations
    assert any(found in line for line in violations), violations


def test_a_wrong_count_on_the_card_is_found(tmp_path):
    assert "counts 7" in audit(saved(tmp_path / "al", frames(), total=7)).violations[0]


def test_exit_code_and_figure(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "datasets/al", frames())
    assert main(["audit", "system=al", "figure=al.png"]) == 0
    assert (tmp_path / "al.png").stat().st_size > 10_000
    assert "interface" in capsys.readouterr().out
    structures = frames()
    spoil_charge(structures)
    saved(tmp_path / "datasets/al", structures)
    assert main(["audit", "system=al"]) == 1


def test_an_outlier_is_remarked(tmp_path):
    structures = []
    for number in range(8):
        atoms = slab(
            f"al000{number}",
            f"g{number}",
            trajectory=f"t{number}",
            split="test" if number == 7 else "train",
        )
        atoms.rattle(0.05, seed=number)
        label = made_up_label(atoms, energy=-100.0 - 0.01 * number)
        structures.append(labelled_frame(atoms, label))
    structures[4].info["REF_energy"] = -50.0
    remarks = audit(saved(tmp_path / "al", structures)).remarks
    assert any(line.startswith("al0004") and "energy" in line for line in remarks)


def test_sum_rules_of_a_charged_crystal():
    atoms = crystal(charge=1)
    frame = labelled_frame(atoms, made_up_label(atoms))
    assert sum_rule_violations(frame) == {"charge": pytest.approx(0.0, abs=1e-12)}
    frame.info["total_charge"] = 0
    assert sum_rule_violations(frame)["charge"] == pytest.approx(1.0)


def test_descriptor_knows_a_structure_again_and_sees_a_shift():
    one = frames()[0]
    elements = [1, 8, 13]
    turned = one.copy()
    turned.positions = turned.positions[::-1]
    turned.numbers = turned.numbers[::-1]
    turned.translate([0.3, -0.2, 0.0])
    own = environments(one, elements)
    assert structure_distance(own, environments(turned, elements)) < 1e-10
    moved = one.copy()
    moved.positions[-1] += [0.0, 0.0, 0.1]
    assert structure_distance(own, environments(moved, elements)) > 0.02
    assert own[1].shape == (2, 66) and own[13].shape == (2, 66)


def test_an_isolated_atom_has_an_empty_environment():
    atoms = crystal()[:1]
    atoms.set_cell([20.0] * 3)
    assert np.array_equal(environments(atoms, [14])[14], np.zeros((1, 22)))


def test_robust_deviation_ignores_the_outlier():
    values = np.array([1.0, 1.1, 0.9, 1.0, 5.0])
    off = robust_deviation(values)
    assert off[4] == pytest.approx(4.0 / (1.4826 * 0.1))
    assert robust_deviation(np.ones(4)).tolist() == [0, 0, 0, 0]


def test_tables_count_and_measure():
    structures = frames()
    assert counts_table(structures).row_count == 1
    values = {
        name: (unit, numbers, count) for name, unit, numbers, count in label_values(structures)
    }
    assert values["atomic charge"][0] == "e" and len(values["atomic charge"][1]) == 20
    assert values["dipole along z"][1] == pytest.approx([0.3, 0.4, 0.5, 0.6])
    energies = np.array([a.info["REF_energy"] for a in structures])
    assert values["energy less E0, per atom"][1] == pytest.approx((energies - energies.mean()) / 5)


@pytest.mark.parametrize("words", [["audti"], ["audit"], ["audit", "system=al", "figrue=a"]])
def test_typing_mistakes_are_told(words):
    with pytest.raises(BenchError, match=r"audit|system|figure"):
        main(words)
