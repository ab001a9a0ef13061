"""Numbers and verdicts as they are written."""

from __future__ import annotations

import json
import math

import pytest

from bench.probes.result import Measurement, ProbeResult, Verdict


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_written_as_null_and_within_no_bar(value):
    for bar in (None, 1.0, math.inf):
        found = Measurement("m", value, "e", bar)
        assert not found.within and found.to_dict()["value"] is None


@pytest.mark.parametrize(("value", "bar", "within"), [(0.0, 0.0, True), (1e-300, 0.0, False)])
def test_a_bar_of_zero_is_a_bar(value, bar, within):
    assert Measurement("m", value, "", bar).within is within


def test_a_result_is_written_in_the_order_of_its_numbers():
    numbers = [Measurement("b", 2.0, "eV", 1.0), Measurement("a", -1.0, "")]
    result = ProbeResult("chain", Verdict.finding, "8 H2O", numbers, "b: known")
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False)) == {
        "probe": "chain",
        "verdict": "finding",
        "material": "8 H2O",
        "measurements": [
            {"name": "b", "value": 2.0, "unit": "eV", "bar": 1.0},
            {"name": "a", "value": -1.0, "unit": "", "bar": None},
        ],
        "reason": "b: known",
    }


def test_a_probe_that_does_not_apply_has_no_numbers():
    content = ProbeResult("drift", Verdict.not_applicable, reason="no metal").to_dict()
    assert content["verdict"] == "not applicable" and content["reason"] == "no metal"
    assert content["measurements"] == [] and content["material"] == ""
