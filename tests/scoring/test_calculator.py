"""Anybody's calculator scored like a run: what it is told, how it is aligned, what is told."""

import json

import numpy as np
import pytest
from ase.calculators.calculator import PropertyNotImplementedError

from bench.cli import main
from bench.runs.collection import collect
from bench.runs.folder import RunFolder, Status
from tests.scoring.made_up import ATOMIC, Springs, water, waters, write_dataset

SPRINGS = "calculator=tests.scoring.made_up:Springs"
WORDS = [SPRINGS, "system=waters", "name=springs", "dipole_origin=centre", "figures=false"]


class OnlyEnergy(Springs):
    implemented_properties = ["energy"]

    def get_property(self, name, atoms=None, allow_calculation=True):
        if name != "energy":
            raise PropertyNotImplementedError(name)
        return super().get_property(name, atoms, allow_calculation)

    def calculate(self, *arguments, **named):
        super().calculate(*arguments, **named)
        self.results = {"energy": self.results["energy"]}


class Forgetful(Springs):
    """As mace-torch's: what changes in info alone is not noticed."""

    def check_state(self, atoms, tol=1e-15):
        return super().check_state(atoms, tol) if self.atoms is None else []


def fails_when_charged(**arguments):
    springs = Springs(**arguments)
    calculate = springs.calculate

    def checked(atoms=None, *others):
        if atoms.info["charge"]:
            raise ValueError("odd number of electrons")
        calculate(atoms, *others)

    springs.calculate = checked
    return springs


def no_calculator():
    return "springs"


def evaluate(*words):
    """Exit code of the verb with the usual words before."""
    return main(["evaluate", *WORDS, *words])


def folder(work, name="springs"):
    """The one run of that name."""
    (status,) = work.glob(f"results/runs/waters/{name}/*/status.json")
    return RunFolder(status.parent)


def values(run):
    """Numbers of all test structures by name."""
    return {m["name"]: m["value"] for m in run.read_metrics()["metrics"] if m["subset"] == "all"}


def test_a_calculator_that_made_the_labels_is_right_about_everything(work, capsys):
    assert evaluate() == 0
    found = values(folder(work))
    for name in ("energy", "forces", "charges", "dipole", "total_charge", "charge_difference"):
        assert found[f"{name}_rmse"] == pytest.approx(0.0, abs=2e-5), name
    assert found["time_per_atom"] > 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(
        "energies aligned on 6 training structures by H -13.5000, O -430.2500 eV per atom"
    )
    assert "ms/atom for energy and forces of a structure" in out[1]


def test_predictions_are_aligned_by_hand(work):
    """Two elements and three compositions determine both energies: what was added comes back."""
    assert evaluate() == 0
    for atoms in folder(work).read_predictions():
        own = atoms.info["PRED_energy"] - sum(ATOMIC[z] for z in atoms.numbers)
        again = atoms.copy()
        again.info |= {"charge": atoms.info["total_charge"]}
        again.info |= {"external_field": atoms.info["electric_field"]}
        again.calc = Springs()
        assert own == pytest.approx(again.get_potential_energy(), abs=1e-6)


def test_it_is_a_run_like_any_other(work, capsys):
    assert evaluate("seed=3") == 0
    run = folder(work)
    assert run.status is Status.done
    (row,) = collect([work / "results"]).runs.to_dict("records")
    assert (row["model"], row["system"], row["preset"]) == ("springs", "waters", "outsider")
    assert row["seed"] == 3 and row["changed"] == "" and row["status"] == "done"
    assert run.read_plain_config().keys().isdisjoint({"training", "dtype"})
    assert run.read_config().model.name == "springs"
    stated = run.read_provenance()["outsider"]
    assert stated["calculator"] == "tests.scoring.made_up:Springs"
    assert main(["table", "metrics=forces_rmse,time_per_atom"]) == 0
    assert "springs" in capsys.readouterr().out
    assert main(["compare", str(run.path), str(run.path)]) == 0
    assert main(["status"]) == 0 and "done" in capsys.readouterr().out
    assert main(["report", "results", "out=report.html"]) == 0
    assert "springs" in (work / "report.html").read_text()
    before = run.read_metrics()
    assert main(["evaluate", f"run={run.path}", "figures=false"]) == 0
    after = run.read_metrics()
    times = [m for m in before["metrics"] if m["name"] == "time_per_atom"]
    assert [m for m in after["metrics"] if m["name"] == "time_per_atom"] == times
    assert main(["evaluate", f"run={run.path}", "predict=true"]) == 2
    assert "was predicted by somebody else's code" in capsys.readouterr().err


