"""Predictions computed elsewhere: matched by name or by geometry and state, all of them or none."""

import numpy as np
import pytest
from ase import units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from bench.cli import main
from bench.labels.keys import SPLITS
from bench.runs.folder import RunFolder
from tests.scoring.made_up import ATOMIC, Springs, waters, write_dataset

WORDS = ["predictions=mine.xyz", "system=waters", "name=mine", "figures=false"]


def predicted(*, splits=("train", "test"), names=True, state=True):
    """What springs say of the structures, as ase writes it."""
    found = []
    for atoms in waters():
        if atoms.info["split"] not in splits:
            continue
        charge, field = atoms.info["total_charge"], atoms.info["electric_field"]
        bare = atoms.copy()
        bare.info = {"charge": charge, "external_field": field}
        bare.arrays = {key: atoms.arrays[key] for key in ("numbers", "positions")}
        springs = Springs()
        springs.calculate(bare, ["energy"])
        results = {**springs.results}
        bare.info = dict(bare.info) if state else {}
        bare.info |= {"uid": atoms.info["uid"]} if names else {}
        bare.calc = SinglePointCalculator(bare, **results)
        found.append(bare)
    return found


def evaluate(frames, *words):
    """Exit code for a file of these structures."""
    write("mine.xyz", frames, format="extxyz")
    return main(["evaluate", *WORDS, "dipole_origin=centre", *words])


def numbers(work):
    """Numbers of all test structures by name, and why others are absent."""
    (status,) = work.glob("results/runs/waters/mine/*/status.json")
    content = RunFolder(status.parent).read_metrics()
    return {m["name"]: m["value"] for m in content["metrics"] if m["subset"] == "all"}, content


@pytest.mark.parametrize(
    "how", [{}, {"names": False}, {"state": False}], ids=["all", "no names", "no state"]
)
def test_structures_are_found_by_name_or_by_geometry_and_state(work, how):
    frames = predicted(**how)
    order = np.random.default_rng(0).permutation(len(frames))
    assert evaluate([frames[i] for i in order]) == 0
    found, content = numbers(work)
    for name in ("energy", "forces", "charges", "dipole", "total_charge", "charge_difference"):
        assert found[f"{name}_rmse"] == pytest.approx(0.0, abs=1e-4), name
    assert content["absent"]["time_per_atom"] == "predicted elsewhere"


def test_other_keys_and_units(work):
    frames = predicted()
    for atoms in frames:
        results = atoms.calc.results
        atoms.calc = None
        atoms.info["E_mine"] = results["energy"] / units.Hartree
        atoms.arrays["F_mine"] = results["forces"] * units.Bohr / units.Hartree
        atoms.info["mu"] = -results["dipole"] / units.Debye
        atoms.info["name"] = atoms.info.pop("uid")
    words = ["key.energy=E_mine", "key.forces=F_mine", "key.dipole=mu", "sign.dipole=-1"]
    units_ = ["unit.energy=hartree", "unit.forces=hartree/bohr", "unit.dipole=debye"]
    assert evaluate(frames, *words, *units_) == 0
    found, content = numbers(work)
    for name in ("energy", "forces", "dipole"):
        assert found[f"{name}_rmse"] == pytest.approx(0.0, abs=1e-3), name
    assert content["absent"]["charges_rmse"] == "not predicted"


def test_coordinates_may_be_wrapped_and_rounded(work, capsys):
    """A crystal whose atoms were put back into the cell by somebody's code."""
    frames = waters()
    for atoms in frames:
        atoms.cell, atoms.pbc = [7.0, 8.0, 9.0], True
        atoms.info["electric_field"] = np.zeros(3)
        del atoms.info["dipole_mask"], atoms.info["REF_dipole"]
    write_dataset(work, [a for a in frames if not a.info["uid"].endswith("f")])
    theirs = predicted(names=False)
    theirs = [a for a in theirs if not a.info["external_field"].any()]
    for atoms in theirs:
        atoms.cell, atoms.pbc = [7.0, 8.0, 9.0], True
        results = atoms.calc.results
        atoms.positions = atoms.positions.round(4) + [7.0, -8.0, 9.0]
        atoms.wrap()
        atoms.calc = SinglePointCalculator(atoms, **results)
    assert evaluate(theirs) == 0
    assert numbers(work)[0]["forces_rmse"] == pytest.approx(0.0, abs=1e-3)


