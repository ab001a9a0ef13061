"""The splits as files: what they hold, and that mace-torch finds its keys there."""

import numpy as np
import pytest
from ase.io import read

from bench.cli import main
from tests.scoring.made_up import waters, write_dataset


@pytest.fixture
def exported(tmp_path, monkeypatch, capsys):
    """The frames of every split, and what was printed."""
    frames = waters()
    for atoms in frames[:3]:
        atoms.info["multiplicity"] = 3
    write_dataset(tmp_path, frames)
    monkeypatch.chdir(tmp_path)
    assert main(["data", "export", "system=waters", "out=parts"]) == 0
    paths = capsys.readouterr().out.split()
    assert paths == [f"parts/{split}.extxyz" for split in ("train", "valid", "test")]
    return {path.split("/")[1].partition(".")[0]: read(path, ":") for path in paths}


def test_every_structure_is_in_its_split_with_its_name(exported):
    expected = {
        split: [a.info["uid"] for a in waters() if a.info["split"] == split] for split in exported
    }
    assert {s: [a.info["uid"] for a in frames] for s, frames in exported.items()} == expected


def test_the_trainer_finds_labels_and_state_under_its_own_keys(exported):
    from mace.data.utils import KeySpecification, config_from_atoms

    atoms, ours = exported["train"][1], waters()[1]
    config = config_from_atoms(atoms, KeySpecification.from_defaults())
    found = config.properties
    assert found["energy"] == pytest.approx(ours.info["REF_energy"])
    assert found["forces"] == pytest.approx(ours.arrays["REF_forces"], abs=1e-7)
    assert found["charges"] == pytest.approx(ours.arrays["REF_multipoles"][:, 0], abs=1e-7)
    assert found["total_charge"] == 1.0 and found["total_spin"] == 3
    assert np.allclose(config.positions, ours.positions)


def test_mistakes_are_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "export", "system=pt_watr"]) == 2
    assert "Did you mean 'pt_water'?" in capsys.readouterr().err
    assert main(["data", "export"]) == 2
    assert "system=... is missing" in capsys.readouterr().err
