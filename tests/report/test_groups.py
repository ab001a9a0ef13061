"""Means and intervals over seeds, by hand."""

import pytest

from bench.report.groups import select, settings, shared, summarise
from bench.runs.collection import collect
from tests.runs.test_collection import RMSE, write_run


def runs(place, values, *, model="scf_qeq", name="forces_rmse", first=0, ci95=(40.5, 43.5), **more):
    """A run for each value, whose seeds count from ``first``."""
    for seed, value in enumerate(values, first):
        record = {**RMSE, "name": name, "value": value, "ci95": ci95 and list(ci95), **more}
        write_run(place, f"{model}{seed}{name}", f"model={model}", f"seed={seed}", records=[record])
    return collect([place])


def test_three_seeds_by_hand(tmp_path):
    """Mean 20, standard deviation 2, Student's half width 4.303 · 2 / √3 at two degrees."""
    (row,) = summarise(runs(tmp_path, [18.0, 20.0, 22.0])).to_dict("records")
    assert (row["mean"], row["std"], row["seeds"]) == (20.0, pytest.approx(2.0), 3)
    half = 4.302652729911275 * 2 / 3**0.5
    assert (row["low"], row["high"]) == (pytest.approx(20 - half), pytest.approx(20 + half))


@pytest.mark.parametrize(("name", "below"), [("forces_rmse", False), ("vacancy_charge", True)])
def test_the_interval_of_an_error_does_not_reach_below_zero(tmp_path, name, below):
    (row,) = summarise(runs(tmp_path, [1.0, 2.0, 9.0], name=name)).to_dict("records")
    assert row["high"] > 9.0 and row["low"] == (pytest.approx(8.0 - row["high"]) if below else 0.0)


def test_one_seed_has_the_interval_of_its_structures(tmp_path):
    (row,) = summarise(runs(tmp_path, [42.0])).to_dict("records")
    assert (row["low"], row["high"], row["seeds"]) == (40.5, 43.5, 1)


def test_settings_are_read_as_they_are_typed():
    text = "model.radial_mlp=[8, 8] model.update=mlp training.loss.forces=3.0"
    assert settings(text) == {
        "model.radial_mlp": "[8, 8]",
        "model.update": "mlp",
        "training.loss.forces": "3.0",
    }
    assert settings(text, but={("model.update", "mlp")}).keys() == {
        "model.radial_mlp",
        "training.loss.forces",
    }
    assert settings("") == {}


def test_what_all_share_tells_none_from_another():
    assert shared(["a=1 b=2", "b=2", "b=2 c=3"]) == {("b", "2")}
    assert shared(["a=1", ""]) == set() and shared([]) == set()


def test_what_is_not_the_seed_is_another_group(tmp_path):
    write_run(tmp_path, "a", "seed=0")
    write_run(tmp_path, "b", "seed=1", "model.r_max=6.0")
    assert set(summarise(collect([tmp_path]))["seeds"]) == {1}


def test_training_set_sizes_are_groups_of_their_own(tmp_path):
    for size in (0, 20):
        for seed in (0, 1):
            write_run(tmp_path, f"{size}-{seed}", f"system.train_size={size}", f"seed={seed}")
    rows = summarise(collect([tmp_path]))
    assert set(rows["changed"]) == {"", "system.train_size=20"} and set(rows["seeds"]) == {2}


def test_names_and_patterns_choose_in_their_order(tmp_path):
    for name in ("energy_rmse", "forces_rmse", "forces_mae"):
        runs(tmp_path, [1.0], name=name)
    rows = summarise(collect([tmp_path]))
    assert select(rows)["name"].tolist() == ["energy_rmse", "forces_rmse"]
    chosen = select(rows, metrics=["forces_*", "energy_rmse"])["name"]
    assert sorted(chosen[:2]) == ["forces_mae", "forces_rmse"] and chosen.iloc[2] == "energy_rmse"
    assert select(rows, subsets=["charge=*"]).empty