def test_energies_that_need_no_alignment_need_no_training_structures(work, capsys):
    frames = predicted(splits=("test",))
    assert evaluate(frames) == 2
    told = capsys.readouterr().err
    assert "mine.xyz lacks 6 of 6 train structures: w0, w1+, w2" in told and "align=none" in told
    for atoms in frames:
        atoms.calc.results["energy"] += sum(ATOMIC[z] for z in atoms.numbers)
    assert evaluate(frames, "align=none") == 0
    assert numbers(work)[0]["energy_rmse"] == pytest.approx(0.0, abs=1e-4)


def test_all_that_is_missing_is_listed(work, capsys):
    frames = [a for a in predicted() if a.info["uid"] not in ("w7+", "w9f")]
    assert evaluate(frames) == 2
    assert "mine.xyz lacks 2 of 9 test structures: w7+, w9f." in capsys.readouterr().err
    assert not (work / "results").exists()


def test_what_is_not_asked_for_is_told(work, capsys):
    assert evaluate(predicted(splits=SPLITS)) == 0
    assert "not used: 1 structures of mine.xyz" in capsys.readouterr().out


def spoil_twice(frames):
    frames.append(frames[-1])


def spoil_name(frames):
    frames[-1].info["uid"] = "w7"


def spoil_forces(frames):
    del frames[-2].calc.results["forces"]


def spoil_everything(frames):
    for atoms in frames:
        atoms.calc = None


def spoil_state(frames):
    for atoms in frames:
        atoms.info = {}


def spoil_charge(frames):
    for atoms in frames:
        atoms.info["charge"] = 1.0 - atoms.info["charge"]


def spoil_shape(frames):
    for atoms in frames:
        del atoms.calc.results["charges"]
        atoms.arrays["q"] = np.zeros((len(atoms), 3))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_twice, "structures 14 and 15 are both w9f"),
        (spoil_name, "uid=w7, but elements, positions, charge or field are not those"),
        (spoil_forces, "no forces for 1 structures: w9+"),
        (
            spoil_everything,
            "nothing that the test set is labelled with is predicted (found: charge",
        ),
        (spoil_state, "might be w7, w7+, w7f, which differ in charge or field alone"),
        (spoil_charge, "charge or field are not those of that structure"),
        (spoil_shape, "structure 0: q has shape (3, 3): expected (3,), charges alone, or (3, 4)"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_does_not_fit_is_refused(work, capsys, spoil, said):
    frames = predicted()
    spoil(frames)
    words = ["key.multipoles=q"] if spoil is spoil_shape else []
    align = ["align=none"] if spoil is spoil_everything else []
    assert evaluate(frames, *words, *align) == 2
    assert said in capsys.readouterr().err


def test_labels_given_as_predictions_are_told(work, capsys):
    assert evaluate(waters(), "key.energy=REF_energy", "key.forces=REF_forces") == 0
    out = capsys.readouterr().out
    assert "warning: forces is the label itself in all 9 structures" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["predictions=none.xyz"], "none.xyz does not exist"),
        (["arg.device=cpu"], "arg.* does not go with predictions=."),
        (["smearing_width=-1"], "smearing_width=-1.0 must be zero or more, in Å."),
    ],
)
def test_mistakes_are_one_sentence(work, capsys, words, said):
    assert evaluate(predicted(), *words) == 2
    assert said in capsys.readouterr().err
