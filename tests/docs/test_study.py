"""Results on the pages of models come from tables, or nothing is said."""

import pandas as pd
import pytest

from docs.hooks import study


def row(
    model,
    mean,
    *,
    system="pt_water",
    name="forces_rmse",
    preset="standard",
    changed="",
    subset="all",
):
    axes = [system, model, preset, changed, "abc"]
    numbers = [mean, 1.0, 3, 40, mean - 2.5, mean + 2.5]
    return [*axes, name, subset, "meV/Å", "lower", *numbers]


@pytest.fixture
def folder(tmp_path):
    def write(name, rows):
        pd.DataFrame(rows, columns=study.COLUMNS).to_csv(tmp_path / name, index=False)
        return tmp_path

    return write


def test_a_model_gets_its_rows_a_column_for_each_system(folder):
    other = row("scf_qeq", 20.0, system="al_water")
    place = folder("one.csv", [row("scf_qeq", 30.0), row("les", 50.0), other])
    text = study.results_of("scf_qeq", study.study(place))
    assert "|  | al_water standard | pt_water standard |" in text
    assert "| `forces_rmse` [meV/Å] | 20 ± 1 (3) | 30 ± 1 (3) |" in text
    assert "50" not in text


def test_what_one_system_lacks_is_a_dash(folder):
    charge = row("les", 4.0, system="al_water", name="charges_rmse")
    text = study.results_of("les", study.study(folder("one.csv", [row("les", 30.0), charge])))
    assert "| `charges_rmse` [meV/Å] | 4 ± 1 (3) | – |" in text


@pytest.mark.parametrize("rows", [[], [row("les", 30.0)]], ids=["no study", "another model"])
def test_without_numbers_nothing_is_said(folder, rows):
    place = folder("one.csv", rows)
    assert study.results_of("scf_qeq", study.study(place)) == ""


def test_a_folder_without_tables_has_no_numbers(tmp_path):
    (tmp_path / "speed.csv").write_text("model,ratio\nles,0.3\n")
    assert study.study(tmp_path).empty


def test_tables_may_repeat_but_not_contradict_each_other(folder):
    folder("one.csv", [row("les", 30.0)])
    assert len(study.study(folder("two.csv", [row("les", 30.0)]))) == 1
    with pytest.raises(ValueError, match=r"two values of .*'les'"):
        study.study(folder("two.csv", [row("les", 31.0)]))


def test_choices_are_a_table_of_validation_errors_for_each_system(folder):
    rows = [row("les", 50.0), row("les", 40.0, changed="training.batch_size=2")]
    validated = [[*r[:6], "validation", *r[7:12], None, *r[13:]] for r in rows]
    place = folder("choices.csv", [*validated, row("les", 7.0)])
    text = study.validation_of(place / "choices.csv")
    assert "| les | 50 ± 1 (3) |" in text
    assert "| les training.batch_size=2 | **40 ± 1 (3)** |" in text
    assert "forces_rmse [meV/Å]" in text and "| 7 ±" not in text
    assert "| *n* | – |" in text  # nobody says how many they were


def test_a_longer_preset_stands_below_the_others_of_its_points(folder):
    rows = [
        row("les", 40.0),
        row("les", 50.0, preset="quick"),
        row("scf_qeq", 60.0, preset="quick"),
    ]
    place = folder("numbers.csv", [*rows, row("les", 9.0, preset="quick", changed="training.x=1")])
    text = study.presets_of("standard", study.study(place))
    assert text.index("| les quick | 50 ± 1 (3) |") < text.index("| les standard | **40 ± 1 (3)**")
    assert "scf_qeq" not in text and "| 9 ±" not in text
    assert study.presets_of("full", study.study(place)) == ""


def test_a_longer_preset_is_shown_on_series_in_fields_too(folder):
    place = folder("numbers.csv", [row("les", 40.0), row("les", 30.0, subset="field_series")])
    text = study.presets_of("standard", study.study(place))
    assert "forces_rmse all" in text and "forces_rmse field_series" in text


def test_rows_of_several_tables_stand_beside_each_other(folder):
    folder("one.csv", [row("les", 30.0), row("les", 4.0, name="charges_rmse")])
    place = folder("two.csv.xz", [row("les", 40.0, changed="training.mode=direct")])
    text = study.results_of("les", study.study(place))
    assert "| `forces_rmse` [meV/Å] | 30 ± 1 (3) | 40 ± 1 (3) |" in text


