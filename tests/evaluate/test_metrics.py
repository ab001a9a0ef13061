import json
import subprocess
import sys

import ase
import numpy as np
import pytest
from ase.io import read, write

from bench.data.statistics import TrainingMeans, fit_baseline, training_means
from bench.errors import BenchError
from bench.evaluate.metrics import evaluate
from bench.evaluate.registry import METRICS, MetricInfo
from bench.evaluate.rescore import rescore, rescored
from bench.labels.quantities import DIPOLE, FERMI_LEVEL, MULTIPOLES
from bench.runs.records import SCHEMA_VERSION, Evaluation
from tests.evaluate.predicted import MEANS, frame, solved, value
from tests.report.synthetic import predict, reference


@pytest.fixture(scope="module", params=["pt_water", "sio2_vacancy"])
def real(request) -> tuple[list[ase.Atoms], TrainingMeans]:
    """All structures of a shipped system with made-up predictions."""
    frames = reference(request.param)
    means = training_means(frames)
    baseline = fit_baseline(frames, tuple(sorted({int(z) for a in frames for z in a.numbers})))
    return [predict(a, baseline) for a in frames], means


@pytest.fixture(scope="module")
def evaluation(real) -> Evaluation:
    """Of the made-up predictions."""
    return evaluate(*real)


@pytest.fixture(scope="module")
def perfect(real) -> Evaluation:
    """Of predictions that are the labels."""
    frames, means = real
    return evaluate([predict(a, None, noise=0.0) for a in frames], means)


def test_every_record_is_as_registered_and_every_metric_is_accounted_for(evaluation) -> None:
    for entry in evaluation.records:
        info = METRICS[entry.name]
        assert (entry.unit, entry.better) == (info.unit, info.better)
        assert entry.n > 0
        if entry.ci95:
            assert entry.ci95[0] <= entry.value <= entry.ci95[1]
    names = {r.name for r in evaluation.records} | {k.split("[")[0] for k in evaluation.absent}
    assert names == {name for name, info in METRICS.items() if info.from_predictions}
    assert len({(r.name, r.subset) for r in evaluation.records}) == len(evaluation.records)


def test_a_perfect_prediction_has_no_error(perfect) -> None:
    floors = ("density_slope", "potential_slope", "screening_ratio")
    for entry in perfect.records:
        if entry.name.endswith(("_mae", "_rmse")) and not entry.name.startswith(floors):
            assert entry.value == pytest.approx(0.0, abs=1e-9), entry


def test_perfect_multipoles_have_the_error_that_is_told_beside_a_models(real, perfect) -> None:
    """DFT's density is more than multipoles of one width: no such model can do better."""
    told = [r for r in perfect.records if r.name.endswith("_of_multipoles")]
    assert len(told) == (3 if real[0][0].pbc.sum() == 2 else 0)
    for entry in told:
        assert entry.value > 0.0
        name = entry.name.removesuffix("_of_multipoles")
        assert value(perfect, name) == pytest.approx(entry.value, rel=1e-9)


def test_predicting_the_mean_scores_like_the_mean(real) -> None:
    """The training mean, written as a prediction, has the error that stands beside a model's."""
    frames, means = real
    lazy = [a.copy() for a in frames]
    for atoms in lazy:
        atoms.info["PRED_energy"] = atoms.info["BASELINE_energy"]
        atoms.arrays["PRED_forces"] = np.zeros((len(atoms), 3))
        atoms.arrays["PRED_multipoles"] = means.of(atoms, MULTIPOLES)
        for quantity in (FERMI_LEVEL, DIPOLE):
            if (mean := means.of(atoms, quantity)) is not None:
                atoms.info[quantity.predicted_key] = mean
    evaluation = evaluate(lazy, means)
    checked = 0
    for entry in evaluation.records:
        if entry.name.endswith("_of_mean"):
            model = entry.name.removesuffix("_of_mean")
            assert value(evaluation, model, entry.subset) == pytest.approx(entry.value, abs=1e-9)
            checked += 1
    assert checked > 40


def test_the_disk_gives_the_same_numbers(real, evaluation, tmp_path) -> None:
    frames, means = real
    write(tmp_path / "predictions.extxyz", frames)
    again = evaluate(read(tmp_path / "predictions.extxyz", ":"), means)
    before = {(r.name, r.subset): r.value for r in evaluation.records}
    after = {(r.name, r.subset): r.value for r in again.records}
    assert after == {key: pytest.approx(v, rel=1e-4, abs=1e-5) for key, v in before.items()}


def test_nan_and_unconverged_survive_the_disk(tmp_path) -> None:
    frames = [solved(frame(dipole=(0.1, 0.1)), converged=k != 1) for k in range(3)]
    frames[2].info["PRED_energy"] = np.nan
    frames[2].arrays["PRED_forces"][0, 1] = np.nan
    write(tmp_path / "predictions.extxyz", frames)
    evaluation = evaluate(read(tmp_path / "predictions.extxyz", ":"), MEANS)
    assert evaluation.unconverged == [1]
    assert evaluation.non_finite == {"PRED_energy": [2], "PRED_forces": [2]}
    assert {r.n for r in evaluation.records if r.name.startswith(("energy", "forces"))} == {1}


def test_metrics_json_has_a_schema_and_is_plain(evaluation) -> None:
    content = evaluation.to_dict({"id": "abc"})
    assert content["schema_version"] == SCHEMA_VERSION
    assert content["run"] == {"id": "abc"}
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_metrics_and_figures_need_neither_a_model_nor_the_factory_of_data() -> None:
    code = (
        "import sys, bench.evaluate.metrics, bench.report.figures;"
        "rooms = ('bench.models', 'bench.inference', 'bench.reference');"
        "print([m for m in sys.modules if m == 'torch' or m.startswith(rooms)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def run(tmp_path, real):
    frames, means = real
    write(tmp_path / "predictions.extxyz", frames)
    (tmp_path / "training_means.json").write_text(json.dumps(means.to_dict()))
    old = {"run": {"id": "abc"}, "metrics": [{"name": "energy_mae", "value": -1}], "absent": {}}
    (tmp_path / "metrics.json").write_text(json.dumps(old))
    return tmp_path


def test_rescoring_needs_no_model_and_keeps_the_run(run) -> None:
    content = json.loads(rescore(run).read_text())
    assert content["run"] == {"id": "abc"}
    (energy,) = (m for m in content["metrics"] if (m["name"], m["subset"]) == ("energy_mae", "all"))
    assert energy["value"] > 0.0
    assert rescored(run) == content
    assert sorted(p.name for p in run.iterdir() if not p.name.startswith(".lock")) == [
        "metrics.json",
        "predictions.extxyz",
        "training_means.json",
    ]


def test_rescoring_keeps_what_predictions_cannot_give(run, monkeypatch) -> None:
    cost = MetricInfo("cost", "s/atom", "lower", "made up", from_predictions=False)
    monkeypatch.setitem(METRICS, "cost", cost)
    old = json.loads((run / "metrics.json").read_text())
    kept = {"name": "cost", "subset": "all", "value": 3.0}
    old["metrics"].append(kept)
    (run / "metrics.json").write_text(json.dumps(old))
    content = rescored(run)
    assert content["metrics"][-1] == kept
    assert [m["name"] for m in content["metrics"]].count("cost") == 1


def test_rescoring_says_which_file_is_missing(run) -> None:
    (run / "training_means.json").unlink()
    with pytest.raises(BenchError, match=r"training_means\.json does not exist"):
        rescored(run)
