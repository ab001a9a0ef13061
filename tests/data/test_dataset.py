"""Loading a system: what a summary says, and every refusal with file, structure and key."""

import hashlib

import numpy as np
import pytest
import yaml
from ase.io import write

from bench.config.schema import SystemConfig
from bench.data.dataset import check_field, check_frame, dataset_checksum, load_dataset
from bench.density.geometry import Boundary
from bench.errors import BenchError
from tests.structures import bulk, cluster, slab

REQUIRED = {"REF_energy": {"required": True}, "REF_dipole": {"required": False}}


def frames():
    """Quartz at two charges and water for training, neutral quartz as a test."""
    made = [bulk(), bulk(charge=-1.0), cluster(), bulk(charge=0.0)]
    for number, (atoms, split) in enumerate(zip(made, ("train", "train", "train", "test"))):
        atoms.info |= {"uid": f"s{number}", "group": f"g{number}", "split": split}
    return made


def save(folder, *files):
    """Data files with a card that has their checksums."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number, structures in enumerate(files):
        path = folder / f"part{number}.extxyz"
        write(path, structures, format="extxyz")
        entries.append({"name": path.name, "sha256": sha256(path)})
    card = {"files": entries, "labels": REQUIRED}
    (folder / "card.yaml").write_text(yaml.safe_dump(card))
    return SystemConfig(name="mine", path=str(folder))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refused(structures, folder):
    with pytest.raises(BenchError) as error:
        load_dataset(save(folder, structures))
    return str(error.value)


def test_splits_elements_and_summary(tmp_path):
    made = frames()
    del made[1].info["REF_fermi_level"]
    dataset = load_dataset(save(tmp_path, made[:1], made[1:]))
    assert {split: len(found) for split, found in dataset.frames.items()} == {
        "train": 3,
        "valid": 0,
        "test": 1,
    }
    assert dataset.elements == (1, 8, 14)
    first, labels, charges = dataset.summary()
    assert first == "mine: 4 structures (3 train, 0 valid, 1 test)"
    assert "forces [eV/Å] in 4," in labels and "fermi_level [eV] in 3," in labels
    assert labels.endswith("polarizability [e Å²/V] in 1 of 4")
    assert charges == "total charges: +0 e: 2, +1 e: 1, -1 e: 1"


def test_numbers_survive_the_file(tmp_path):
    (read,) = load_dataset(save(tmp_path, frames())).frames["test"]
    written = frames()[3]
    assert read.info["REF_energy"] == written.info["REF_energy"]
    np.testing.assert_allclose(read.positions, written.positions, rtol=0, atol=1e-8)
    for key in ("REF_forces", "REF_multipoles"):
        np.testing.assert_allclose(read.arrays[key], written.arrays[key], rtol=0, atol=1e-8)


def test_the_checksum_is_that_of_the_files_in_any_order(tmp_path):
    made = frames()
    system = save(tmp_path / "a", made[:2], made[2:])
    card = yaml.safe_load((tmp_path / "a/card.yaml").read_text())
    checksum = dataset_checksum(system)
    assert checksum == load_dataset(system).checksum and len(checksum) == 64
    card["files"].reverse()
    card["title"] = "told differently"
    (tmp_path / "a/card.yaml").write_text(yaml.safe_dump(card))
    assert dataset_checksum(system) == checksum
    made[0].info["REF_energy"] += 1e-6
    assert dataset_checksum(save(tmp_path / "b", made[:2], made[2:])) != checksum


def test_a_folder_here_comes_before_the_shipped_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "datasets/pt_water", frames())
    assert load_dataset(SystemConfig(name="pt_water")).elements == (1, 8, 14)


def test_an_unknown_system_names_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BenchError, match=r"pt_watr.*\n.*'pt_water'"):
        load_dataset(SystemConfig(name="pt_watr"))


@pytest.mark.parametrize("key", ["files", "labels"])
def test_a_card_without_a_key(tmp_path, key):
    system = save(tmp_path, frames())
    card = yaml.safe_load((tmp_path / "card.yaml").read_text())
    del card[key]
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))
    with pytest.raises(BenchError, match=rf"card\.yaml: the card has no '{key}'"):
        load_dataset(system)


def test_an_empty_card(tmp_path):
    (tmp_path / "card.yaml").write_text("")
    with pytest.raises(BenchError, match="the card has no 'files'"):
        dataset_checksum(SystemConfig(name="mine", path=str(tmp_path)))


def test_a_file_that_is_not_there_or_not_the_same(tmp_path):
    system = save(tmp_path, frames())
    path = tmp_path / "part0.extxyz"
    before = sha256(path)
    path.write_text(path.read_text() + "\n")
    with pytest.raises(BenchError) as changed:
        load_dataset(system)
    assert str(path) in changed.value.problem
    assert before[:16] in changed.value.problem and sha256(path)[:16] in changed.value.problem
    path.unlink()
    with pytest.raises(BenchError, match=r"part0\.extxyz is listed .* but does not exist"):
        load_dataset(system)


@pytest.mark.parametrize("empty", ["train", "test"])
def test_nothing_to_train_on_or_to_test(tmp_path, empty):
    made = frames()
    for atoms in made:
        atoms.info["split"] = "valid" if atoms.info["split"] == empty else atoms.info["split"]
    assert f"no structure has split={empty}" in refused(made, tmp_path)


def test_an_empty_file_has_nothing_to_train_on(tmp_path):
    assert "no structure has split=train" in refused([], tmp_path)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({3: {"group": "g0"}}, "group g0 is in train and in test"),
        ({3: {"uid": "s1"}}, "uid comes twice: s1"),
        ({2: {"split": "trian"}}, "s2: split='trian'.\nDid you mean 'train'?"),
    ],
)
def test_splits_that_leak_or_are_misspelt(tmp_path, changes, found):
    made = frames()
    for number, info in changes.items():
        made[number].info |= info
    assert found in refused(made, tmp_path)


def test_an_element_in_the_test_set_alone(tmp_path):
    made = frames()
    made[3].symbols[0] = "Ge"
    message = refused(made, tmp_path)
    assert "s3 (split=test) has Ge, which no training structure has" in message
    assert message.endswith("Elements in the training set: H, O, Si.")


def set_info(key, value):
    return lambda atoms: atoms.info.__setitem__(key, value)


def set_array(key, value):
    return lambda atoms: atoms.arrays[key].__setitem__((4, 1), value)


def set_cell(atoms):
    cell = atoms.cell.array.copy()
    cell[1, 2] = np.nan
    atoms.set_cell(cell)


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (set_info("REF_energy", np.inf), "REF_energy is not finite at index [0]"),
        (set_info("REF_dipole", np.array([0, 0, np.nan])), "REF_dipole is not finite at index [2]"),
        (set_array("REF_forces", np.nan), "REF_forces is not finite at index [4, 1]"),
        (set_array("positions", np.nan), "positions is not finite at index [4, 1]"),
        (set_cell, "cell is not finite at index [1, 2]"),
        (set_info("total_charge", np.nan), "total_charge is not finite"),
        (set_info("total_charge", "plus"), "total_charge='plus' is no number"),
        (set_info("total_charge", np.array([0.0, 1.0])), "is no number"),
        (set_info("REF_dipole", np.zeros(2)), "REF_dipole has 2 numbers, expected 3"),
        (set_info("dipole_mask", np.array([0, 1])), "REF_dipole needs dipole_mask, three numbers"),
        (set_info("electric_field", np.zeros(2)), "electric_field has shape (2,), expected (3,)"),
    ],
)
def test_a_structure_that_cannot_be_treated(spoil, found):
    atoms = bulk()
    check_frame(atoms, "x.extxyz, structure 3", [])
    spoil(atoms)
    with pytest.raises(BenchError) as error:
        check_frame(atoms, "x.extxyz, structure 3", [])
    assert error.value.problem.startswith("x.extxyz, structure 3: ")
    assert found in error.value.problem


def test_multipoles_without_dipoles_are_too_few_numbers():
    atoms = cluster()
    atoms.set_array("REF_multipoles", atoms.arrays.pop("REF_multipoles")[:, :3])
    with pytest.raises(BenchError, match="REF_multipoles has 18 numbers, expected 24"):
        check_frame(atoms, "here", [])


@pytest.mark.parametrize("key", ["total_charge", "electric_field", "uid", "group", "REF_energy"])
def test_a_missing_key_is_told_with_those_that_are_there(tmp_path, key):
    made = frames()
    del made[2].info[key]
    message = refused(made, tmp_path)
    name = "no uid" if key == "uid" else "s2"
    assert f"part0.extxyz, structure 2 ({name}): {key} is missing (found: " in message
    assert "REF_forces" in message and "numbers" not in message.split("found: ")[1].split(")")[0]


def test_a_label_that_is_not_required_may_be_missing(tmp_path):
    made = frames()
    for atoms in made:
        del atoms.info["REF_dipole"], atoms.info["dipole_mask"]
    assert "dipole [e Å] in 0," in load_dataset(save(tmp_path, made)).summary()[1]


@pytest.mark.parametrize(
    ("atoms", "field", "allowed"),
    [
        (cluster(), [0.1, 0.2, 0.3], True),
        (slab(), [0.0, 0.0, 0.3], True),
        (slab(), [1e-6, 0.0, 0.3], False),
        (slab(), [0.0, -0.1, 0.0], False),
        (bulk(), [0.0, 0.0, 0.0], True),
        (bulk(), [0.0, 0.0, 0.1], False),
    ],
)
def test_fields_are_along_open_axes(atoms, field, allowed):
    atoms.info["electric_field"] = np.array(field)
    boundary = [Boundary.OPEN, None, Boundary.SLAB, Boundary.BULK][atoms.pbc.sum()]
    if allowed:
        check_field(atoms, boundary, "here")
        return
    with pytest.raises(BenchError) as error:
        check_field(atoms, boundary, "here")
    assert f"here: electric_field={field} V/Å along a periodic axis" in error.value.problem
    assert boundary.name.lower() in error.value.problem
