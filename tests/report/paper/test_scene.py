"""What is compared with what: experiments, their names, their order, means over seeds."""

import numpy as np
import pytest

from bench.config.catalogue import choices
from bench.report.paper.caption import settings_lines
from bench.report.paper.cost import COST_RATIO, CPU_SECONDS, OUTSIDER, with_costs
from bench.report.paper.points import STYLES, styles
from bench.report.paper.scene import scenes
from bench.runs.collection import collect
from bench.runs.folder import Status
from bench.scoring.outsider import PRESET
from tests.report.paper.made import run, scene, seeds
from tests.runs.test_collection import write_run

FORCES = {"forces_rmse": 40.0}


def test_every_shipped_point_has_a_style_of_its_own():
    assert set(STYLES) == set(choices("model"))
    assert len({(s.color, s.marker) for s in STYLES.values()}) == len(STYLES)
    assert len({(s.color, s.line) for s in STYLES.values()}) == len(STYLES)


def test_points_keep_their_style_whoever_stands_beside_them():
    alone, beside = styles(["scf_qeq"]), styles(["mine", "scf_qeq", "short_range"])
    assert alone["scf_qeq"] == beside["scf_qeq"]
    assert list(beside) == ["short_range", "scf_qeq", "mine"]
    assert beside["mine"] not in STYLES.values()


def test_labels_name_what_sets_experiments_apart_and_nothing_else(tmp_path):
    for words in ([], ["model.l_max=0"], ["training.mode=direct"], ["system.train_size=20"]):
        run(tmp_path, "scf_qeq", FORCES, "training.epochs=7", *words)
    run(tmp_path, "short_range", FORCES, "training.epochs=7")
    found = scene(tmp_path)
    assert list(found.points) == ["short_range", "scf_qeq", "scf_qeq l_max=0"]
    assert set(found.experiments) - set(found.points) == {
        "scf_qeq mode=direct",
        "scf_qeq train_size=20",
    }
    assert found.setting("scf_qeq mode=direct", "training.mode") == "direct"
    assert found.filled("scf_qeq") == "full" != found.filled("scf_qeq l_max=0")


def test_of_modes_and_sizes_alone_the_best_stands_for_the_point(tmp_path):
    for mode, size in (("direct", 20), ("implicit", 20), ("implicit", 40), ("unrolled", 40)):
        run(tmp_path, "polar", FORCES)
        words = (f"training.mode={mode}", f"system.train_size={size}")
        run(tmp_path, "scf_qeq", FORCES, *words)
    assert list(scene(tmp_path).points) == ["polar", "scf_qeq train_size=40 mode=implicit"]


def test_a_point_trained_in_another_way_than_the_others_is_no_variant(tmp_path):
    """A mode that others do not have is told in captions; what sets apart, in the label, too."""
    run(tmp_path, "short_range", FORCES, "training.batch_size=2")
    for size in (2, 3):
        words = ("training.mode=unrolled", f"training.batch_size={size}")
        run(tmp_path, "scf_qeq", FORCES, *words)
    found = scene(tmp_path)
    assert list(found.points) == ["short_range", "scf_qeq batch_size=2", "scf_qeq batch_size=3"]
    names, line = settings_lines(found, list(found.points))
    assert names == "In names, batch_size is training.batch_size."
    assert "scf_qeq batch_size=3: training.mode=unrolled" in line
    assert "short_range: training.batch_size=2" in line


def test_what_all_have_is_told_once(tmp_path):
    for model in ("polar", "les"):
        run(tmp_path, model, FORCES, "training.batch_size=2")
    found = scene(tmp_path)
    assert settings_lines(found, list(found.points)) == ["All with training.batch_size=2."]


def test_models_from_outside_stand_beside_those_of_every_preset(tmp_path):
    assert OUTSIDER == PRESET
    run(tmp_path, "polar", FORCES, cpu_seconds=7.0)
    write_run(tmp_path, "q", "preset=quick", "model=les")
    theirs = write_run(tmp_path, "o", "preset=smoke", "model=les", "seed=4")
    config = theirs.read_config()
    config.preset, config.model.name = OUTSIDER, "their-mace"
    theirs.write_config(config)
    found = scenes(collect([tmp_path]))
    assert [(one.preset, list(one.points)) for one in found] == [
        ("quick", ["les", "their-mace"]),
        ("smoke", ["polar", "their-mace"]),
    ]
    assert set(found[1].values(CPU_SECONDS).index) == {"polar"}, "nobody knows what they cost"


