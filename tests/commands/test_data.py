"""``bench data`` from the command line, with a stand-in for CP2K and a cheap sampler."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.calculators.emt import EMT
from ase.io import read

from bench.commands.data import VERBS, main
from bench.errors import BenchError
from bench.reference import proatoms, trajectory
from bench.reference.partition import load_proatoms
from bench.reference.store import Store
from tests.reference.planned import install_stand_in, slab

ABOUT = {
    "system": "al_water",
    "title": "Water on aluminium",
    "level_of_theory": dict.fromkeys(
        (
            "code",
            "functional",
            "pseudopotentials",
            "basis",
            "cutoff",
            "k_points",
            "electronic_temperature",
        ),
        "x",
    ),
    "labels": {"REF_energy": {"unit": "eV", "required": True}},
    "notes": ["made up"],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "datasets/al_water")
    splits = ("train", "valid", "test")
    store.write_plan(
        [slab(f"al000{i}", f"g{i}", 0.1 * i, split=s, trajectory=s) for i, s in enumerate(splits)]
    )
    (store.folder / "about.yaml").write_text(yaml.safe_dump(ABOUT))
    return tmp_path


def test_generate_validate_audit_describe(folder, monkeypatch, capsys):
    calls = install_stand_in(folder / "bin", monkeypatch)
    assert main(["generate", "system=al_water", "workers=2"]) == 0
    assert "3 labelled now, 0 failed, 3 of 3 in all" in capsys.readouterr().out
    card = yaml.safe_load((folder / "datasets/al_water/card.yaml").read_text())
    assert card["counts"]["total"] == 3 and card["planned"]["missing"] == 0
    assert main(["validate", "system=al_water", "limit=9"]) == 0
    assert len(calls.read_text().splitlines()) == 12
    result = json.loads((folder / "datasets/al_water/validation.json").read_text())
    assert len(result["forces_against_finite_differences"]) == 3
    kinds = {"more_vacuum", "tighter_cutoff", "tighter_eps_scf"}
    assert set(result["label_noise"]) == kinds
    assert main(["audit", "system=al_water", "figure=new/audit.png"]) in (0, 1)
    assert (folder / "new/audit.png").is_file()
    assert main(["describe"]) == 0
    text = (folder / "datasets/README.md").read_text()
    assert "| interface | 1 | 1 | 1 |" in text and "finite difference" in text
    assert (folder / "datasets/al_water/structure.png").is_file()


def test_generate_without_cp2k_says_how_to_install_it(folder, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BenchError, match="apt-get install"):
        main(["generate", "system=al_water"])


def test_more_labels_refresh_the_error_bars_that_are_free(folder, monkeypatch):
    install_stand_in(folder / "bin", monkeypatch)
    Store(folder / "datasets/al_water").write_plan(
        [slab("al0000", "g0", 0.0), slab("al0001", "g0", 0.1), slab("al0002", "g0", 0.2)]
    )
    for pairs in (None, 1, 2):
        assert main(["generate", "system=al_water", "workers=1", "limit=1"]) == 0
        card = yaml.safe_load((folder / "datasets/al_water/card.yaml").read_text())
        found = card["validation"].get("dipole_against_minus_dE_dfield_curvature_included", {})
        assert found.get("pairs") == pairs


def test_generate_without_about_calculates_nothing(folder, monkeypatch):
    calls = install_stand_in(folder / "bin", monkeypatch)
    (folder / "datasets/al_water/about.yaml").unlink()
    with pytest.raises(BenchError, match=r"about\.yaml does not exist"):
        main(["generate", "system=al_water"])
    assert not calls.exists()


def test_an_unknown_system_names_the_near_one(folder):
    with pytest.raises(BenchError, match="pt_water"):
        main(["generate", "system=pt_watr"])


def test_sample_then_plan(folder, monkeypatch, capsys):
    monkeypatch.setattr(trajectory, "xtb_calculator", lambda **_: EMT())
    words = ["sample", "slab", "metal=Al", "waters=1", "out=md/a.xyz", "steps=4", "interval=2"]
    assert main(words) == 0
    frames = read(folder / "md/a.xyz", ":")
    assert frames[0].info["step"] == 0 and frames[0].info["trajectory"] == "a"
    recipe = {
        "prefix": "al",
        "trajectories": {"train": "train", "valid": "valid", "test": "test", "a": "train"},
        "blocks": [{"trajectory": "a", "step": 0, "subset": "interface", "fields": [0.0, 0.1]}],
    }
    (folder / "datasets/al_water/recipe.yaml").write_text(yaml.safe_dump(recipe))
    assert main(["plan", "system=al_water", "trajectories=md"]) == 0
    assert "5 structures planned, 2 new" in capsys.readouterr().out


def test_sample_a_charged_vacancy(folder, monkeypatch):
    asked = {}

    def calculator(**settings):
        asked.update(settings)
        return EMT()

    monkeypatch.setattr(trajectory, "xtb_calculator", calculator)
    monkeypatch.setattr(trajectory, "sample", lambda atoms, *_, **__: [atoms])
    words = ["sample", "vacancy", "element=O", "charge=2", "repeat=1x1x2", "out=v.xyz"]
    assert main(words) == 0 and asked["charge"] == 2
    assert read(folder / "v.xyz").get_chemical_formula() == "O11Si6"


def test_sample_with_a_trained_point_in_a_field(folder, monkeypatch):
    from bench.inference.calculator import BenchCalculator

    asked = {}

    def from_run(run, **state):
        asked.update(state, run=run)
        return EMT()

    monkeypatch.setattr(BenchCalculator, "from_run", from_run)
    words = ["sample", "slab", "metal=Al", "waters=1", "out=a.xyz", "steps=2", "interval=1"]
    assert main([*words, "model=results/x", "field=0.2"]) == 0
    assert asked == {"run": "results/x", "total_charge": 0.0, "electric_field": (0.0, 0.0, 0.2)}
    with pytest.raises(BenchError, match="model="):
        main([*words, "field=0.2"])


SLAB = ["sample", "slab", "metal=Al", "out=a.xyz"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sample", "surface"], "slab"),
        (["sample", "slab", "metal=Al", "waters=1", "out=a.xyz", "size=2x"], "'2x'"),
        (["sample", "vacancy", "element=O", "out=a", "crystal=none.cif"], "no such file"),
        (["generate"], "system"),
        (["generate", "system=al_water", "workers=0"], "workers=0"),
        (["generate", "system=al_water", "limit=-1"], "limit=-1"),
        (["validate", "system=al_water", "nice=20"], "nice=20"),
        (["validate", "system=al_water", "run=false"], "no labels"),
        (["build", "system=al_water"], "about.yaml does not exist"),
        ([*SLAB, "waters=two"], "waters=two cannot be used"),
        ([*SLAB, "waters=-3"], "waters=-3"),
        ([*SLAB, "waters=1", "layers=0"], "layers=0"),
        ([*SLAB, "waters=1", "seed=-1"], "seed=-1"),
        ([*SLAB, "waters=1", "interval=0"], "interval=0"),
        ([*SLAB, "waters=1", "size=2x3"], "even second repeat.\nsize=2x4"),
        (["sample", "vacancy", "element=O", "out=a", "crystal=mk.py"], "crystal=mk.py cannot be"),
        (["plan", "system=al_water"], "recipe.yaml does not exist"),
        (["audit", "system=al_water", "figure=a.bmp2"], "Allowed: .png"),
    ],
)
def test_mistakes_are_told(folder, words, message):
    (folder / "mk.py").write_text("print()")
    (folder / "datasets/al_water/about.yaml").unlink()
    with pytest.raises(BenchError, match=message):
        main(words)


def test_help_lists_every_verb(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, verb in VERBS.items():
        assert f"  {name:<14}  {verb.description}" in lines


@pytest.mark.parametrize("word", ["-h", "--help"])
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, word, capsys):
    assert main([*verb.split(), "system=al_water", word]) == 0
    assert capsys.readouterr().out.startswith(f"usage: bench data {verb}")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["plan"], "trajectories= their folder; empty: trajectories/ of the system"),
        (["generate"], "workers=2 calculations at a time (1 or more)"),
        (["sample", "slab"], "gap=2.3 [Å] between metal and water (zero or more)"),
        (["sample", "vacancy"], "temperature=500.0 [K] of the dynamics (zero or more)"),
    ],
)
def test_help_states_default_unit_meaning_and_range(words, line, capsys):
    assert main([*words, "--help"]) == 0
    assert line in " ".join(capsys.readouterr().out.split())


def test_help_of_the_first_of_two_words(capsys):
    assert main(["sample", "-h"]) == 0
    text = capsys.readouterr().out
    assert "  sample slab " in text and "  sample vacancy " in text and "repartition" not in text


def test_a_new_free_atom_joins_the_others(tmp_path, monkeypatch):
    install_stand_in(tmp_path / "bin", monkeypatch)
    monkeypatch.setenv("CP2K_DATA_DIR", str(Path(__file__).parents[1] / "reference/recorded"))
    path = tmp_path / "proatoms.npz"
    assert proatoms.make_proatoms(["Si"], path) == path
    made = load_proatoms(path)
    assert set(made) == {14}
    assert made[14](np.array([0.5]))[0] > made[14](np.array([1.0]))[0] > 0
    proatoms.make_proatoms(["H"], path)
    load_proatoms.cache_clear()
    assert set(load_proatoms(path)) == {1, 14}
