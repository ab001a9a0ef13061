"""The audit finds what is broken, and lets a good dataset pass."""

import hashlib
import io

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import write
from rich.console import Console

from bench.audit.audit import audit, progress_on, robust_deviation
from bench.audit.label_values import counts_table, label_values
from bench.commands.data import main
from bench.config.schema import SystemConfig
from bench.data.dataset import load_dataset
from bench.errors import BenchError
from bench.reference.build import labelled_frame
from tests.reference.planned import made_up_label, slab

REQUIRED = {key: {"required": True} for key in ("REF_energy", "REF_forces")}


def frames():
    """Four geometries of a slab, rattled, in three splits."""
    made = []
    for number, split in enumerate(("train", "train", "valid", "test")):
        atoms = slab(f"al000{number}", f"g{number}", split=split, trajectory=f"t{number}")
        atoms.rattle(0.1, seed=number)
        made.append(labelled_frame(atoms, made_up_label(atoms, dipole=0.3 + 0.1 * number)))
    return made


def saved(folder, structures, total=None, required=REQUIRED):
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "structures.extxyz", structures, format="extxyz")
    digest = hashlib.sha256((folder / "structures.extxyz").read_bytes()).hexdigest()
    card = {
        "labels": required,
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
        (spoil_charge, "Σq = Q is broken in 1 of 4 structures (worst 1.0e-04 e in al0001"),
        (spoil_dipole, "Σ(q r + d) = dipole is broken in 1 of 4 structures (worst"),
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


LABELS = {"REF_energy": "energy less E0, per atom", "REF_forces": "force components"}


@pytest.mark.parametrize("lacking", LABELS)
@pytest.mark.parametrize("count", [8, 1], ids=["everywhere", "in one"])
def test_data_without_a_label_are_audited(tmp_path, monkeypatch, capsys, lacking, count):
    """Eight near geometries, of which an energy or a force would tell outliers and signs."""
    structures = []
    for number in range(8):
        split = "test" if number == 7 else "train"
        atoms = slab(f"al000{number}", f"g{number}", trajectory=f"t{number}", split=split)
        atoms.rattle(0.05, seed=number)
        structures.append(labelled_frame(atoms, made_up_label(atoms, energy=-100.0)))
    for atoms in structures[:count]:
        (atoms.arrays if lacking in atoms.arrays else atoms.info).pop(lacking)
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "datasets/al", structures, required={})
    assert main(["audit", "system=al", "figure=al.png"]) == 0
    shown = capsys.readouterr().out
    assert (LABELS[lacking] in shown) is (count == 1)
    assert all(label in shown for key, label in LABELS.items() if key != lacking)


def test_a_broken_sum_rule_is_told_once_with_the_worst(tmp_path):
    structures = frames()
    for number, off in enumerate((1e-3, 5e-3, 2e-3)):
        structures[number].arrays["REF_multipoles"][0, 0] += off
    violations = audit(saved(tmp_path / "al", structures)).violations
    told = [line for line in violations if line.startswith("Σq")]
    assert len(told) == 1 and "broken in 3 of 4" in told[0] and "5.0e-03 e in al0001" in told[0]


def test_rounded_labels_obey_their_sum_rule(tmp_path):
    """Charges with three decimals add up to Q to a few thousandths: that is their precision."""
    structures = frames()
    for atoms in structures:
        atoms.arrays["REF_multipoles"] = atoms.arrays["REF_multipoles"].round(3)
        atoms.arrays["REF_multipoles"][0, 0] += 0.001
        del atoms.info["REF_dipole"], atoms.info["dipole_mask"]
    result = audit(saved(tmp_path / "al", structures))
    assert result.violations == []
    assert any(line.startswith("Σq = Q holds in all 4 structures") for line in result.remarks)


def no_forces(structures):
    structures[1].arrays["REF_forces"][:] = 0.0


def too_much_charge(structures):
    structures[1].info["total_charge"] = 99
    structures[1].arrays["REF_multipoles"][0, 0] += 99


