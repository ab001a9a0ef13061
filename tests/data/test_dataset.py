"""Loading a system: what a summary says, and every refusal with file, structure and key."""

import hashlib

import numpy as np
import pytest
import yaml
from ase.io import write

from bench.config.schema import SystemConfig
from bench.data.dataset import dataset_checksum, load_dataset
from bench.errors import BenchError
from bench.testing.frames import bulk, cluster

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
    assert charges == "total charges: -1 e: 1, +0 e: 2, +1 e: 1"


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
        (
            {3: {"group": "g0"}},
            "s3 (split test) and a structure of split train are of one group, g0",
        ),
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


@pytest.mark.parametrize("key", ["total_charge", "electric_field", "uid", "group", "REF_energy"])
def test_a_missing_key_is_told_with_those_that_are_there(tmp_path, key):
    made = frames()
    del made[2].info[key]
    message = refused(made, tmp_path)
    name = "no uid" if key == "uid" else "s2"
    assert f"part0.extxyz, structure 2 ({name}): {key} is missing (found: " in message
    assert "REF_forces" in message and "numbers" not in message.split("found: ")[1].split(")")[0]


def test_all_missing_keys_are_told_at_once(tmp_path):
    made = frames()
    for key in ("uid", "split", "REF_energy"):
        del made[2].info[key]
    assert "(no uid): uid, split, REF_energy are missing (found: " in refused(made, tmp_path)


def test_shapes_of_the_file_are_put_right(tmp_path):
    """A dipole of shape (1, 3) would fail in the evaluation, after the whole training."""
    made = frames()
    odd = made[2]
    for key in ("REF_dipole", "dipole_mask", "electric_field"):
        odd.info[key] = np.reshape(odd.info[key], (1, 3))
    odd.info["REF_energy"] = np.array([[-3.5]])
    odd.arrays["REF_multipoles"] = odd.arrays["REF_multipoles"][:, :1]
    read = load_dataset(save(tmp_path, made)).frames["train"][2]
    for key in ("REF_dipole", "dipole_mask", "electric_field"):
        assert read.info[key].shape == (3,)
        np.testing.assert_allclose(read.info[key], odd.info[key][0], atol=1e-12)
    assert read.info["REF_energy"] == -3.5 and isinstance(read.info["REF_energy"], float)
    assert read.arrays["REF_multipoles"].shape == (6, 1)
    assert read.info["REF_polarizability"].shape == (3, 3)


@pytest.mark.parametrize(("written", "read"), [("nan", "nan"), ("12", "12"), ("a b", "a b")])
def test_names_are_texts(tmp_path, written, read):
    made = frames()
    made[0].info["group"] = written
    assert load_dataset(save(tmp_path, made)).frames["train"][0].info["group"] == read


def test_charges_alone_are_said(tmp_path):
    made = frames()
    for atoms in made[:2]:
        atoms.arrays["REF_multipoles"] = atoms.arrays["REF_multipoles"][:, :1]
    summary = load_dataset(save(tmp_path, made)).summary()
    assert "multipoles are charges alone in 2: dipoles unknown" in summary


def many(count, *, charge=lambda number: 0.0, split=lambda number: "train"):
    made = []
    for number in range(count):
        atoms = cluster()
        atoms.info |= {"uid": f"s{number}", "group": f"g{number}", "split": split(number)}
        atoms.info["total_charge"] = charge(number)
        made.append(atoms)
    return made


def test_many_charges_are_summarised_and_small_splits_warned_of(tmp_path):
    made = many(
        41,
        charge=lambda number: 0.5 * max(0, number - 30) - 1.0,
        split=lambda number: {0: "valid", 1: "test", 2: "test", 3: "test"}.get(number, "train"),
    )
    _, _, charges, warning = load_dataset(save(tmp_path, made)).summary()
    assert charges == "total charges: 11 values from -1 to +4 e, most often -1 e: 31"
    assert warning == "warning: split valid holds 1 of 41 structures, less than 5 %"


def test_a_file_whose_forces_are_all_filler(tmp_path):
    made = frames()
    for atoms in made:
        atoms.arrays["REF_forces"][:] = 0.0
    assert "every force of all 4 structures is exactly zero" in refused(made, tmp_path)
    made[1].arrays["REF_forces"][0, 0] = 1e-8
    assert load_dataset(save(tmp_path, made)).frames["train"]


def test_a_label_that_is_not_required_may_be_missing(tmp_path):
    made = frames()
    for atoms in made:
        del atoms.info["REF_dipole"], atoms.info["dipole_mask"]
    assert "dipole [e Å] in 0," in load_dataset(save(tmp_path, made)).summary()[1]