def test_a_finished_one_is_found_and_other_arguments_are_another(work, capsys):
    assert evaluate() == 0
    made = folder(work).path / "predictions.extxyz"
    before = made.stat().st_mtime_ns
    assert evaluate() == 0
    assert "scored already" in capsys.readouterr().out and made.stat().st_mtime_ns == before
    assert evaluate("arg.unknown=7") == 2
    told = capsys.readouterr().err
    assert "name=springs seed=0 has been scored with another arg: results/runs/waters" in told
    assert evaluate("arg.unknown=7", "seed=1") == 0
    assert len(list(work.glob("results/runs/waters/springs/*/status.json"))) == 2


def test_weights_that_have_changed_are_another_run(work, capsys):
    (work / "weights").write_text("1")
    words = ["calculator=tests.scoring.test_calculator:weighted", "arg.path=weights"]
    assert evaluate(*words) == 0
    (work / "weights").write_text("2")
    assert evaluate(*words) == 2
    assert "has been scored with other code or weights" in capsys.readouterr().err
    assert evaluate(*words, "name=retrained") == 0
    assert [path.name for path in sorted(work.glob("results/runs/waters/*"))] == [
        "retrained",
        "springs",
    ]


def weighted(path):
    assert path == "weights"
    return Springs()


@pytest.mark.parametrize(
    ("words", "blind"),
    [
        ([], False),
        (["key.total_charge=charge", "key.field=external_field"], False),
        (["arg.charge=Q", "arg.field=E", "key.total_charge=Q", "key.field=E"], False),
        (["arg.charge=Q", "arg.field=E"], True),
    ],
)
def test_charge_and_field_go_where_the_calculator_reads_them(work, capsys, words, blind):
    assert evaluate(*words) == 0
    out = capsys.readouterr().out
    for what in ("the total charge", "the electric field"):
        told = f"warning: {what} makes no difference: 3 pairs of one geometry, such as w7 and w7"
        assert (told in out) is blind
    metrics = folder(work).read_metrics()
    reason = metrics["absent"].get("charge_difference_rmse", "")
    assert reason == ("the point does not know the total charge" if blind else "")


def test_blindness_is_told_where_no_geometry_has_two_charges(work, capsys):
    """Of a charged structure the neutral one is asked for."""
    frames = [a for a in waters() if a.info["total_charge"] == 0.0 or a.info["split"] == "train"]
    write_dataset(work, frames)
    assert evaluate("arg.charge=Q") == 0
    told = (
        "warning: the total charge makes no difference: w1+ has the same energy without its charge"
    )
    assert told in capsys.readouterr().out


def test_an_alignment_by_charge_does_not_hide_blindness(work, capsys):
    """What is added to charged crystals is no answer of the calculator's."""
    frames = waters()
    for atoms in frames:
        atoms.cell, atoms.pbc = [9.0] * 3, True
        atoms.info["electric_field"] = np.zeros(3)
        for key in ("REF_dipole", "dipole_mask"):
            del atoms.info[key]
    write_dataset(work, [a for a in frames if not a.info["uid"].endswith("f")])
    assert evaluate("arg.charge=Q", "align=baseline") == 0
    assert "the total charge makes no difference: 3 pairs" in capsys.readouterr().out
    reason = folder(work).read_metrics()["absent"]["charge_difference_rmse"]
    assert reason == "the point does not know the total charge"


def test_signs_and_units_of_the_field_are_those_of_the_calculator(work):
    """One that reads minus the field in atomic units, of which one is 51.4 V/Å."""
    seen = []
    springs = Springs(field="E")
    calculate = springs.calculate
    words = ["key.field=E", "unit.field=au", "sign.field=-1", "align=none"]

    def noting(atoms=None, *others):
        seen.append(atoms.info["E"][2])
        calculate(atoms, *others)

    springs.calculate = noting
    MADE[:] = [springs]
    assert evaluate("calculator=tests.scoring.test_calculator:made", *words) == 0
    assert sorted({round(float(value), 9) for value in seen}) == [
        pytest.approx(-0.1 / 51.4220674763, rel=1e-6),
        0.0,
    ]


