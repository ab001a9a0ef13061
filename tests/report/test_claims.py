"""Claims from runs made up by hand."""

import math

import pytest

from bench.cli import main
from bench.report.claims import COLUMNS, as_text, claims
from bench.runs.collection import collect
from bench.storage import write_csv
from tests.report.paper.made import run
from tests.report.paper.test_figures import epoch_row, lines

SERIES = {"layer_slope_reference[group=m, layer 1]": 1.0, "dipole_slope_reference[group=m]": 5.0}


def slopes(first: float, second: float) -> dict[str, float]:
    """Slopes of water in two series where DFT has 2 and 4, and of a metal, which is not water."""
    water = {"dipole_slope[group=a]": first, "dipole_slope[group=b]": second}
    reference = {"dipole_slope_reference[group=a]": 2.0, "dipole_slope_reference[group=b]": 4.0}
    return {**SERIES, **water, **reference, "dipole_slope[group=m]": 99.0}


def said(place, text):
    table = claims(collect([place]))
    return table[table["claim"].str.startswith(text)].set_index("model")


def test_slopes_over_those_of_dft_by_hand(tmp_path):
    """Seeds with mean ratios (2 + 2)/2 and (4 + 4)/2: 3 ± √2; one seed has the bootstrap's."""
    for seed, factor in enumerate((2.0, 4.0)):
        run(tmp_path, "scf_qeq", slopes(2 * factor, 4 * factor), f"seed={seed}")
    run(tmp_path, "polar", slopes(2.0, 12.0))
    table = said(tmp_path, "Charge equilibration")
    assert table["value"].to_dict() == pytest.approx({"polar": 2.0, "scf_qeq": 3.0})
    assert table.loc["scf_qeq", "std"] == pytest.approx(math.sqrt(2.0))
    assert table["seeds"].to_dict() == {"polar": 1, "scf_qeq": 2}
    assert table["n"].tolist() == [2, 2]
    half = 12.706 * math.sqrt(2.0) / math.sqrt(2.0)  # Student, one degree of freedom
    assert table.loc["scf_qeq", "high"] == pytest.approx(3.0 + half, rel=1e-4)
    assert table.loc["polar", "low"] == 1.0 and table.loc["polar", "high"] == 3.0


def test_a_metric_is_the_mean_over_seeds_and_absent_claims_have_no_row(tmp_path):
    for seed, error in enumerate((0.1, 0.3)):
        run(tmp_path, "polar", {"charge_difference_rmse": error}, f"seed={seed}")
    table = claims(collect([tmp_path]))
    assert table["claim"].nunique() == 1
    (row,) = table.to_dict("records")
    assert (row["model"], row["unit"], row["seeds"]) == ("polar", "eV", 2)
    assert row["value"] == pytest.approx(0.2)


def test_the_table_says_a_claim_once_and_how_to_see_it(tmp_path, capsys):
    for model in ("les", "polar"):
        run(tmp_path, model, {"dipole_slope_rmse": 0.98512, "forces_rmse": 1.0})
    assert main(["table", str(tmp_path), "claims=true"]) == 0
    text = capsys.readouterr().out
    assert text.count("Local charges do not respond") == 1 and "| 0.985 e Å²/V | 1 | 5 |" in text
    assert text.endswith(f"\nbench table {tmp_path} metrics=dipole_slope_rmse\n")
    out = tmp_path / "claims.csv"
    assert main(["table", str(tmp_path), "claims=true", f"out={out}"]) == 0
    heading, *rows = out.read_text().splitlines()
    assert heading.startswith("claim,quantity,unit") and len(rows) == 2


def test_modes_stand_beside_each_other_at_both_densities(tmp_path):
    """Of a point in two modes; one that was trained in a single mode says nothing of them."""
    errors = {"direct": (3.0, 8.0), "implicit": (7.0, 6.0)}
    for mode, (at, own) in errors.items():
        numbers = {"forces_at_reference_rmse": at, "forces_rmse": own}
        folder = run(tmp_path, "scf_qeq", numbers, f"training.mode={mode}")
        rows = [{**epoch_row(k), "mode": mode} for k in range(2)]
        write_csv(folder.training_files.log, lines(rows))
    alone = run(tmp_path, "scf_response", {"forces_rmse": 1.0})
    write_csv(alone.training_files.log, lines([{**epoch_row(0), "mode": "implicit"}]))
    table = claims(collect([tmp_path]))
    found = {
        (row["quantity"], row["model"]): row["value"]
        for row in table.to_dict("records")
        if row["claim"].startswith("Direct training")
    }
    assert found == {
        ("force RMSE at the reference density", "scf_qeq, direct"): 3.0,
        ("force RMSE at the reference density", "scf_qeq, implicit"): 7.0,
        ("force RMSE at self-consistency", "scf_qeq, direct"): 8.0,
        ("force RMSE at self-consistency", "scf_qeq, implicit"): 6.0,
    }


def test_water_is_what_no_metal_layer_is_of(tmp_path):
    """Without series of their own kind there is no ratio, whatever the slopes of others are."""
    run(tmp_path, "polar", {**SERIES, "dipole_slope[group=m]": 7.0})
    assert said(tmp_path, "Charge equilibration").empty


def test_numbers_have_three_digits_and_what_is_zero_is(tmp_path):
    """Slopes of 1e-9 are rounding; an interval that nothing tells is left out."""
    run(tmp_path, "polar", slopes(2e-9, 4e-9))
    run(tmp_path, "scf_qeq", slopes(2.46912, 4.93824))
    table = claims(collect([tmp_path]))
    assert list(table.columns) == COLUMNS
    text = as_text(table, "markdown", ["one", "two"])
    assert "| polar | 0 (0 to 0) | 1 | 2 |" in text
    assert "| scf_qeq | 1.23 (1.23 to 1.23) | 1 | 2 |" in text
    assert "bench figures field_response runs=one two" in text


def test_one_series_of_one_seed_has_no_interval(tmp_path):
    """Nothing tells how far another geometry or another seed would be."""
    water = {"dipole_slope[group=a]": 5.0, "dipole_slope_reference[group=a]": 2.0}
    run(tmp_path, "polar", {**SERIES, **water})
    (row,) = said(tmp_path, "Charge equilibration").to_dict("records")
    assert row["value"] == pytest.approx(2.5) and row["n"] == 1
    assert math.isnan(row["low"]) and math.isnan(row["high"]) and math.isnan(row["std"])
    text = as_text(claims(collect([tmp_path])), "markdown", ["runs"])
    assert "| polar | 2.50 | 1 | 1 |" in text
