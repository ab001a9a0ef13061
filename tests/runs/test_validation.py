"""Errors on validation structures: of the weights that are kept, and one number of them."""

from pathlib import Path

import pytest

from bench.cli import main
from bench.runs.collection import collect
from bench.runs.folder import RunFolder
from bench.runs.validation import trained, validated
from bench.storage import write_csv, write_json
from tests.runs.test_collection import RMSE, write_run

HEADINGS = ["step", "mode", "valid_loss", "valid_energy_rmse [meV/atom]"]
HEADINGS += ["valid_forces_rmse [meV/Å]", "valid_dipole_rmse [e Å]", "valid_total_charge_rmse [e]"]
ROWS = [
    ["10", "", "0.9", "50", "400", "", "0"],
    ["20", "", "0.5", "10", "90", "", "0"],  # kept
    ["30", "", "0.7", "1", "300", "", "0"],
]
SPREADS = {"energy": 0.05, "forces": 1.5, "dipole": 0.2, "total_charge": 1.0}  # eV, eV/Å, e Å, e


@pytest.fixture
def place(tmp_path):
    folder = write_run(tmp_path / "runs", "aa", "model=les")
    write_csv(folder.training_files.log, [HEADINGS, *ROWS])
    write_json(folder.path / "facts.json", {"spreads": SPREADS})
    write_run(tmp_path / "runs", "bb", "model=polar")  # of a calculator: no log
    return tmp_path / "runs"


def test_numbers_are_those_of_the_kept_weights_and_the_score_knows_no_unit(place):
    metrics = validated(collect([place])).metrics.set_index("name")
    assert dict(metrics["value"]) == pytest.approx(
        {
            "energy_rmse": 10.0,
            "forces_rmse": 90.0,
            "score": (10 / 50 * 90 / 1500) ** 0.5,
            "kept_after": 20.0,
        }
    )
    assert metrics["unit"]["forces_rmse"] == "meV/Å" and set(metrics["subset"]) == {"validation"}


def test_the_table_says_whose_errors_these_are(place, capsys, tmp_path):
    assert main(["table", str(place), "split=valid"]) == 0
    out = capsys.readouterr().out
    assert "validation structures" in out and "0.11" in out and "42" not in out
    assert main(["table", str(place), "split=valid", f"out={tmp_path}/choices.csv"]) == 0
    assert "validation" in (tmp_path / "choices.csv").read_text()


def test_training_errors_stand_beside_test_errors_where_they_were_asked_for(place, capsys):
    (run, other) = collect([place]).runs.index
    folder = RunFolder(Path(run))
    content = folder.read_metrics()
    records = [{**RMSE, "value": 7.0}, {**RMSE, "value": 5.0, "subset": "interface"}]
    seen = folder.evaluation(f"{folder.read_config().system.name}-train-{'d' * 10}")
    seen.write_metrics({**content, "metrics": records})
    metrics = trained(collect([place])).metrics
    assert set(metrics["run"]) == {run} and other not in set(metrics["run"])
    forces = metrics[metrics["name"] == "forces_rmse"].set_index("subset")["value"]
    assert dict(forces) == {"training": 7.0, "all": 42.0}
    assert main(["table", str(place), "split=train", "metrics=forces_rmse"]) == 0
    assert "forces_rmse training [meV/Å]  forces_rmse all [meV/Å]" in capsys.readouterr().out