MADE = []


def made():
    return MADE[0]


def test_a_calculator_that_notices_no_change_in_info_is_asked_anew(work):
    words = ["calculator=tests.scoring.test_calculator:Forgetful"]
    assert evaluate(*words) == 0
    assert values(folder(work))["charge_difference_rmse"] == pytest.approx(0.0, abs=1e-9)


def test_what_it_does_not_predict_is_absent_with_the_reason(work, capsys):
    assert evaluate("calculator=tests.scoring.test_calculator:OnlyEnergy") == 0
    metrics = folder(work).read_metrics()
    assert "not predicted: forces, multipoles, dipole" in capsys.readouterr().out
    for name in ("forces_rmse", "charges_mae", "dipole_rmse", "total_charge_rmse"):
        assert metrics["absent"][name] == "not predicted"
    assert values(folder(work))["energy_rmse"] == pytest.approx(0.0, abs=2e-5)


@pytest.mark.parametrize(
    ("kind", "left"),
    [("atomic_energies", 0.0), ("none", 1000 * (430.25 + 13.5) / 2)],
)
def test_energies_are_aligned_or_taken_as_they_are(work, kind, left):
    """Without an alignment OH, with 443.75 eV less, errs by half of that per atom."""
    write_dataset(work, [water(s, split) for s, split in enumerate(["train", "valid", "test"])])
    frames = [water(3 * k + 1, split) for k, split in enumerate(["train", "valid", "test"])]
    write_dataset(work, frames)
    assert evaluate(f"align={kind}") == 0
    assert values(folder(work))["energy_mae"] == pytest.approx(left, abs=1e-4)


def test_the_zero_of_the_potential_is_taken_up_by_the_baseline(work, capsys):
    """Labels of charged crystals are 9 eV Å³ Q / V higher: 2 s_H + s_O = 9, of least norm."""
    frames = []
    for number, split in enumerate(("train", "train", "train", "valid", "test", "test")):
        atoms = water(3 * number, split, charge=float(number % 2))
        atoms.cell, atoms.pbc = [8.0 + number % 3] * 3, True
        shift = 3.0 * atoms.info["total_charge"] * len(atoms) / atoms.get_volume()
        atoms.info["REF_energy"] += shift
        for key in ("REF_dipole", "dipole_mask"):
            del atoms.info[key]
        frames.append(atoms)
    write_dataset(work, frames)
    assert evaluate("align=baseline") == 0
    assert values(folder(work))["energy_mae"] == pytest.approx(0.0, abs=1e-4)
    assert "and, per charge over volume, H 3.600, O 1.800 eV Å³/e" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["calculator=tests.scoring.made_up:Spring"], "has no Spring.\nDid you mean 'Springs'?"),
        (["calculator=tests.scoring.nowhere:Springs"], "nowhere cannot be imported from"),
        (["calculator=Springs"], "Write package.module:function_or_class."),
        (["arg.charg=Q"], "has none.\nDid you mean 'charge'?"),
        (["calculator=tests.scoring.test_calculator:fails"], "fails(): RuntimeError: no weights"),
        (["calculator=tests.scoring.test_calculator:no_calculator"], "gives a str, no calculator"),
        (["key.charge=Q"], "key.charge=Q: no such quantity."),
        (["unit.energy=Ry"], "unit.energy='Ry' is not known."),
        (["align=E0"], "align=E0 is not known."),
        (["name=scf_qeq"], "name=scf_qeq is a model of bench run."),
        (["name=../x"], "is no name"),
        (["system=watters"], "Did you mean 'waters'?"),
        (["predict=true"], "predict=True does not go with calculator=."),
        (["predictions=x.xyz"], "found calculator= and predictions=."),
        (["name="], "name=... is missing."),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_mistakes_are_told_before_anything_is_written(work, capsys, words, said):
    assert evaluate(*words) == 2
    assert said in capsys.readouterr().err
    assert not (work / "results").exists()


def fails():
    raise RuntimeError("no weights")