def against_the_field(structures):
    for number, atoms in enumerate(structures):
        atoms.positions, atoms.cell = structures[0].positions, structures[0].cell
        field = 0.1 * (number - 1.5)
        atoms.info |= {"electric_field": np.array([0, 0, field]), "group": "g0"}
        atoms.info |= {"trajectory": "t0", "REF_dipole": np.array([0, 0, -field])}
        del atoms.arrays["REF_multipoles"]


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (no_forces, "all forces exactly zero, a filler?: 1 of 4 structures: al0001"),
        (too_much_charge, "more total charge than valence electrons: 1 of 4 structures: al0001"),
    ],
)
def test_odd_structures_are_remarked(tmp_path, spoil, found):
    structures = frames()
    spoil(structures)
    remarks = audit(saved(tmp_path / "al", structures)).remarks
    assert any(line.startswith(found) for line in remarks), remarks


def test_a_wrong_sign_is_remarked_with_its_mend(tmp_path):
    structures = frames()
    against_the_field(structures)
    for number, atoms in enumerate(structures):
        atoms.info |= {"split": "train", "uid": f"al000{number}"}
    structures += frames()[3:]
    structures[-1].info["uid"] = "al0009"
    dataset = saved(tmp_path / "al", structures)
    remarks = audit(dataset).remarks
    assert any("the dipole falls with the field" in r and "sign.field=-1" in r for r in remarks)
    dataset.card["imported"] = {"options": {"sign": {"field": -1.0}}}
    assert any("sign.field=1" in r for r in audit(dataset).remarks)


@pytest.mark.filterwarnings("error")
def test_gas_atoms_are_audited_without_a_warning(tmp_path):
    structures = []
    for number, split in enumerate(("train", "train", "test")):
        atoms = Atoms("H2", [[0, 0, 0], [0, 0, 7.0 + number]])
        atoms.info = {
            "uid": f"h{number}",
            "group": f"g{number}",
            "subset": "all",
            "split": split,
            "trajectory": f"t{number}",
            "total_charge": 0,
            "electric_field": np.zeros(3),
            "REF_energy": -27.0,
        }
        atoms.arrays["REF_forces"] = np.full((2, 3), 0.01) * [[1], [-1]]
        structures.append(atoms)
    result = audit(saved(tmp_path / "h", structures))
    assert result.violations == []
    assert any("(2 test atoms have no neighbour within 5 Å)" in line for line in result.remarks)
    assert any(
        line.startswith("atoms without a neighbour within 5 Å: 3") for line in result.remarks
    )


def test_a_bar_shows_how_far_it_is_on_a_terminal_only(tmp_path):
    dataset, shown = saved(tmp_path / "al", frames()), []
    for terminal in (False, True):
        console = Console(file=io.StringIO(), force_terminal=terminal)
        audit(dataset, progress_on(console))
        shown.append(console.file.getvalue())
    assert shown[0] == "" and "comparing geometries" in shown[1]


def test_tables_in_a_pipe_are_whole(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    structures = frames()
    for atoms in structures:
        atoms.info["subset"] = "a_subset_with_a_name_that_is_longer_than_a_narrow_terminal_has_room"
    saved(tmp_path / "datasets/al", structures)
    assert main(["audit", "system=al"]) == 0
    said = capsys.readouterr().out
    assert structures[0].info["subset"] in said and "deviation" in said and "…" not in said


def test_robust_deviation_ignores_the_outlier():
    values = np.array([1.0, 1.1, 0.9, 1.0, 5.0])
    off = robust_deviation(values)
    assert off[4] == pytest.approx(4.0 / (1.4826 * 0.1))
    assert robust_deviation(np.ones(4)).tolist() == [0, 0, 0, 0]


def test_tables_count_and_measure():
    structures = frames()
    assert counts_table(structures).row_count == 1
    values = {one.name: one for one in label_values(structures)}
    charges = values["atomic charges"]
    assert (charges.unit, len(charges.numbers), charges.structures) == ("e", 20, 4)
    assert values["dipole"].numbers == pytest.approx([0.3, 0.4, 0.5, 0.6])
    energies = np.array([a.info["REF_energy"] for a in structures])
    above = 1000.0 * (energies - energies.mean()) / 5
    assert values["energy less E0, per atom"].numbers == pytest.approx(above)
    assert values["energy less E0, per atom"].unit == "meV/atom"


@pytest.mark.parametrize("words", [["audti"], ["audit"], ["audit", "system=al", "figrue=a"]])
def test_typing_mistakes_are_told(words):
    with pytest.raises(BenchError, match=r"audit|system|figure"):
        main(words)
