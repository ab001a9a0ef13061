"""What goes into metrics.json is plain, finite and named."""

import json

import numpy as np
import pytest

from bench.evaluate.record import mark_absent, record
from bench.evaluate.registry import ACCURACY, METRICS
from bench.runs.records import SCHEMA_VERSION, Evaluation


@pytest.mark.parametrize("ci95", [None, (0.0, 0.0), (np.float64(1.0), np.float64(3.0))])
def test_a_record_is_plain(ci95):
    made = record("energy_mae", np.float32(2.5), n=3, subset="charge=+1", ci95=ci95).to_dict()
    assert made == {
        "name": "energy_mae",
        "subset": "charge=+1",
        "value": 2.5,
        "unit": "meV/atom",
        "n": 3,
        "ci95": None if ci95 is None else list(ci95),
        "better": "lower",
    }
    assert json.loads(json.dumps(made, allow_nan=False)) == made


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_number_that_is_none_is_refused_by_name(value):
    with pytest.raises(ValueError, match="forces_rmse of interface is not finite"):
        record("forces_rmse", value, n=3, subset="interface")
    with pytest.raises(ValueError, match="forces_rmse of interface is not finite"):
        record("forces_rmse", 1.0, n=3, subset="interface", ci95=(0.5, value))


def test_the_unit_and_direction_are_the_registered_ones():
    for name, info in METRICS.items():
        made = record(name, 1.0, n=1)
        assert (made.unit, made.better, made.subset) == (info.unit, info.better, "all")


def test_a_file_names_what_is_not_in_its_errors():
    result = Evaluation(
        [record("forces_mae", 1.0, n=2)],
        absent={"dipole_mae": "not predicted"},
        unconverged=[3],
        non_finite={"PRED_energy": [1]},
    )
    content = result.to_dict({"id": "0a1b"})
    assert content == {
        "schema_version": SCHEMA_VERSION,
        "run": {"id": "0a1b"},
        "metrics": [result.records[0].to_dict()],
        "absent": {"dipole_mae": "not predicted"},
        "unconverged": [3],
        "non_finite": {"PRED_energy": [1]},
    }


def test_evaluations_do_not_share_their_lists():
    one, other = Evaluation(), Evaluation()
    one.unconverged.append(1)
    mark_absent(one.absent, [ACCURACY["dipole"]], "why")
    assert other == Evaluation()


def test_absence_covers_every_metric_of_a_family():
    absent = {"energy_mae": "before"}
    mark_absent(absent, [ACCURACY["total_charge"]], "not predicted")
    mark_absent(absent, [ACCURACY["total_charge"]], "not converged", subset="bulk")
    assert absent == {
        "energy_mae": "before",
        "total_charge_mae": "not predicted",
        "total_charge_rmse": "not predicted",
        "total_charge_mae[bulk]": "not converged",
        "total_charge_rmse[bulk]": "not converged",
    }