def test_a_charged_dipole_needs_its_origin(work, capsys):
    assert evaluate("dipole_origin=unknown") == 2
    assert "w7+: its total charge is +1 e, so that its dipole" in capsys.readouterr().err


def test_about_another_origin_dipole_and_energy_are_moved(work):
    """M = M₀ − Q c about the box's centre c, and the energy by Q F·c in a field."""
    frames = [*waters()[:-1], water(9, "test", charge=1.0, field=0.1)]
    write_dataset(work, frames)
    assert evaluate("dipole_origin=zero", "align=none") == 0
    (atoms,) = (a for a in folder(work).read_predictions() if a.info["uid"] == "w9+f")
    atoms.info |= {"charge": 1.0, "external_field": np.array([0.0, 0.0, 0.1])}
    moved = atoms.copy()
    moved.calc = Springs()
    energy = moved.get_potential_energy()
    assert atoms.info["PRED_energy"] == pytest.approx(energy + 0.5 * 0.1, abs=1e-7)
    dipole = moved.get_dipole_moment() - 0.5
    assert atoms.info["PRED_dipole"] == pytest.approx(dipole, abs=1e-7)


def test_a_failure_names_the_structure_and_nothing_is_skipped(work, capsys):
    words = ["calculator=tests.scoring.test_calculator:fails_when_charged"]
    assert evaluate(*words) == 2
    told = capsys.readouterr().err
    assert "failed at w7+ (HO, split=test, total charge +1 e" in told
    assert "ValueError: odd number of electrons" in told
    run = folder(work)
    assert run.status is Status.failed and "w7+" in run.reason
    assert "in checked" in (run.path / "error.log").read_text()
    assert not (run.path / "metrics.json").exists()


@pytest.mark.parametrize("error", [ValueError("made up"), KeyboardInterrupt()])
def test_what_was_predicted_before_an_end_is_not_predicted_again(work, capsys, error):
    """Ten of the 15 structures and forces in the first attempt, the others in the second."""
    MADE[:] = [Springs()]
    calculate, seen = MADE[0].calculate, []

    def ending(atoms=None, *others):
        if len(seen) == 10:
            seen.append("end")
            raise error
        seen.append(atoms.positions.copy())
        calculate(atoms, *others)

    MADE[0].calculate = ending
    words = ["calculator=tests.scoring.test_calculator:made"]
    assert evaluate(*words) == (2 if isinstance(error, ValueError) else 130)
    run = folder(work)
    assert run.unfinished.is_file() and run.status is not Status.done
    assert evaluate(*words) == 0
    assert len(seen) == 1 + 15 + 2  # the end, every structure once, two for blindness
    assert "10 structures were predicted before" in capsys.readouterr().out
    found = values(folder(work))
    for name in ("energy", "forces", "charges", "dipole"):
        assert found[f"{name}_rmse"] == pytest.approx(0.0, abs=1e-4), name
    assert not run.unfinished.exists()


def test_an_energy_that_is_not_finite_cannot_be_aligned_by(work, capsys):
    MADE[:] = [Springs()]
    calculate = MADE[0].calculate

    def broken(atoms=None, *others):
        calculate(atoms, *others)
        MADE[0].results["energy"] = np.nan

    MADE[0].calculate = broken
    assert evaluate("calculator=tests.scoring.test_calculator:made") == 2
    assert "the energy of w0 (split=train) is nan" in capsys.readouterr().err


def test_minima_of_the_reference_are_relaxed_by_the_calculator(work):
    frames = waters()
    for atoms in frames:
        if atoms.info["uid"] in ("w7", "w7+"):
            atoms.info["subset"] = "relaxed"
    write_dataset(work, frames)
    assert evaluate() == 0
    relaxed = [a for a in folder(work).read_predictions() if a.info["subset"] == "relaxed"]
    assert len(relaxed) == 2
    for atoms in relaxed:  # at r = 1 Å springs have no energy
        charge = atoms.info["total_charge"]
        free = charge**2 / 4 + charge / 2 + sum(ATOMIC[z] for z in atoms.numbers)
        assert atoms.info["PRED_relaxed_converged"]
        assert atoms.info["PRED_relaxed_energy"] == pytest.approx(free, abs=1e-3)
    assert json.loads((folder(work).path / "metrics.json").read_text())["metrics"]
