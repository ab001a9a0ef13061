"""What pages say of the study is what its files say."""

import json
import re

import pytest

from bench.config.catalogue import axes
from docs.hooks.sentences import claimed, measured, on_page_markdown
from docs.hooks.study import STUDY, study
from tests.docs.commands import ROOT

METALS = ("pt_water", "al_water")


def verdicts(model):
    """Of the probes of the runs of a model: a dictionary for each run."""
    files = sorted((STUDY / "runs").glob(f"*/{model}/*/probes.json"))
    found = [json.loads(file.read_text())["probes"] for file in files]
    return [{probe["probe"]: probe["verdict"] for probe in probes} for probes in found]


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
        measured("sio2_vacancy", f"scf_levels{settings}", "score/validation")
        for settings in ("", ":training.clip_gradient=0.5")
    )
    assert default < other


def test_stars_are_the_mean_over_subsets():
    rows = study()
    rows = rows[(rows["system"] == "pt_water") & (rows["model"] == "scf_qeq")]
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


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda p: p.stem)
def test_pages_ask_for_numbers_that_exist_and_type_none_of_the_study(page):
    text = page.read_text(encoding="utf-8")
    assert "{{ study" not in on_page_markdown(text) and "{{ claim" not in on_page_markdown(text)
    if page.stem in ("study", "training"):
        sentences = re.sub(r"\{\{.*?\}\}", "", text, flags=re.DOTALL)
        assert re.findall(r"\d\.?\d* (?:m?eV|e Å|e\b|V\b|times)[^,\n]{0,20}", sentences) == []


def test_the_study_has_two_seeds_as_its_page_says():
    assert "two seeds" in (ROOT / "docs/study.md").read_text(encoding="utf-8")
    numbers = study()
    of = (numbers["name"] == "forces_rmse") & (numbers["subset"] == "all")
    seeds = numbers[of].set_index("changed")["seeds"]
    assert {*seeds[""]} == {2} and seeds["training.mode=direct"] == 1


# Sentences of the README and of docs/study.md whose words, not digits, come from the study.


@pytest.mark.parametrize("system", METALS)
def test_a_learned_map_is_nearest_to_the_slope_of_the_dipole_before_the_embedding(system):
    known = axes().keys() - {"short_range", "les"}
    errors = {name: measured(system, name, "dipole_slope_rmse") for name in known}
    nearest = sorted(errors, key=errors.__getitem__)[:3]
    assert nearest[:2] == ["scf_fixed_point", "global_embedding"]
    assert nearest[2] == "polar" or system != "pt_water"


def test_forces_on_platinum_tell_little():
    errors = {name: measured("pt_water", name, "forces_rmse") for name in axes()}
    ranking = sorted(errors, key=errors.__getitem__)
    assert {*ranking[:3]} == {"polar", "global_embedding", "scf_fixed_point"}
    assert errors["short_range"] < 1.1 * errors[ranking[0]]


def test_response_and_map_are_first_in_forces_on_aluminium_before_levels_and_functional():
    errors = {name: measured("al_water", name, "forces_rmse") for name in axes()}
    ranking = sorted(errors, key=errors.__getitem__)
    assert {*ranking[:2]} == {"scf_response", "scf_fixed_point"}
    assert {*ranking[2:4]} == {"scf_levels", "scf_energy_functional"}


def test_full_states_have_the_best_forces_of_quartz():
    errors = {name: measured("sio2_vacancy", name, "forces_rmse") for name in axes()}
    assert min(errors, key=errors.__getitem__) == "scf_levels"


def test_field_updates_have_the_worst_forces_of_larger_cells_of_quartz():
    errors = {n: measured("sio2_vacancy", n, "forces_rmse/larger_supercell") for n in axes()}
    assert max(errors, key=errors.__getitem__) == "polar"


@pytest.mark.parametrize("system", METALS)
@pytest.mark.parametrize("model", ["fixed_charge", "local_charges", "split_charges"])
def test_what_does_not_know_the_field_does_not_respond(system, model):
    assert claimed(system, model, "polarises") == 0


def test_two_points_pass_every_probe():
    passing = {
        name
        for name in axes()
        if (runs := verdicts(name)) and all({*run.values()} == {"pass"} for run in runs)
    }
    assert passing == {"scf_levels", "scf_response"}


@pytest.mark.parametrize("probe", ["zero field", "bystander", "dissociation", "chain"])
def test_a_learned_map_breaks_what_probes_see(probe):
    runs = verdicts("scf_fixed_point")
    assert runs and all(run[probe] == "finding" for run in runs)


def test_full_states_meet_charge_states_best():
    known = axes().keys() - {"short_range", "les", "local_charges"}
    errors = {n: measured("sio2_vacancy", n, "charge_difference_rmse") for n in known}
    ranking = sorted(errors, key=errors.__getitem__)
    assert ranking[:2] == ["scf_levels", "scf_fixed_point"]


def test_full_states_have_the_best_energies_of_quartz():
    errors = {name: measured("sio2_vacancy", name, "energy_rmse") for name in axes()}
    assert min(errors, key=errors.__getitem__) == "scf_levels"


@pytest.mark.parametrize("metric", ["forces_rmse", "energy_rmse", "charge_difference_rmse"])
@pytest.mark.parametrize(("model", "lower"), [("scf_levels", True), ("scf_fixed_point", False)])
def test_what_was_proposed_lowers_the_errors_of_one_of_two_points_on_quartz(model, lower, metric):
    without = f"{model}:system.leave_out=group=g8[6-9]+group=g90"
    before, after = (measured("sio2_vacancy", name, metric) for name in (without, model))
    assert (after < before) is lower


@pytest.mark.parametrize("metric", ["forces_rmse", "energy_rmse"])
@pytest.mark.parametrize("model", ["scf_levels", "scf_fixed_point"])
@pytest.mark.parametrize(
    ("system", "part"),
    [("pt_water", "group=g15[0-7]"), ("al_water", "group=g99+group=g10[0-4]")],
)
def test_what_was_proposed_changes_errors_on_metals_by_less_than_a_sixth(
    system, part, model, metric
):
    without = f"{model}:system.leave_out={part}"
    before, after = (measured(system, name, metric) for name in (without, model))
    assert abs(after - before) < max(before, after) / 6


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
