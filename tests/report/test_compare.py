"""What counts as a change: beyond seeds or bootstrap, direction aware, never across other data."""

import json

import numpy as np
import pytest

from bench.report.compare import Verdict, compare
from bench.report.comparison_table import lines
from bench.runs.collection import collect
from bench.runs.folder import Status
from tests.report.test_groups import runs
from tests.runs.test_collection import RMSE, write_run

SEEDS = [19.0, 20.0, 21.0]


def verdicts(tmp_path, before, after, **more):
    one, other = (
        runs(tmp_path / which, values, **more)
        for which, values in (("before", before), ("after", after))
    )
    return compare(one, other)


def test_a_run_compared_with_itself_has_not_changed(tmp_path):
    found = verdicts(tmp_path, [42.0], [42.0])
    assert found.verdict is Verdict.same and found.changed.empty


@pytest.mark.parametrize(
    ("after", "better", "verdict", "word"),
    [
        ([29.0, 30.0, 31.0], "lower", Verdict.worse, "worse"),
        ([29.0, 30.0, 31.0], "higher", Verdict.same, "better"),
        ([29.0, 30.0, 31.0], "none", Verdict.same, "changed"),
        ([9.0, 10.0, 11.0], "lower", Verdict.same, "better"),
        ([20.0, 21.0, 22.0], "lower", Verdict.same, "same"),
    ],
)
def test_seeds_tell_the_noise(tmp_path, after, better, verdict, word):
    """Pooled deviation 1, two of three seeds each: noise 2.776 · √(2/3) = 2.27 at 95 %."""
    found = verdicts(tmp_path, SEEDS, after, better=better)
    assert found.rows["verdict"].tolist() == [word] and found.verdict is verdict
    assert found.rows["noise"].iloc[0] == pytest.approx(2.7764451051977987 * (2 / 3) ** 0.5)


def test_one_new_run_against_a_baseline_of_seeds(tmp_path):
    """Deviation 1 of three seeds, one new: noise 4.303 · √(1 + 1/3) = 4.97."""
    assert verdicts(tmp_path / "a", SEEDS, [24.9]).verdict is Verdict.same
    assert verdicts(tmp_path / "b", SEEDS, [25.0]).verdict is Verdict.worse


def test_one_seed_each_leaves_the_bootstrap(tmp_path):
    """Half widths of 1.5 in quadrature: 2.12."""
    assert verdicts(tmp_path / "a", [42.0], [44.1]).verdict is Verdict.same
    assert verdicts(tmp_path / "b", [42.0], [44.2]).verdict is Verdict.worse


def test_the_more_numbers_the_more_each_must_change(tmp_path):
    """Ten numbers: each may fail by chance in one of 200, not of 20."""
    for which, value in (("before", 42.0), ("after", 44.2)):
        records = [{**RMSE, "name": f"metric{k}", "value": value} for k in range(10)]
        write_run(tmp_path / which, "a", records=records)
    one, other = (collect([tmp_path / which]) for which in ("before", "after"))
    assert compare(one, other, metrics=["metric*"]).verdict is Verdict.same
    assert compare(one, other, metrics=["metric3"]).verdict is Verdict.worse


def test_unchanged_runs_do_not_fail_by_chance():
    """Of 400 comparisons of nine pure-noise numbers with three seeds each, one in twenty fails."""
    import pandas as pd

    from bench.report.compare import judge

    random, failed = np.random.default_rng(0), 0
    for _ in range(400):
        values = random.normal(size=(2, 9, 3))
        sides = {}
        for which, side in zip(("before", "after"), values):
            sides |= {f"mean_{which}": side.mean(1), f"std_{which}": side.std(1, ddof=1)}
            sides |= {f"seeds_{which}": 3, f"low_{which}": 0.0, f"high_{which}": 0.0}
        frame = pd.DataFrame({**sides, "better": "lower", "system": "s", "name": "m"})
        frame = frame.assign(subset="all", unit="")
        failed += (judge(frame)["verdict"] == "worse").any()
    assert failed <= 20  # one-sided: half of one in twenty, 10 expected


