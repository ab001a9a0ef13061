"""Stored densities give the labels that the calculation gave; all of a system's labels or none."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from bench.commands.data import main
from bench.errors import BenchError
from bench.reference.build import build
from bench.reference.partition import PROATOMS
from bench.reference.repartition import repartition
from bench.reference.run import generate
from bench.reference.store import Store
from tests.reference.planned import install_stand_in, slab

UIDS = ["al0000", "al0001", "al0002"]
ABOUT = {"system": "al_water", "labels": {"REF_energy": {"unit": "eV", "required": True}}}
OLD = {"H": "0", "O": "0", "Al": "0"}


@pytest.fixture
def labelled(tmp_path, monkeypatch):
    """A system whose labels were made with other free atoms; the true labels; densities."""
    install_stand_in(tmp_path / "bin", monkeypatch)
    store = Store(tmp_path / "datasets/al_water")
    frames = [slab(uid, f"g{n}", field=0.1 * n) for n, uid in enumerate(UIDS)]
    for n, atoms in enumerate(frames):
        atoms.positions[2:, 2] += 0.3 * n  # densities that cannot be taken for one another
    store.write_plan(frames)
    (store.folder / "about.yaml").write_text(yaml.safe_dump(ABOUT))
    generate(store, workers=1, scratch=tmp_path / "scratch")
    truth = {uid: store.read_label(uid) for uid in UIDS}
    for uid in UIDS:
        age(store, uid)
    return store, truth, tmp_path / "scratch/densities"


def age(store, uid):
    label = store.read_label(uid)
    label["charges"] = [0.0] * len(label["charges"])
    label["provenance"] |= {"proatoms": OLD, "multipole_correction": "made up"}
    store.write_label(label)


def test_charges_are_those_of_a_new_calculation(labelled):
    store, truth, densities = labelled
    (store.folder / "proatoms.npz").write_bytes(b"of the old labels")
    lines = []
    assert repartition(store, densities, report=lines.append) == 3
    assert store.free_atoms == PROATOMS
    assert lines == ["al0000: 1/3", "al0001: 2/3", "al0002: 3/3"]
    for uid, label in truth.items():
        found = store.read_label(uid)
        np.testing.assert_allclose(found["charges"], label["charges"], atol=1e-6)
        np.testing.assert_allclose(found["dipoles"], label["dipoles"], atol=1e-6)
        assert found["dipole_z"] == pytest.approx(label["dipole_z"], abs=1e-6)
        assert found["provenance"]["proatoms"] == label["provenance"]["proatoms"] != OLD
        for key in ("energy", "forces", "hirshfeld", "mulliken", "fermi_level"):
            assert found[key] == label[key]
        assert list(found["profile"]) == list(label["profile"])
    assert repartition(store, densities) == 0  # nothing is left
    assert not list(store.folder.glob(".repartitioned*"))


def test_without_all_densities_no_label_changes_and_the_work_is_kept(labelled):
    store, _, densities = labelled
    (densities / "al0001.npz").rename(densities / "elsewhere")
    with pytest.raises(BenchError, match=r"1 of 3 labels .* have no density .*: al0001\."):
        repartition(store, densities)
    assert all(store.read_label(uid)["provenance"]["proatoms"] == OLD for uid in UIDS)
    (densities / "elsewhere").rename(densities / "al0001.npz")
    lines = []
    assert repartition(store, densities, report=lines.append) == 3
    assert lines == ["al0001: 1/1"]
    for uid in UIDS:
        assert store.read_label(uid)["provenance"]["proatoms"] != OLD


def test_an_interruption_between_two_labels_is_made_good(labelled, monkeypatch):
    store, _, densities = labelled
    move, moved = Store.move_label, []

    def stop_after_one(staged, uid, target):
        if moved:
            raise KeyboardInterrupt
        moved.append(uid)
        move(staged, uid, target)

    monkeypatch.setattr(Store, "move_label", stop_after_one)
    with pytest.raises(KeyboardInterrupt):
        repartition(store, densities)
    monkeypatch.setattr(Store, "move_label", move)
    with pytest.raises(BenchError, match=r"free atoms of .* differ"):
        build(store)
    assert repartition(store, densities) == 2
    assert build(store) and set(yaml.safe_load(read_card(store))["free_atoms"]) == set(OLD)


def read_card(store):
    return (store.folder / "card.yaml").read_text()


def test_the_density_of_another_structure_is_refused(labelled):
    store, _, densities = labelled
    (densities / "al0000.npz").write_bytes((densities / "al0002.npz").read_bytes())
    with pytest.raises(BenchError, match=r"al0000\.npz is not the density of al0000"):
        repartition(store, densities)
    assert store.read_label("al0000")["provenance"]["proatoms"] == OLD


def test_the_command_builds_the_system_anew(labelled, monkeypatch, capsys):
    store, truth, densities = labelled
    monkeypatch.chdir(Path(store.folder).parents[1])
    assert main(["repartition", "system=al_water", f"densities={densities}"]) == 0
    assert "3 labels replaced" in capsys.readouterr().out
    assert (
        yaml.safe_load(read_card(store))["free_atoms"] == truth["al0000"]["provenance"]["proatoms"]
    )
