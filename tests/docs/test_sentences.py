"""What pages say of the study is what its files say."""

import json
import re

import pytest
import yaml

from bench.config.catalogue import axes
from bench.config.schema import TrainingConfig
from docs.hooks.sentences import PRESET, claimed, measured, on_page_markdown
from docs.hooks.study import STUDY, study
from tests.docs.commands import ROOT

every_page = pytest.mark.parametrize(
    "page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.stem
)
METALS = ("pt_water", "al_water")
FEWER_STEPS = "training.steps=1040"  # than preset quick has on quartz
FIRST = f"training.warmup_fraction=0.025+{FEWER_STEPS}"  # the first choices there


def probes(model, *systems):
    """Those of each run of a model, a list for each run."""
    runs = STUDY / "runs"
    files = [file for name in systems for file in (runs / name / model).glob("*/probes.json")]
    return [json.loads(file.read_text())["probes"] for file in files]


def verdicts(model, *systems):
    """Of the probes of the runs of a model: a dictionary for each run."""
    return [{p["probe"]: p["verdict"] for p in run} for run in probes(model, *systems)]


def test_a_sentence_gets_numbers_in_its_format():
    text = on_page_markdown("from {{ study pt_water scf_qeq,les forces_rmse .0f }} meV/Å")
    low, high = sorted(measured("pt_water", name, "forces_rmse") for name in ("scf_qeq", "les"))
    assert low < high and text == f"from {low:.0f} to {high:.0f} meV/Å"
    assert (
        on_page_markdown("{{ study pt_water les,les forces_rmse .0f }}")
        == f"{measured('pt_water', 'les', 'forces_rmse'):.0f}"
    )


def test_subsets_and_settings_are_told_apart():
    test = measured("sio2_vacancy", "scf_qeq", "charge_difference_rmse")
    assert measured("sio2_vacancy", "scf_qeq", "charge_difference_rmse/training") < test
    default, other = (
        measured("sio2_vacancy", f"scf_levels:{FIRST}{settings}", "score/validation")
        for settings in ("", "+training.clip_gradient=0.5")
    )
    assert default < other


def test_another_preset_is_asked_for_by_name():
    longer = measured("sio2_vacancy", "scf_levels@standard", "forces_rmse")
    assert longer < measured("sio2_vacancy", "scf_levels", "forces_rmse")
    assert measured("sio2_vacancy", f"scf_levels@{PRESET}", "forces_rmse") > longer


def test_stars_are_the_mean_over_subsets():
    rows = study()
    rows = rows[(rows["system"] == "pt_water") & (rows["model"] == "scf_qeq")]
    rows = rows[rows["preset"] == PRESET]
    each = rows.loc[(rows["name"] == "cooperativity") & (rows["changed"] == ""), "mean"]
    assert len(each) > 1
    told = measured("pt_water", "scf_qeq", "cooperativity/group=*")
    assert told == pytest.approx(each.mean())


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("study pt_water scf_qeq forces_rsme .1f", "has no forces_rsme of scf_qeq on pt_water"),
        ("study pt_water scf_qeq forces_rmse/nowhere .1f", "has no forces_rmse/nowhere"),
        ("claim pt_water scf_qeq nothing .1f", "0 claims with nothing"),
    ],
)
def test_a_number_that_does_not_exist_stops_the_build(asked, told):
    with pytest.raises(ValueError, match=told):
        on_page_markdown(f"{{{{ {asked} }}}}")


def test_a_claim_with_two_numbers_wants_another_word():
    with pytest.raises(ValueError, match="2 claims with Direct"):
        claimed("pt_water", "scf_fixed_point, direct", "Direct")


@every_page
def test_pages_ask_for_numbers_that_exist_and_type_none_of_the_study(page):
    text = page.read_text(encoding="utf-8")
    assert "{{ study" not in on_page_markdown(text) and "{{ claim" not in on_page_markdown(text)
    if page.stem in ("study", "training"):
        sentences = re.sub(r"\{\{.*?\}\}", "", text, flags=re.DOTALL)
        assert re.findall(r"\d\.?\d* (?:m?eV|e Å|e\b|V\b|times)[^,\n]{0,20}", sentences) == []


