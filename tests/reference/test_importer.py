"""A user's own file becomes a system: the whole way, and what is said on it."""

import hashlib

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import write

from bench.commands.data import import_file, main
from bench.config.schema import LossWeights, SystemConfig
from bench.data.dataset import load_dataset
from bench.errors import BenchError
from bench.train.targets import choose_losses
from tests.reference.imported import KEYS, crystal, water

COUNT = 8
WORDS = [f"map.{name}={key}" for name, key in KEYS.items()]
MULTIPOLES = "map.multipoles=AIMS_atom_multipoles"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder, where the default run is not tried: that takes seconds."""
    monkeypatch.setattr(import_file, "rehearsed", lambda dataset: "about 1 min")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def imported(folder, frames, *words, file="mine.extxyz"):
    write(folder / file, frames, format="extxyz")
    code = main(["import", file, "name=mine", "boundary=slab", *WORDS, MULTIPOLES, *words])
    return code, load_dataset(SystemConfig(name="mine"))


def all_of(dataset):
    return [a for split in ("train", "valid", "test") for a in dataset.frames[split]]


def waters(count=COUNT, field=0.0):
    return [water(seed, field) for seed in range(count)]


def nothing_left(folder):
    return not list(folder.glob("datasets/*")) and not list(folder.glob("conf/system/*"))


def test_an_imported_system_loads_with_all_labels(folder, capsys):
    code, dataset = imported(folder, waters(field=0.1))
    assert code == 0
    frames = all_of(dataset)
    assert len(frames) == COUNT and all(len(dataset.frames[s]) >= 1 for s in dataset.frames)
    for atoms in frames:
        source = water(int(atoms.info["uid"].removeprefix("mine")), 0.1)  # the index in the file
        assert atoms.info["REF_energy"] == pytest.approx(source.info["DFT_energy"], abs=1e-9)
        assert atoms.arrays["REF_forces"] == pytest.approx(source.arrays["DFT_forces"], abs=1e-7)
        assert atoms.pbc.tolist() == [True, True, False]
        assert atoms.info["electric_field"] == pytest.approx([0, 0, 0.1])
    config = yaml.safe_load((folder / "conf/system/mine.yaml").read_text())
    assert config["name"] == "mine"
    assert capsys.readouterr().out.endswith("datasets/mine: bench run system=mine\n")


def test_the_card_says_what_was_made_of_which_file(folder):
    _, dataset = imported(folder, [*waters(), water(0)], "description=waters")
    card = dataset.card
    given = hashlib.sha256((folder / "mine.extxyz").read_bytes()).hexdigest()
    assert card["imported"]["sha256"] == given and card["title"] == "waters"
    assert card["imported"]["options"]["map"] == KEYS | {"multipoles": "AIMS_atom_multipoles"}
    assert card["repeats"] == ["8 (as 0)"] and card["counts"]["total"] == COUNT
    assert card["labels"]["REF_energy"] == {
        "unit": "eV",
        "required": True,
        "description": card["labels"]["REF_energy"]["description"],
    }


def test_maces_isolated_atoms_are_no_training_data(folder, capsys):
    """They may lack labels and be of another boundary; indices stay those of the file."""
    alone = [Atoms(z, info={"config_type": "IsolatedAtom", "DFT_energy": -13.6}) for z in "HO"]
    frames = [alone[0], *waters(), alone[1]]
    _, dataset = imported(folder, frames)
    assert {a.info["uid"] for a in all_of(dataset)} == {f"mine{k:05d}" for k in range(1, COUNT + 1)}
    said = capsys.readouterr().out
    assert "note: config_type=IsolatedAtom left out: structure 0, structure 9; the energies" in said
    with pytest.raises(BenchError, match=r"mine\.extxyz, structure 1: no energy"):
        del frames[1].info["DFT_energy"]
        imported(folder, frames, "overwrite=true")
    with pytest.raises(BenchError, match=r"mine\.extxyz holds no structure"):
        imported(folder, alone, "overwrite=true")


def test_one_geometry_stays_in_one_split_and_repeats_are_listed(folder, capsys):
    frames = [water(s, f) for s in range(6) for f in (0.0, 0.2)] + [water(0, 0.0), water(1, 0.2)]
    _, dataset = imported(folder, frames)
    out = capsys.readouterr().out
    assert "note: exact repeats dropped: structures 12 (as 0), 13 (as 3)" in out
    assert len(all_of(dataset)) == 12
    for split in dataset.frames.values():
        groups = [a.info["group"] for a in split]
        assert all(groups.count(g) == 2 for g in groups)


def test_one_geometry_in_two_fields_tells_a_response_and_that_is_said(folder, capsys):
    frames = [*waters(), water(0, field=0.1)]
    for atoms in frames:
        atoms.info["DFT_dipole"] = np.array([0.0, 0.0, 0.3 + 2.0 * atoms.info["E"][2]])
    _, dataset = imported(folder, frames, "map.dipole=DFT_dipole")
    said = "derived from one geometry's dipoles in several fields, of 2 structures"
    assert f"note: REF_polarizability {said}" in capsys.readouterr().out
    found = [a.info.get("REF_polarizability") for a in all_of(dataset)]
    slopes = [tensor[2, 2] for tensor in found if tensor is not None]
    assert slopes == pytest.approx([2.0, 2.0])


def test_splits_of_the_file_are_kept(folder):
    frames = waters()
    for number, atoms in enumerate(frames):
        atoms.info["part"] = ("train", "valid", "test")[number % 3]
    _, dataset = imported(folder, frames, "map.split=part")
    assert [len(dataset.frames[s]) for s in ("train", "valid", "test")] == [3, 3, 2]


def test_a_broken_sum_rule_is_told_once_with_count_and_worst_and_is_accepted(folder, capsys):
    """The exit code says whether a run accepts the system, and it does."""
    frames = waters()
    for index in (3, 5):
        frames[index].info["q"] = 0.1 * index
    code, _ = imported(folder, frames)
    told = [line for line in capsys.readouterr().out.splitlines() if "Σq = Q" in line]
    assert code == 0 and len(told) == 1
    assert told[0].startswith(
        "warning: Σq = Q is broken in 2 of 8 structures (worst 5.0e-01 e in structure 5; the"
    )


def test_the_precision_of_labels_is_that_of_the_file(folder, capsys):
    """Charges of three decimals miss Q by up to a few thousandths, and that is no violation."""
    frames = waters()
    for number, atoms in enumerate(frames):
        atoms.arrays["AIMS_atom_multipoles"] = atoms.arrays["AIMS_atom_multipoles"].round(3)
        atoms.arrays["AIMS_atom_multipoles"][0, 0] += 0.001 * (number % 2)
    _, dataset = imported(folder, frames)
    assert "note: Σq = Q holds in all 8 structures (worst 1.0e-03 e in" in capsys.readouterr().out
    assert dataset.card["labels"]["REF_multipoles"]["resolution"] == 1e-3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["map.enrgy=x"], r"map.enrgy=x: no such label.\nDid you mean 'energy'"),
        (["map.energy=nothing"], "mine.extxyz: no structure has map.energy=nothing"),
        (["map.dipole=mu"], r"no structure has map.dipole=mu.\nKeys found: .*DFT_energy"),
        (["map.split=a", "map.uid=b"], "no structure has map.split=a, map.uid=b"),
        (["unit.energy=Hartree"], "hartree"),
        (["unit.enrgy=eV"], "no such label"),
        (["sign.field=-2"], "sign.field=-2 is no sign"),
        (["sign.uid=-1"], "no such label"),
        (["boundary=slap"], "slab"),
        (["multipoles_order=xyz"], "cartesian"),
        (["map.multipoles=q"], "shape"),
        (["total_charge=abc"], "total_charge='abc' is no number"),
        (["total_charge=nan"], "total_charge='nan' is no number"),
        (["field=up"], "field='up' is no number"),
        (["name=../esc"], "letters, digits"),
        (["name="], "letters, digits"),
        (["name=null"], "is no name"),
        (["name=1e5"], "a letter first"),
        (["name=al_water"], "has a plan"),
        (["name=al_water", "overwrite=true"], "has a plan"),
        (["valid_fraction=0.5", "test_fraction=0.5"], "leave nothing to train on"),
        (["test_fraction=-1"], "zero or more, at most 1"),
        (["tset_fraction=0.1"], "test_fraction"),
    ],
)
def test_mistakes_are_told(folder, words, message):
    with pytest.raises(BenchError, match=message):
        imported(folder, waters(3), *words)
    assert nothing_left(folder)


def test_what_is_missing_is_told_at_once(folder):
    write(folder / "mine.xyz", waters(), format="extxyz")
    with pytest.raises(BenchError, match=r"name=\.\.\., boundary=\.\.\. are missing"):
        main(["import", "mine.xyz"])
    with pytest.raises(BenchError) as error:
        main(["import", "mine.xyz", "name=mine", "boundary=slab"])
    assert error.value.problem.startswith(
        "mine.xyz, structure 0: no energy under 'REF_energy', no forces under 'REF_forces', no "
        "total_charge under 'total_charge', no field under 'electric_field' (found: AIMS_atom_"
    )
    assert error.value.mend == (
        "map.energy=KEY; map.forces=KEY or, if there are none, without=forces; "
        "map.total_charge=KEY or, for all structures, total_charge=0; "
        "map.field=KEY or, for all structures, field=0."
    )


def test_energies_and_charges_without_forces_are_taken_where_that_is_said(folder, capsys):
    frames = waters()
    for atoms in frames:
        del atoms.arrays["DFT_forces"]
    with pytest.raises(BenchError, match=r"no structure has map\.forces=DFT_forces"):
        imported(folder, frames)
    assert nothing_left(folder)
    words = ["without=forces", "map.multipoles=AIMS_atom_multipoles"]
    keys = [f"map.{name}={KEYS[name]}" for name in KEYS if name != "forces"]
    assert main(["import", "mine.extxyz", "name=mine", "boundary=slab", *keys, *words]) == 0
    dataset = load_dataset(SystemConfig(name="mine"))
    losses = choose_losses(LossWeights(), ("energy", "forces", "multipoles"), dataset.frames)
    assert {"energy", "multipoles"} <= losses.weights.keys() and "forces" not in losses.weights
    assert losses.dropped["forces"] == "no training structure has one"


def test_forces_that_are_there_are_not_said_away(folder):
    with pytest.raises(BenchError, match="structure 0: without=forces, but it has forces under"):
        imported(folder, waters(), "without=forces")
    assert nothing_left(folder)


@pytest.mark.parametrize("name", ["left@300K.xyz", "a b(1) ö.xyz"])
def test_a_file_of_any_name(folder, name):
    assert imported(folder, waters(), file=name)[0] == 0


def test_a_field_along_a_periodic_axis_is_refused_and_leaves_nothing(folder):
    frames = waters(field=0.1)
    for atoms in frames:
        atoms.info["E"][0] = 0.1
    with pytest.raises(BenchError, match=r"structure 0: electric_field=.*periodic axis"):
        imported(folder, frames)
    assert nothing_left(folder)
    assert imported(folder, waters())[0] == 0
    assert [p.name for p in (folder / "datasets").iterdir()] == ["mine"]


def test_a_refusal_after_the_first_structures_names_the_file_and_the_index(folder):
    frames = waters()
    frames[5].info["DFT_energy"] = np.nan
    with pytest.raises(BenchError) as error:
        imported(folder, frames)
    assert "mine.extxyz, structure 5: REF_energy is not finite" in str(error.value)
    assert "tmp" not in str(error.value) and "audit" not in str(error.value)
    assert nothing_left(folder)


def test_forces_that_are_all_a_filler_are_refused_and_some_are_told(folder, capsys):
    frames = waters()
    for atoms in frames[:3]:
        atoms.arrays["DFT_forces"][:] = 0.0
    assert imported(folder, frames)[0] == 0
    told = "look: all forces exactly zero, a filler?: 3 of 8 structures: structure 0 (3 atoms), str"
    assert told in capsys.readouterr().out
    for atoms in frames:
        atoms.arrays["DFT_forces"][:] = 0.0
    with pytest.raises(BenchError, match=r"mine\.extxyz: every force of all 8 structures"):
        imported(folder, frames, "overwrite=true")


def test_a_wrong_sign_is_warned_of_with_the_option_that_mends_it(folder, capsys):
    frames = [water(s, f) for s in range(4) for f in (-0.2, 0.2)]
    for atoms in frames:
        atoms.info["mu"] = np.array([0.0, 0.0, -0.1 * atoms.info["E"][2]])
    words = ["map.dipole=mu", "map.multipoles=none"]
    for atoms in frames:
        atoms.arrays["none"] = np.zeros(3)
    imported(folder, frames, *words)
    assert "series (slope -0.1 e Å²/V): import with sign.field=-1 or sign.dipole=-1" in (
        capsys.readouterr().out
    )
    imported(folder, frames, *words, "sign.dipole=-1", "overwrite=true")
    assert "import with" not in capsys.readouterr().out


@pytest.mark.parametrize("overwrite", ["false", "true"])
def test_a_generated_system_of_ones_own_is_kept(folder, overwrite):
    plan = folder / "datasets/mine/plan.extxyz"
    plan.parent.mkdir(parents=True)
    plan.write_text("dear")
    with pytest.raises(BenchError, match=r"mine was generated"):
        imported(folder, waters(), f"overwrite={overwrite}")
    assert [p.name for p in plan.parent.iterdir()] == ["plan.extxyz"]


@pytest.mark.parametrize("known", ["trajectory", "split", "neither"])
def test_a_split_by_chance_is_warned_of(folder, capsys, known):
    frames = waters(6)
    values = {"trajectory": ("md1", "md2", "md3"), "split": ("train", "valid", "test")}
    for number, atoms in enumerate(frames):
        atoms.info |= {known: values[known][number // 2]} if known in values else {}
    imported(folder, frames)
    text = capsys.readouterr().out
    assert ("warning: without map.trajectory and map.split" in text) == (known == "neither")


def test_an_existing_name_is_not_overwritten(folder):
    imported(folder, waters())
    with pytest.raises(BenchError, match="datasets/mine exists"):
        imported(folder, waters())
    assert imported(folder, waters(), "overwrite=true")[0] == 0


def test_a_configuration_that_someone_wrote_is_not_overwritten(folder):
    (folder / "conf/system").mkdir(parents=True)
    (folder / "conf/system/mine.yaml").write_text("name: mine\npath: elsewhere\n")
    with pytest.raises(BenchError, match=r"mine\.yaml exists"):
        imported(folder, waters())


def test_too_few_geometries_cannot_be_split(folder):
    with pytest.raises(BenchError, match="cannot be split"):
        imported(folder, waters(2))


@pytest.mark.parametrize(
    ("text", "message"),
    [("not a structure", "cannot be read"), ("", "holds no structure"), (None, "does not exist")],
)
def test_a_file_that_is_no_extxyz(folder, text, message):
    if text is not None:
        (folder / "mine.extxyz").write_text(text)
    with pytest.raises(BenchError, match=message):
        main(["import", "mine.extxyz", "name=mine", "boundary=open"])


def test_charges_alone_are_imported_with_dipoles_unknown(folder, capsys):
    frames = waters()
    for atoms in frames:
        atoms.arrays["charge"] = atoms.arrays.pop("AIMS_atom_multipoles")[:, 0]
    _, dataset = imported(folder, frames, "map.multipoles=charge")
    assert all(atoms.arrays["REF_multipoles"].shape == (3, 1) for atoms in all_of(dataset))
    assert "multipoles are charges alone in 8: dipoles unknown" in capsys.readouterr().out


def test_multipoles_beyond_dipoles_are_cut_and_it_is_said(folder, capsys):
    frames = waters()
    for atoms in frames:
        rows = atoms.arrays["AIMS_atom_multipoles"]
        atoms.arrays["AIMS_atom_multipoles"] = np.hstack([rows, np.ones((3, 5))])
    _, dataset = imported(folder, frames)
    assert all(atoms.arrays["REF_multipoles"].shape == (3, 4) for atoms in all_of(dataset))
    out = capsys.readouterr().out
    assert "AIMS_atom_multipoles has up to 9 numbers per atom; charge and dipole are kept" in out
    assert "is read as (q, d_y, d_z, d_x); (q, d_x, d_y, d_z) is multipoles_order=cartesian" in out


def test_the_other_order_is_proposed_where_it_fits(folder, capsys):
    """Whole dipoles tell which component of an atomic dipole is which."""
    frames = waters()
    for atoms in frames:
        rows = atoms.arrays["AIMS_atom_multipoles"]
        atoms.info["mu"] = rows[:, 0] @ atoms.positions + rows[:, 1:].sum(0)  # Cartesian
    words = ["map.dipole=mu", "boundary=open", "overwrite=true"]
    imported(folder, frames, *words)
    assert "import with multipoles_order=cartesian" in capsys.readouterr().out
    imported(folder, frames, *words, "multipoles_order=cartesian")
    out = capsys.readouterr().out
    assert "import with" not in out and "Σ(q r + d) = dipole holds in all 8 structures" in out


def test_a_dipole_of_a_crystal_is_not_dropped_without_a_word(folder, capsys):
    frames = [crystal(seed) for seed in range(COUNT)]
    for atoms in frames:
        atoms.info["mu"] = np.ones(3)
    write(folder / "mine.xyz", frames, format="extxyz")
    keys = [f"map.{name}={KEYS[name]}" for name in ("energy", "forces", "total_charge")]
    main(["import", "mine.xyz", "name=mine", "boundary=bulk", *keys, "map.dipole=mu"])
    assert "warning: dipole (mu) of 8 structures is not kept: boundary=bulk" in (
        capsys.readouterr().out
    )
    frames = all_of(load_dataset(SystemConfig(name="mine")))
    assert len(frames) == COUNT and not any("REF_dipole" in atoms.info for atoms in frames)
    assert all(not np.any(atoms.info["electric_field"]) for atoms in frames)


def test_the_default_run_is_tried_and_its_time_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert imported(tmp_path, waters())[0] == 0
    line = capsys.readouterr().out.splitlines()[-2]
    assert line.startswith("bench run system=mine takes about ") and "s for a step of " in line


def test_what_the_default_run_would_refuse_is_told_with_exit_code_1(folder, monkeypatch, capsys):
    def refuse(dataset):
        raise BenchError("no structure has dipole", "training.loss.dipole=0")

    monkeypatch.setattr(import_file, "rehearsed", refuse)
    assert imported(folder, waters())[0] == 1
    said = capsys.readouterr().out.splitlines()
    assert "bench run system=mine would be refused: no structure has dipole" in said
