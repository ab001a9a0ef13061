"""From plan and labels to the files of a dataset, and the slab's energy and field."""

import hashlib
import json

import numpy as np
import pytest
import yaml
from ase.io import read

from bench.config.schema import SystemConfig
from bench.data.dataset import load_dataset
from bench.density.constants import COULOMB_CONSTANT
from bench.errors import BenchError
from bench.reference.build import (
    add_dielectric_constants,
    build,
    labelled_frame,
    read_about,
)
from bench.reference.store import Store
from tests.reference.planned import crystal, made_up_label, slab

ABOUT = {
    "system": "al_water",
    "goal": 6,
    "labels": {"REF_energy": {"unit": "eV", "required": True}},
}


def filled(tmp_path, frames):
    store = Store(tmp_path / "al_water")
    store.write_plan(frames)
    (store.folder / "about.yaml").write_text(yaml.safe_dump(ABOUT))
    for atoms in frames:
        store.write_label(made_up_label(atoms))
    return store


def test_a_slab_feels_its_images():
    atoms = slab(field=0.1)
    frame = labelled_frame(atoms, made_up_label(atoms, dipole=0.3, energy=-100.0))
    volume = atoms.get_volume()
    felt = 0.1 + 4 * np.pi * COULOMB_CONSTANT * 0.3 / volume
    assert frame.info["electric_field"] == pytest.approx([0, 0, felt])
    assert frame.info["applied_field"].tolist() == [0, 0, 0.1]
    assert frame.info["REF_energy"] == pytest.approx(
        -100.0 - 2 * np.pi * COULOMB_CONSTANT * 0.09 / volume
    )
    assert frame.info["REF_dipole"].tolist() == [0, 0, 0.3]
    assert frame.info["dipole_mask"].tolist() == [0, 0, 1]


def test_energy_and_dipole_agree_along_the_felt_field():
    """A linear response in the sawtooth's cell: the corrected energy obeys dE/dE_felt = −μ."""
    permanent, polarisability = 0.2, 1.7  # e Å, e Å²/V
    factor = 4 * np.pi * COULOMB_CONSTANT / slab().get_volume()

    def frame(applied):
        felt = (applied + factor * permanent) / (1 - factor * polarisability)
        dipole = permanent + polarisability * felt
        own = -permanent * felt - 0.5 * polarisability * felt**2  # open boundaries
        cell = own + 0.5 * factor * dipole**2  # what the periodic cell adds
        atoms = slab(field=applied)
        return labelled_frame(atoms, made_up_label(atoms, dipole=dipole, energy=cell))

    low, high = frame(-0.01), frame(0.01)
    step = high.info["electric_field"][2] - low.info["electric_field"][2]
    mean = (high.info["REF_dipole"][2] + low.info["REF_dipole"][2]) / 2
    assert (high.info["REF_energy"] - low.info["REF_energy"]) / step == pytest.approx(-mean)


def test_a_crystal_has_no_dipole_and_its_energy_is_untouched():
    atoms = crystal(charge=1, vacancy_site=np.array([1.0, 2.0, 3.0]))
    frame = labelled_frame(atoms, made_up_label(atoms, energy=-50.0))
    assert frame.info["REF_energy"] == -50.0
    assert "REF_dipole" not in frame.info and "REF_fermi_level" not in frame.info
    assert frame.info["electric_field"].tolist() == [0, 0, 0]
    assert frame.info["applied_field"].tolist() == [0, 0, 0]
    assert frame.info["vacancy_site"].tolist() == [1, 2, 3]


def test_only_metals_keep_their_fermi_level():
    """In the gap of water CP2K stops at a level that says nothing about it."""
    metal = slab()
    water = metal[[atom.symbol != "Al" for atom in metal]]
    water.info = dict(metal.info)
    levels = [
        labelled_frame(a, made_up_label(a)).info.get("REF_fermi_level") for a in (metal, water)
    ]
    assert levels == [0.5, None]


def test_test_slabs_keep_the_profile_of_their_electrons():
    """Nothing is trained on it, and it would make the other structures longer."""
    label = made_up_label(slab())
    label["profile"]["electrons_per_length"] = [0.5, 1.5, 2.0]
    kept = labelled_frame(slab(split="test"), label).info["REF_electron_profile"]
    assert kept.tolist() == [0.5, 1.5, 2.0]
    for atoms in (slab(), crystal(split="test")):
        assert "REF_electron_profile" not in labelled_frame(atoms, made_up_label(atoms)).info


def test_crystals_state_the_dielectric_constants_of_the_system():
    frames = [labelled_frame(a, made_up_label(a)) for a in (crystal(), slab())]
    given = {"dielectric_constants": {"ions_held": 2.4, "ions_free": 4.6, "source": "a book"}}
    add_dielectric_constants(frames, given)
    assert frames[0].info["dielectric_constants"].tolist() == [2.4, 4.6]
    assert "dielectric_constants" not in frames[1].info
    add_dielectric_constants(frames[1:], {})


@pytest.mark.parametrize(
    "given", [{"ions_held": 2.4}, {"ions_held": "much", "ions_free": 2}, 2.4, [0.5, 4.6], None]
)
def test_constants_that_are_none_are_refused(given):
    with pytest.raises(BenchError, match=r"about\.yaml: dielectric_constants"):
        add_dielectric_constants([], {"dielectric_constants": given})


