"""One page over a few made-up runs, hostile texts included."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.commands.report import main
from bench.runs.folder import Status
from tests.report.paper.made import probed, run
from tests.runs.test_collection import write_run

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
FORCES = {"short_range": 60.0, "polar": 40.0, "scf_qeq": 50.0}


def make_runs(place: Path) -> None:
    """Three points with two seeds each on slabs, one on a crystal, and some that went wrong."""
    for model, error in FORCES.items():
        for seed in (0, 1):
            numbers = {"forces_rmse": error + seed, "energy_rmse": error / 10 + 0.01 * seed}
            if model != "short_range":
                numbers |= {"dipole_slope_rmse": error / 100, "scf_unconverged_count": 0.0}
                numbers |= {"scf_iterations_mean": 5.0}
            seconds = 10.0 if model == "short_range" else 25.0
            run(place, model, numbers, f"seed={seed}", cpu_seconds=seconds)
    probed(run(place, "les", {"forces_rmse": 55.0}), chain_exponent=(2.7, "", 1.2))
    words = ["model=scf_levels", "preset=smoke", "model.l_max=0"]
    write_run(place, "broken", *words, status=Status.diverged, reason=f"loss NaN {HOSTILE}")
    run(place, "polar", {"forces_rmse": 30.0, "charge_difference_rmse": 0.2}, "system=sio2_vacancy")
    (place / "lost").mkdir()
    (place / "lost" / "status.json").write_text("{")


@pytest.fixture(scope="package")
def page(tmp_path_factory) -> Path:
    """The file that one command writes, in another folder than the runs'."""
    place = tmp_path_factory.mktemp("study")
    make_runs(place / "runs & more")
    out = place / "pages" / "report.html"
    assert main([str(place / "runs & more"), f"out={out}", f"title=A {HOSTILE}"]) == 0
    return out