def test_training_errors_stand_beside_those_of_the_test_set(folder):
    tests = row("les", 50.0)
    place = folder(
        "seen.csv", [tests, [*row("les", 40.0)[:6], "training", *tests[7:9], 40.0, *tests[10:]]]
    )
    text = study.seen_of(place / "seen.csv")
    assert "| model | forces_rmse all [meV/Å] | forces_rmse training [meV/Å] |" in text
    assert "training and test structures" in text
    assert "| les | 50 ± 1 (3) | 40 ± 1 (3) |" in text


def test_a_page_without_study_keeps_nothing_of_what_it_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(study, "study", lambda: study.pd.DataFrame(columns=study.COLUMNS))
    assert study.on_page_markdown("A.\n\n<!-- results: les -->\n") == "A.\n\n\n"


def test_a_claim_is_a_table_of_models_by_system(tmp_path):
    (tmp_path / "claims.csv").write_text(
        "claim,quantity,unit,system,model,value,low,high,command\n"
        "Les errs,RMSE,eV,al_water,les,0.3,0.1,0.4,bench table\n"
        "Les errs,RMSE,eV,pt_water,scf_qeq,1.70,,,bench table\n"
        "All err,ratio,1,pt_water,les,2,,,bench figures\n"
    )
    assert study.claims_of(tmp_path / "claims.csv").splitlines() == [
        "**Les errs**: RMSE [eV]; `bench table`",
        "",
        "|  | al_water | pt_water |",
        "| --- | ---: | ---: |",
        "| `les` | 0.3 (0.1 to 0.4) | – |",
        "| `scf_qeq` | – | 1.70 |",
        "",
        "**All err**: ratio; `bench figures`",
        "",
        "|  | pt_water |",
        "| --- | ---: |",
        "| `les` | 2 |",
    ]


def test_a_table_is_shown_as_it_is_in_its_file(tmp_path):
    (tmp_path / "choices.csv").write_text("rate,forces [meV/Å]\n0.02,119\n0.01,\n")
    shown = study.table_of(tmp_path / "choices.csv")
    assert shown == "| rate | forces [meV/Å] |\n| --- | --- |\n| 0.02 | 119 |\n| 0.01 |  |"


LEFT = "system.leave_out=charge=-1"


def test_what_was_left_out_stands_beside_the_whole(folder):
    folder("numbers.csv", [row("les", 40.0)])
    place = folder("part.csv", [row("les", 50.0, changed=LEFT), row("les", 40.0)])
    text = study.left_out_of(place / "part.csv")
    line = "| `les` on `pt_water`, `charge=-1` | `forces_rmse` [meV/Å] |"
    assert text.splitlines()[2:] == [f"{line} 50 ± 1 (3) | **40 ± 1 (3)** |"]


def test_a_charge_state_that_was_left_out_is_what_errors_are_of(folder):
    own = "charge=-1"
    folder("numbers.csv", [row("les", 40.0), row("les", 60.0, subset=own)])
    rows = [row("les", 50.0, changed=LEFT), row("les", 90.0, changed=LEFT, subset=own)]
    place = folder("part.csv", [*rows, row("les", 70.0, changed="model.l_max=0", subset=own)])
    text = study.left_out_of(place / "part.csv")
    line = "| `les` on `pt_water`, `charge=-1` | `forces_rmse` [meV/Å] |"
    assert text.splitlines()[2:] == [f"{line} 90 ± 1 (3) | **60 ± 1 (3)** |"]


def test_what_was_left_out_stands_beside_the_whole_with_the_same_settings(folder):
    steps, groups = "training.steps=9", "system.leave_out=group=g1 group=g2"
    folder("numbers.csv", [row("les", 45.0), row("les", 40.0, changed=steps)])
    part = row("les", 50.0, changed=f"{groups} {steps}")
    text = study.left_out_of(folder("part.csv", [part]) / "part.csv")
    line = "| `les` on `pt_water`, `group=g1 group=g2` | `forces_rmse` [meV/Å] |"
    assert text.splitlines()[2:] == [f"{line} 50 ± 1 (3) | **40 ± 1 (3)** |"]


def test_what_was_left_out_of_a_model_that_has_no_other_run_is_refused(folder):
    place = folder("part.csv", [row("les", 50.0, changed=LEFT)])
    with pytest.raises(ValueError, match=r"nothing to compare with \('pt_water', 'les'"):
        study.left_out_of(place / "part.csv")