@every_page
def test_lists_begin_after_an_empty_line(page):
    """Markdown takes an item that follows a line of a paragraph as part of it."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    paragraphs = [block.strip("\n") for block in re.split(r"\n\s*\n", text)]
    assert [p for p in paragraphs if "\n- " in p and not p.startswith("- ")] == []


def test_the_study_has_as_many_seeds_as_its_page_says():
    assert "`quick`, three seeds" in (ROOT / "docs/study.md").read_text(encoding="utf-8")
    numbers = study()
    of = (numbers["name"] == "forces_rmse") & (numbers["subset"] == "all")
    rows = numbers[of & (numbers["changed"] == "")]
    assert {*rows[rows["preset"] == PRESET]["seeds"]} == {3}
    assert {*rows[rows["preset"] == "standard"]["seeds"]} == {3}


def test_what_another_seed_changes():
    numbers = study()
    rows = numbers[(numbers["subset"] == "all") & (numbers["changed"] == "")]
    rows = rows[rows["preset"] == PRESET]
    relative = (rows["std"] / rows["mean"]).groupby(rows["name"])
    assert 0.05 < relative.get_group("forces_rmse").median() < 0.08
    assert 0.14 < relative.get_group("forces_rmse").max() < 0.19
    states = rows[rows["name"] == "charge_difference_rmse"].set_index("model")
    by_seed = states["std"] / states["mean"]
    assert 0.17 < by_seed.pop("scf_fixed_point") < 0.25 and 0.35 < by_seed.pop("polar") < 0.45
    assert by_seed.max() < 0.05


# Sentences of the README and of docs/study.md whose words, not digits, come from the study.


def ranking(system, metric, *, without=()):
    """Points by an error, the best first."""
    names = axes().keys() - {*without}
    return sorted(names, key=lambda name: measured(system, name, metric))


def test_response_and_levels_are_nearest_to_the_slope_on_aluminium():
    order = ranking("al_water", "dipole_slope_rmse", without=("short_range", "les"))
    assert {*order[:2]} == {"scf_response", "scf_levels"}
    assert {*order[2:5]} == {"scf_fixed_point", "global_embedding", "polar"}


def test_field_updates_are_nearest_to_the_slope_on_platinum():
    order = ranking("pt_water", "dipole_slope_rmse", without=("short_range", "les"))
    assert order[0] == "polar"
    assert {*order[1:5]} == {"global_embedding", "scf_fixed_point", "scf_response", "scf_levels"}


def test_ten_points_have_like_forces_on_platinum_and_three_lead_on_aluminium():
    order = ranking("pt_water", "forces_rmse")
    assert order[0] == "scf_fixed_point" and order[10:] == ["split_charges", "fixed_charge"]
    best, worst = (measured("pt_water", order[place], "forces_rmse") for place in (0, 9))
    assert worst < 1.2 * best
    first = {*ranking("al_water", "forces_rmse")[:3]}
    assert first == {"scf_fixed_point", "scf_levels", "scf_response"}


def on_platinum(model, metric, mode):
    """An error after training in a mode, in that of the default."""
    return measured("pt_water", f"{model}:training.mode={mode}", metric) / measured(
        "pt_water", model, metric
    )


def test_direct_training_spoils_the_functional_and_not_the_map():
    spoiled, kept = "scf_energy_functional", "scf_fixed_point"
    assert on_platinum(spoiled, "forces_rmse", "direct") > 2
    assert on_platinum(spoiled, "dipole_slope_rmse", "direct") > 4
    assert 0.9 < on_platinum(kept, "forces_rmse", "direct") < 1.1
    direct = f"{spoiled}:training.mode=direct"
    converged, asked = (
        measured("pt_water", direct, name) for name in ("forces_rmse", "forces_at_reference_rmse")
    )
    assert 0.95 < asked / converged < 1  # it is not its self-consistency


def test_direct_steps_first_help_the_map_and_harm_the_functional():
    assert on_platinum("scf_fixed_point", "dipole_slope_rmse", "staged") < 0.7
    slopes = ("pt_water", "scf_fixed_point", "dipole_slope_rmse")
    assert max(each_seed(*slopes, mode="staged")) < min(each_seed(*slopes))
    assert on_platinum("scf_fixed_point", "forces_rmse", "staged") > 1
    assert on_platinum("scf_energy_functional", "forces_rmse", "staged") > 1.05
    assert on_platinum("scf_energy_functional", "dipole_slope_rmse", "staged") > 1.5


def test_full_states_are_first_on_quartz():
    known = ("short_range", "les", "local_charges")
    order = ranking("sio2_vacancy", "charge_difference_rmse", without=known)
    assert order[:2] == ["scf_levels", "scf_fixed_point"]
    assert {*order[2:4]} == {"scf_response", "polar"}
    energy = ranking("sio2_vacancy", "energy_rmse")[:4]
    assert energy[0] == "scf_levels"
    assert {*energy[1:]} == {"scf_fixed_point", "polar", "scf_response"}
    forces = ranking("sio2_vacancy", "forces_rmse")[:5]
    assert forces[0] == "scf_levels"
    next_ones = {"global_embedding", "scf_response", "scf_fixed_point", "scf_energy_functional"}
    assert {*forces[1:]} == next_ones


def test_field_updates_fail_on_larger_cells_of_quartz_and_on_aluminium():
    larger = {
        name: measured("sio2_vacancy", name, "forces_rmse/larger_supercell")
        / measured("sio2_vacancy", name, "forces_rmse/vacancy")
        for name in axes()
    }
    assert larger.pop("polar") > 1.9 and max(larger.values()) < 1.01
    seeds = (
        large / small
        for large, small in zip(
            each_seed("sio2_vacancy", "polar", "forces_rmse", "larger_supercell"),
            each_seed("sio2_vacancy", "polar", "forces_rmse", "vacancy"),
            strict=True,
        )
    )
    assert all(1.5 < ratio < 2.5 for ratio in seeds)
    assert ranking("al_water", "forces_rmse")[-2:] == ["polar", "fixed_charge"]


@pytest.mark.parametrize("system", METALS)
@pytest.mark.parametrize("model", ["fixed_charge", "local_charges", "split_charges"])
def test_what_does_not_know_the_field_does_not_respond(system, model):
    assert claimed(system, model, "polarises") == 0


def test_two_points_pass_every_probe_on_both_metals():
    passing = {
        name
        for name in axes()
        if len(runs := verdicts(name, *METALS)) == len(METALS)
        and all({*run.values()} == {"pass"} for run in runs)
    }
    assert passing == {"scf_levels", "scf_response"}


def each_seed(system, model, metric, subset="all", *, preset=PRESET, mode="auto", place="runs"):
    """A metric of the test set, of each run on the whole training set."""
    values = []
    for file in (STUDY / place / system / model).glob("*/metrics.json"):
        config = yaml.safe_load(file.with_name("config.yaml").read_text())
        asked = (config["preset"], config["training"]["mode"]) == (preset, mode)
        if asked and not config["system"]["train_size"]:
            rows = json.loads(file.read_text())["metrics"]
            wanted = [row for row in rows if (row["name"], row["subset"]) == (metric, subset)]
            values += [row["value"] for row in wanted]
    return values


FRONT = ("short_range", "scf_qeq", "scf_fixed_point", "scf_levels")


def longer(system, metric, subset="all"):
    """A metric of each seed of the points with a longer training."""
    return {name: each_seed(system, name, metric, subset, preset="standard") for name in FRONT}


def test_a_longer_training_leaves_platinums_forces_within_seeds():
    found = longer("pt_water", "forces_rmse")
    low, high = (kind(sum(seeds) / 3 for seeds in found.values()) for kind in (min, max))
    spread = [max(seeds) - min(seeds) for seeds in found.values()]
    assert max(spread) > 2 * (high - low)
    layers = longer("pt_water", "forces_rmse", "more_layers")["scf_fixed_point"]
    before = each_seed("pt_water", "scf_fixed_point", "forces_rmse", "more_layers")
    assert sum(layers) > sum(before) and max(layers) > 1.7 * min(layers)


def test_energies_in_fields_are_not_learned_without_knowing_the_field():
    found = longer("pt_water", "energy_rmse", "field_series")
    blind = found.pop("short_range")
    assert all(max(seeds) < 0.65 * min(blind) for seeds in found.values())
    before = each_seed("pt_water", "short_range", "energy_rmse", "field_series")
    assert sum(blind) > 0.95 * sum(before)


def test_a_longer_training_tells_aluminiums_forces_with_and_without_electrostatics_apart():
    found = longer("al_water", "forces_rmse")
    without = found.pop("short_range")
    assert max(max(seeds) for seeds in found.values()) < min(without)
    low, high = (kind(sum(seeds) / 3 for seeds in found.values()) for kind in (min, max))
    assert max(max(seeds) - min(seeds) for seeds in found.values()) > high - low


def test_a_longer_training_finds_quartzs_electron_with_each_seed_of_the_map():
    found = longer("sio2_vacancy", "charge_difference_rmse")
    assert max(found["scf_fixed_point"]) < 0.7
    assert max(found["scf_levels"]) > 1.7 * sorted(found["scf_levels"])[1]  # one is late
    assert min(found["scf_qeq"]) > 2


def test_fewer_steps_are_what_the_map_lacks_on_quartz_and_not_what_equilibration_does():
    states = "charge_difference_rmse"

    def ratio(model, metric):
        shorter = measured("sio2_vacancy", f"{model}:{FEWER_STEPS}", metric)
        return measured("sio2_vacancy", model, metric) / shorter

    assert ratio("scf_fixed_point", states) < 0.7
    assert ratio("scf_fixed_point", "forces_rmse") < 0.85
    assert ratio("scf_levels", states) < 0.9
    assert ratio("scf_qeq", states) > 0.85
    assert measured("sio2_vacancy", "scf_qeq", f"{states}/training") > 1.5
    rows = study()
    rows = rows[(rows["system"] == "sio2_vacancy") & (rows["model"] == "scf_fixed_point")]
    rows = rows[(rows["name"] == "forces_rmse") & (rows["subset"] == "all")]
    by_seed = rows[rows["preset"] == PRESET].set_index("changed")["std"]
    assert by_seed[""] < by_seed[FEWER_STEPS] / 5  # seeds agree


def test_the_map_needs_the_longer_quick_training_of_quartz():
    """What its bars on charge states are met by; the shorter one leaves two seeds of three late."""
    states = "charge_difference_rmse"
    early, *late = sorted(each_seed("sio2_vacancy", "scf_fixed_point", states, place="budget"))
    assert early < 0.7 < 1.1 < min(late)
    assert max(each_seed("sio2_vacancy", "scf_fixed_point", states)) < 0.8


def left_out(model, charge, metric):
    """An error on a charge state that training had not."""
    changed = f"{model}:system.leave_out=charge={charge}+{FEWER_STEPS}"
    return measured("sio2_vacancy", changed, f"{metric}/charge={charge}")


def test_all_points_but_the_map_find_their_way_between_charge_states():
    error = "charge_difference_rmse"
    found = {
        name: left_out(name, "+1", error)
        / measured("sio2_vacancy", f"{name}:{FEWER_STEPS}", f"{error}/charge=+1")
        for name in FRONT[1:] + ("global_embedding",)
    }
    assert found.pop("scf_fixed_point") > 2
    assert max(found.values()) < 1.5


def test_no_point_finds_its_way_beyond_charge_states():
    names = ("scf_levels", "scf_fixed_point", "scf_qeq", "global_embedding")
    errors = [left_out(name, "-1", "charge_difference_rmse") for name in names]
    assert min(errors) > 3.5 and max(errors) < 1.3 * min(errors)
    forces = [left_out(name, "-1", "forces_rmse") for name in names]
    assert forces == sorted(forces)


def test_ten_small_steps_train_another_density_than_the_converged_one():
    gone = 1 - (1 - TrainingConfig.unrolled_mixing) ** TrainingConfig.unrolled_steps
    assert 0.2 < gone < 0.3
    assert on_platinum("scf_fixed_point", "forces_rmse", "unrolled") > 1.3
    assert on_platinum("scf_fixed_point", "dipole_slope_rmse", "unrolled") > 2


@pytest.mark.parametrize("metric", ["forces_rmse", "charge_difference_rmse", "energy_rmse"])
def test_each_seed_of_full_states_is_before_all_others_on_quartz(metric):
    found = {name: each_seed("sio2_vacancy", name, metric) for name in axes()}
    own = found.pop("scf_levels")
    assert len(own) == 3
    assert max(own) < min(value for values in found.values() for value in values)


def test_who_finds_the_opening_of_the_relaxed_vacancy():
    known = axes().keys() - {"short_range", "les", "local_charges", "fixed_charge"}
    opening, level = (
        {name: measured("sio2_vacancy", name, metric) for name in known}
        for metric in ("vacancy_opening_mae", "relaxed_level_mae")
    )
    near = {"scf_fixed_point", "scf_levels", "polar", "global_embedding"}
    assert {*sorted(opening, key=opening.__getitem__)[:4]} == near
    order = sorted(level, key=level.__getitem__)
    assert order[0] == "scf_levels" and level[order[1]] > 2 * level[order[0]]
    assert {*order[1:4]} == {"polar", "scf_qeq", "scf_energy_functional"}


def bystanders(model):
    """What a molecule far from an ion notices of it, in eV, of the run on quartz."""
    (run,) = probes(model, "sio2_vacancy")
    return [m["value"] for p in run if p["probe"] == "bystander" for m in p["measurements"]]


def test_on_quartz_full_states_alone_leave_an_ion_its_charge():
    (own,) = bystanders("scf_levels")
    others = [bystanders(name) for name in axes() if name != "scf_levels"]
    told = sorted(value for found in others for value in found)
    assert own < 0.005 and len(told) == 8
    assert bystanders("polar") == told[:1] and 0.3 < told[0] < 0.4 and told[1] > 1


def test_on_quartz_no_point_passes_every_probe():
    missed = {
        name: {
            probe
            for probe, verdict in verdicts(name, "sio2_vacancy")[0].items()
            if verdict not in ("pass", "not applicable")
        }
        for name in axes()
    }
    assert all(missed.values())
    assert missed["scf_levels"] == {"dissociation"} and missed["scf_response"] == {"bystander"}
    (run,) = probes("scf_levels", "sio2_vacancy")
    told = {m["name"]: m["value"] for p in run for m in p["measurements"]}
    assert 0.015 < told["fractional charge"] < 0.025


@pytest.mark.parametrize("probe", ["zero field", "bystander", "dissociation", "chain"])
def test_a_learned_map_breaks_what_probes_see(probe):
    runs = verdicts("scf_fixed_point", *METALS)
    assert runs and all(run[probe] == "finding" for run in runs)


@pytest.mark.parametrize("model", ["scf_levels", "scf_fixed_point"])
@pytest.mark.parametrize(
    ("system", "part", "steps", "response"),
    [
        ("sio2_vacancy", "group=g8[6-9]+group=g90", FEWER_STEPS, "charge_difference_rmse"),
        ("pt_water", "group=g15[0-7]", "", "dipole_slope_rmse"),
        ("al_water", "group=g99+group=g10[0-4]", "", "dipole_slope_rmse"),
    ],
)
def test_what_was_proposed_changes_errors_by_less_than_four_tenths(
    system, part, steps, response, model
):
    whole = f"{model}:{steps}"
    without = f"{model}:system.leave_out={part}+{steps}".rstrip("+")
    for metric in ("forces_rmse", "energy_rmse", response):
        before, after = (measured(system, name, metric) for name in (without, whole))
        assert abs(after - before) < 0.4 * max(before, after)


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("scf_qeq", False),
        ("scf_energy_functional", False),
        ("split_charges", True),
        ("scf_response", True),
    ],
)
def test_who_spreads_and_who_heaps_up_the_charge_of_a_vacancy(model, more):
    told, expected = (
        measured("sio2_vacancy", model, f"vacancy_charge{kind}/charge=+1")
        for kind in ("", "_reference")
    )
    assert (told > 1.2 * expected) if more else (told < 0.8 * expected)