def test_multipoles_are_stored_in_the_order_of_spherical_harmonics():
    atoms = slab()
    label = made_up_label(atoms)
    stored = labelled_frame(atoms, label).arrays["REF_multipoles"]
    x, y, z = np.array(label["dipoles"]).T
    assert np.array_equal(stored, np.column_stack([label["charges"], y, z, x]))


def test_build_makes_a_loadable_dataset_and_counts(tmp_path):
    frames = [
        slab("al0000", "g0", 0.0),
        slab("al0001", "g0", 0.1),
        slab("al0002", "g1", 0.0, split="test", trajectory="t1", subset="bare_metal"),
        slab("al0003", "g2", 0.0, split="valid", trajectory="t2"),
    ]
    store = filled(tmp_path, frames)
    store.write_plan([*frames, slab("al0004", "g3")])
    build(store)
    card = yaml.safe_load((store.folder / "card.yaml").read_text())
    assert card["counts"] == {
        "total": 4,
        "subsets": {"bare_metal": {"test": 1}, "interface": {"train": 2, "valid": 1}},
    }
    assert card["planned"] == {
        "structures": 5,
        "goal": 6,
        "missing": 2,
        "unlabelled": 1,
        "core_hours_missing": 0.0,
        "median_seconds_per_label": 10,
    }
    assert card["sum_rules"]["exact grid"]["structures"] == 4
    assert card["sum_rules"]["exact grid"]["largest_electrons_missed"] == 3.8e-5
    data = (store.folder / "structures.extxyz").read_bytes()
    assert card["files"][0]["sha256"] == hashlib.sha256(data).hexdigest()
    dataset = load_dataset(SystemConfig(name="al_water", path=str(store.folder)))
    assert [len(dataset.frames[s]) for s in ("train", "valid", "test")] == [2, 1, 1]
    read = dataset.frames["train"][0]
    assert (
        read.info["REF_energy"]
        == labelled_frame(frames[0], made_up_label(frames[0])).info["REF_energy"]
    )


def test_structures_with_a_metal_of_trajectories_set_aside_get_their_subset(tmp_path):
    water = slab("al0002", "g2", trajectory="t0", subset="water_only")
    del water[[a.symbol == "Al" for a in water]]
    store = filled(
        tmp_path, [slab("al0000", trajectory="t0"), slab("al0001", "g1", trajectory="t1"), water]
    )
    (store.folder / "about.yaml").write_text(yaml.safe_dump({**ABOUT, "aside": {"old": ["t0"]}}))
    build(store)
    frames = read(store.folder / "structures.extxyz", ":")
    assert [(a.info["subset"], bool(a.info.get("aside"))) for a in frames] == [
        ("old", True),
        ("interface", False),
        ("water_only", False),
    ]


def test_trajectories_set_aside_are_a_list(tmp_path):
    store = filled(tmp_path, [slab()])
    (store.folder / "about.yaml").write_text(yaml.safe_dump({**ABOUT, "aside": {"old": "t0"}}))
    with pytest.raises(BenchError, match=r"aside, old: 't0'"):
        build(store)


def test_electrons_missed_may_be_unknown(tmp_path):
    store = filled(tmp_path, [slab()])
    label = made_up_label(slab())
    label["provenance"]["electrons_missed"] = None
    store.write_label(label)
    build(store)
    rules = yaml.safe_load((store.folder / "card.yaml").read_text())["sum_rules"]["exact grid"]
    assert rules["largest_electrons_missed"] is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"about\.yaml does not exist"),
        ("notes: [", "no YAML"),
        ("- a list", "system is missing"),
        ("system: x", "labels is missing"),
        ("system: pt_water\nlabels: {}", "system is 'pt_water'.\nsystem: x"),
        ("system: x\nlabels: {}\nnotes:\n- fine\n- No levels: a gap", "note 1: {'No levels'"),
    ],
)
def test_what_a_person_wrote_is_checked(tmp_path, text, message):
    (tmp_path / "x").mkdir()
    if text is not None:
        (tmp_path / "x/about.yaml").write_text(text)
    with pytest.raises(BenchError, match=message):
        read_about(tmp_path / "x")


def test_labels_are_stored_the_same_way_every_time(tmp_path):
    store = Store(tmp_path / "x")
    label = made_up_label(slab())
    store.write_label(label)
    first = (store.folder / "labels/al0000.json.gz").read_bytes()
    store.write_label(label)
    assert (store.folder / "labels/al0000.json.gz").read_bytes() == first
    assert store.read_label("al0000") == json.loads(json.dumps(label))
    assert list((store.folder / "labels").iterdir()) == [store.folder / "labels/al0000.json.gz"]


@pytest.mark.parametrize("problem", ["missing", "twice", "absent"])
def test_a_broken_plan_is_refused(tmp_path, problem):
    store = Store(tmp_path / "x")
    frames = [slab("al0000"), slab("al0000" if problem == "twice" else "al0001")]
    if problem == "missing":
        del frames[1].info["field"]
    if problem != "absent":
        store.write_plan(frames)
    match = {"missing": "'field'", "twice": "twice", "absent": "does not exist"}[problem]
    with pytest.raises(BenchError, match=match):
        store.plan()


def test_nan_never_enters_a_label(tmp_path):
    label = made_up_label(slab()) | {"energy": float("nan")}
    with pytest.raises(ValueError, match="JSON"):
        Store(tmp_path).write_label(label)
