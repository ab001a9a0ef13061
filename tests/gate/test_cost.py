"""A training step must not cost more beside mace-torch's than it did."""

import pytest

from bench.errors import BenchError
from bench.gate import cost
from bench.gate.cost import MACHINE, Cost, judge_costs, measure_costs, read_costs, write_costs

BEFORE = [Cost("scf_qeq", 0.40, 0.38, 0.44)]


@pytest.mark.parametrize(
    ("low", "worse"),
    [(0.30, False), (0.99 * MACHINE * 0.44, False), (1.01 * MACHINE * 0.44, True)],
)
def test_worse_is_an_interval_above_what_is_allowed(low, worse):
    lines, found = judge_costs(BEFORE, [Cost("scf_qeq", low + 0.1, low, low + 0.2)])
    assert found is worse and lines[1].startswith("!" if worse else " ")
    assert f"at most {MACHINE * 0.44:.2f}" in lines[1]


def test_what_has_no_baseline_is_told_and_not_worse():
    lines, worse = judge_costs([], BEFORE)
    assert not worse and lines[1].endswith("no baseline")


def test_ratios_survive_their_file(tmp_path):
    assert read_costs(tmp_path) == []
    write_costs(tmp_path, BEFORE)
    assert read_costs(tmp_path) == BEFORE
    (tmp_path / "cost.json").write_text("{}")
    with pytest.raises(BenchError, match="update=true"):
        read_costs(tmp_path)


def test_each_point_is_timed_beside_mace(monkeypatch):
    """Stand-ins for the steps: mace's loops three times as long."""

    def loop(count):
        return lambda: sum(range(count)) and None

    monkeypatch.setattr(cost, "workload", lambda atoms, dtype: None)
    monkeypatch.setattr(cost, "mace_training", lambda work: loop(300_000))
    monkeypatch.setattr(cost, "point_training", lambda work, name: loop(100_000))
    found = measure_costs()
    assert [c.name for c in found] == list(cost.POINTS)
    assert all(c.low <= c.median <= c.high < 1 for c in found)