def test_without_any_noise_nothing_is_called_worse(tmp_path):
    found = verdicts(tmp_path, [1.0], [5.0], name="scf_unconverged_count", ci95=None)
    assert found.rows["verdict"].tolist() == ["unknown"] and found.verdict is Verdict.same
    assert len(found.changed) == 1


def test_a_number_that_is_gone_is_worse(tmp_path):
    write_run(tmp_path / "before", "a")
    write_run(tmp_path / "after", "a", records=[{**RMSE, "name": "energy_rmse"}])
    found = compare(collect([tmp_path / "before"]), collect([tmp_path / "after"]))
    assert found.verdict is Verdict.worse and any("forces_rmse[all]" in x for x in found.lost)


def other_data(folder):
    path = folder.path / "provenance.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "data_checksum": "e" * 64}))


def test_other_data_are_not_comparable(tmp_path):
    write_run(tmp_path / "before", "a")
    other_data(write_run(tmp_path / "after", "a"))
    found = compare(collect([tmp_path / "before"]), collect([tmp_path / "after"]))
    assert found.verdict is Verdict.incomparable
    assert "the data of pt_water differ" in lines(found)[-1]


def test_other_systems_and_mixed_experiments_are_not_comparable(tmp_path):
    write_run(tmp_path / "pt", "a")
    write_run(tmp_path / "al", "a", "system=al_water")
    write_run(tmp_path / "mixed", "a")
    write_run(tmp_path / "mixed", "b", "model=polar")
    write_run(tmp_path / "others", "a", "model=les")
    write_run(tmp_path / "others", "b", "model=short_range")
    pt, al, mixed, others = (collect([tmp_path / name]) for name in ("pt", "al", "mixed", "others"))
    assert "no system in common" in compare(pt, al).reason
    assert "no experiment in common: pt_water les, pt_water short_range and" in (
        compare(others, mixed).reason
    )


def two_models(place, forces, **setting):
    """``polar`` with an error, and ``les``, whose error never changes."""
    for model, value in {"polar": forces, "les": 42.0}.items():
        records = [{**RMSE, "value": value}]
        write_run(place, model, f"model={model}", *setting.get("words", ()), records=records)
    return collect([place])


def test_folders_of_several_models_are_compared_model_by_model(tmp_path):
    """Whether a default has changed for all of them, or nothing."""
    before = two_models(tmp_path / "before", 42.0)
    for name, words in {"same": (), "changed": ("training.learning_rate=0.01",)}.items():
        after = two_models(tmp_path / name, 90.0, words=words)
        found = compare(before, after)
        assert found.verdict is Verdict.worse and not found.lost
        verdicts_of = dict(zip(found.rows["system"], found.rows["verdict"]))
        assert verdicts_of == {"pt_water polar": "worse", "pt_water les": "same"}
        assert set(found.settings) == ({"changed"} if words else set())


def test_a_model_that_is_not_there_is_told_and_one_that_failed_is_lost(tmp_path):
    before = two_models(tmp_path / "before", 42.0)
    write_run(tmp_path / "after", "a", "model=polar")
    write_run(tmp_path / "after", "b", "model=short_range")
    after = collect([tmp_path / "after"])
    assert compare(before, after).settings["in one alone"] == (
        "pt_water les",
        "pt_water short_range",
    )
    assert compare(before, after).verdict is Verdict.same
    write_run(tmp_path / "after", "c", "model=les", status=Status.diverged, reason="loss 1e9")
    found = compare(before, collect([tmp_path / "after"]))
    assert found.verdict is Verdict.worse
    assert found.lost == ["all numbers of pt_water les: diverged"]


def test_settings_stand_on_top_and_only_changes_below(tmp_path):
    write_run(tmp_path / "before", "a")
    worse = [{**RMSE, "value": 90.0}, {**RMSE, "name": "energy_rmse"}]
    write_run(tmp_path / "after", "a", "model.r_max=6.0", records=worse)
    text = lines(compare(*(collect([tmp_path / name]) for name in ("before", "after"))))
    assert text[0] == "changed: none → model.r_max=6.0"
    rows = [line for line in text if line.startswith("!")]
    assert len(rows) == 1 + 1 and "forces_rmse" in rows[0] and "+48" not in text[1]
