"""Rules beyond types: their edges, what they say, and that no number goes without one."""

from dataclasses import replace

import pytest

from bench.config.compose import compose
from bench.config.rules import check, check_writable
from bench.config.schema import Ensemble, RunConfig
from bench.errors import BenchError

CONFIG = compose(["model=scf_qeq", "system=pt_water"])


@pytest.mark.parametrize("fermi_level", [0.0, -4.5])
def test_a_fermi_level_goes_with_its_ensemble_even_where_it_is_zero(fermi_level):
    model = replace(CONFIG.model, fermi_level=fermi_level)
    with pytest.raises(BenchError, match=f"fermi_level={fermi_level} eV has no effect") as refusal:
        check(replace(CONFIG, model=model))
    assert "model.ensemble=constant_fermi_level" in refusal.value.mend
    held = replace(model, ensemble=Ensemble.constant_fermi_level)
    check(replace(CONFIG, model=held))


def test_a_results_folder_is_looked_for_and_not_made(tmp_path):
    check_writable(tmp_path / "a" / "b" / "c")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("deeper", ["", "x", "x/y"])
def test_a_file_in_the_way_is_named(tmp_path, deeper):
    blocker = tmp_path / "taken"
    blocker.touch()
    with pytest.raises(BenchError) as refusal:
        check_writable(blocker / deeper)
    assert f"{blocker} is not a folder" in refusal.value.problem
    assert f"results_dir={blocker / deeper} " in refusal.value.problem
    assert "results_dir=FOLDER" in refusal.value.mend


def test_a_folder_that_may_not_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(BenchError, match=f"{tmp_path} is not writable"):
        check_writable(tmp_path / "runs")


def test_the_default_is_allowed():
    check(RunConfig(model=CONFIG.model, system=CONFIG.system))
