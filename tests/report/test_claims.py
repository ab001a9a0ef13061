"""Claims from runs made up by hand."""

import math

import pytest

from bench.cli import main
from bench.report.claims import claims
from bench.runs.collection import collect
from tests.report.paper.made import run

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