def test_presets_and_versions_of_the_data_are_scenes_of_their_own(tmp_path):
    run(tmp_path, "scf_qeq", FORCES)
    write_run(tmp_path, "other", "preset=quick")
    content = (folder := run(tmp_path, "polar", FORCES)).read_provenance()
    folder.write_provenance({**content, "data_checksum": "e" * 64})
    found = scenes(collect([tmp_path]))
    assert [(one.system, one.place.split("/")[1]) for one in found] == [
        ("pt_water", "quick"),
        ("pt_water", "smoke"),
        ("pt_water", "smoke"),
    ]
    assert {one.place.split("/")[0] for one in found} == {
        "pt_water_dddddddddd",
        "pt_water_eeeeeeeeee",
    }


def test_experiments_without_any_number_are_told_with_their_reason(tmp_path):
    run(tmp_path, "scf_qeq", FORCES, "seed=0")
    words = ("preset=smoke", "seed=1")
    write_run(tmp_path, "b", "model=scf_qeq", *words, status=Status.failed, reason="no memory")
    write_run(tmp_path, "c", "model=polar", *words, status=Status.diverged, reason="loss 1e9")
    assert scene(tmp_path).failed == {"polar": "diverged: loss 1e9"}


def test_a_mean_over_series_is_each_runs_own_before_seeds_are_compared(tmp_path):
    """Runs of means 2 and 4: mean 3, deviation √2, Student's half width 12.706 · √2 / √2."""
    for seed, (one, other) in enumerate([(1.0, 3.0), (3.0, 5.0)]):
        numbers = {"dipole_slope[group=a]": one, "dipole_slope[group=b]": other}
        run(tmp_path, "polar", numbers, f"seed={seed}")
    row = scene(tmp_path).mean_over("dipole_slope", ["group=a", "group=b"]).loc["polar"]
    assert (row["mean"], row["seeds"], row["unit"]) == (3.0, 2, "e Å²/V")
    assert row["high"] - 3.0 == pytest.approx(12.706204736432095)


def test_cost_is_relative_to_short_range_on_the_same_machine(tmp_path):
    for seed, seconds in enumerate((8.0, 12.0)):
        run(tmp_path, "short_range", FORCES, f"seed={seed}", cpu_seconds=seconds)
    run(tmp_path, "scf_qeq", FORCES, cpu_seconds=25.0)
    elsewhere = run(tmp_path, "polar", FORCES, cpu_seconds=25.0)
    content = elsewhere.read_provenance()
    elsewhere.write_provenance({**content, "hardware": {"cpu": "another", "device": "cpu"}})
    found = scene(tmp_path)
    ratios = found.values(COST_RATIO)["mean"].to_dict()
    assert ratios == {"short_range": 1.0, "scf_qeq": 2.5}
    assert found.values(CPU_SECONDS)["mean"]["polar"] == 25.0


def test_cost_is_relative_to_short_range_as_it_is(tmp_path):
    """Not to its runs on fewer structures, which are cheaper."""
    run(tmp_path, "short_range", FORCES, cpu_seconds=10.0)
    run(tmp_path, "short_range", FORCES, "system.train_size=12", cpu_seconds=4.0)
    run(tmp_path, "scf_qeq", FORCES, cpu_seconds=25.0)
    ratios = scene(tmp_path).values(COST_RATIO)["mean"]
    assert ratios["scf_qeq"] == 2.5 and sorted(ratios) == [0.4, 1.0, 2.5]


def test_costs_of_no_run_are_none(tmp_path):
    write_run(tmp_path, "b", status=Status.failed)
    assert with_costs(collect([tmp_path])).metrics.empty and scenes(collect([tmp_path])) == []


def test_seeds_are_means_with_intervals(tmp_path):
    seeds(tmp_path, "polar", "forces_rmse", [18.0, 20.0, 22.0])
    row = scene(tmp_path).values("forces_rmse").loc["polar"]
    assert row["mean"] == 20.0 and row["seeds"] == 3
    assert row["high"] - row["low"] == pytest.approx(2 * 4.302652729911275 * 2 / np.sqrt(3))


def test_charges_come_from_the_lowest_to_the_highest(tmp_path):
    names = [f"vacancy_charge[charge={charge}]" for charge in ("+2", "-1", "0", "+1")]
    run(tmp_path, "scf_qeq", dict.fromkeys([*names, "vacancy_charge[charge=0,+1]"], 0.5))
    found = scene(tmp_path).charge_subsets("vacancy_charge")
    assert found == ["charge=-1", "charge=0", "charge=+1", "charge=+2"]
